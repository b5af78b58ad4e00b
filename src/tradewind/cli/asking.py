"""What the tasks of a run ask people, said once each beside the run."""

import click

from tradewind.cli.app import printable
from tradewind.cli.damaged import readable
from tradewind.cli.hitl import question_lines
from tradewind.cli.live import Board
from tradewind.cli.reading import Reader
from tradewind.cli.run_lines import Snapshot


class Asking:
    """A board that also says which tasks wait for an answer, and how to give it."""

    def __init__(self, board: Board, reader: Reader, dag_id: str, home: str) -> None:
        self._board, self._reader = board, reader
        self._dag_id, self._home = dag_id, home
        self._said: set[str] = set()

    def show(self, snapshot: Snapshot) -> None:
        if snapshot.with_state("awaiting_input"):
            self._say(snapshot.run["run_id"])
        self._board.show(snapshot)

    def _say(self, run_id: str) -> None:
        for row in self._reader.questions(self._dag_id, "pending"):
            if row["run_id"] == run_id and row["id"] not in self._said:
                self._said.add(row["id"])
                for lines in readable([row], "question", lambda row: question_lines(row, self._home)):
                    click.echo(printable("\n".join(lines)))

    def close(self) -> None:
        self._board.close()
