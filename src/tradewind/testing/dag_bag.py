"""DagBag: what the Dag files of a folder define, read in this process."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec

from tradewind.core.dag import DagSpec
from tradewind.core.errors import TradewindError
from tradewind.dag_processor.files import dag_files
from tradewind.sdk.execution.masking import masker
from tradewind.sdk.execution.prepared import PreparedDag, prepare
from tradewind.testing.answers import Answers
from tradewind.testing.surroundings import surroundings
from tradewind.wire.messages import ImportProblem
from tradewind.worker.importing import load_file

IMPORT_SECONDS = 30.0
"""How long one file may take to import, as in an installation."""


class NoSuchFolder(TradewindError):
    """There is no folder of Dag files where one was looked for."""

    def __init__(self, folder: Path) -> None:
        super().__init__(
            f"There is no Dags folder {folder}; name it with --dags-folder, with tradewind_dags_folder in pytest's "
            "configuration, or as DagBag(FOLDER)."
        )
        self.folder = folder


class UnknownDag(TradewindError):
    """The files that were read define no such Dag."""

    def __init__(self, dag_id: str | None, known: Iterable[str], problems: Iterable[ImportProblem]) -> None:
        names = ", ".join(sorted(known))
        what = f"There is no Dag {dag_id!r} here" if dag_id else "Which Dag is meant?"
        said = "".join(f"\n{problem.message}\n{problem.traceback}" for problem in problems)
        super().__init__(f"{what}; there {'is ' + names if names else 'is none'}.{said}")
        self.dag_id = dag_id


@dataclass(eq=False)
class BaggedDag:
    """One Dag: as its author made it, and as the scheduler sees it."""

    dag: Any
    spec: DagSpec
    folder: Path

    @cached_property
    def prepared(self) -> PreparedDag:
        """Ready to run attempts."""
        return prepare(self.dag)


class DagBag:
    """The Dags of a folder by id: `bag["etl"].tasks`. Nothing is raised for a file that cannot be imported: it is in
    `import_errors`.

    `variables` and `connections` are what the files find when they ask for some; the environment is looked at as well.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        files: Iterable[str] | None = None,
        variables: Mapping[str, Any] | None = None,
        connections: Mapping[str, Any] | None = None,
    ) -> None:
        """`files` (relative to the folder) are read in place of every file that may define Dags."""
        self.folder = Path(folder).absolute()
        if not self.folder.is_dir():
            raise NoSuchFolder(self.folder)
        self.import_errors: dict[str, list[ImportProblem]] = {}
        """By file: each problem with its `line`, `message` and `traceback`."""
        self.bagged: dict[str, BaggedDag] = {}
        answers = Answers(variables, connections)
        with surroundings(self.folder, answers, variables=variables or (), connections=connections or ()):
            for name in files if files is not None else dag_files(self.folder):
                self._read(name)
            self.secrets = masker().known
            """What the files came to know, to be masked in the logs of their tasks."""

    @property
    def dags(self) -> dict[str, Any]:
        """The Dags as their authors made them, by id."""
        return {dag_id: each.dag for dag_id, each in self.bagged.items()}

    @property
    def dag_ids(self) -> list[str]:
        return list(self.bagged)

    def get_dag(self, dag_id: str) -> Any:
        """The Dag, or None."""
        return self.dags.get(dag_id)

    def size(self) -> int:
        """How many Dags there are."""
        return len(self.bagged)

    def chosen(self, dag_id: str | None) -> BaggedDag:
        """The Dag of this id, or the only one. Raises UnknownDag, with what is wrong with the files."""
        if dag_id is None and len(self.bagged) == 1:
            return next(iter(self.bagged.values()))
        if dag_id is None or dag_id not in self.bagged:
            problems = (problem for problems in self.import_errors.values() for problem in problems)
            raise UnknownDag(dag_id, self.bagged, problems)
        return self.bagged[dag_id]

    def __getitem__(self, dag_id: str) -> Any:
        return self.chosen(dag_id).dag

    def __contains__(self, dag_id: object) -> bool:
        return dag_id in self.bagged

    def __iter__(self) -> Iterator[str]:
        return iter(self.bagged)

    def __len__(self) -> int:
        return len(self.bagged)

    def __bool__(self) -> bool:
        return True

    def __repr__(self) -> str:
        return f"<DagBag {self.folder}: {', '.join(self.bagged) or 'no Dags'}>"

    def _read(self, name: str) -> None:
        loaded = load_file(str(self.folder / name), name, digest="", parse_id=0, timeout_seconds=IMPORT_SECONDS)
        problems = list(loaded.report.problems)
        for spec in (msgspec.json.decode(encoded, type=DagSpec) for encoded in loaded.report.specs):
            other = self.bagged.get(spec.dag_id)
            if other is not None:
                message = (
                    f"Dag {spec.dag_id!r} is defined in {other.spec.file} and again in {name}; rename one of them."
                )
                problems.append(ImportProblem(file=name, kind="DuplicateDagId", message=message, dag_id=spec.dag_id))
            else:
                self.bagged[spec.dag_id] = BaggedDag(loaded.dags[spec.dag_id], spec, self.folder)
        if problems:
            self.import_errors[name] = problems


def bag_of_file(file: str | Path, **given: Any) -> DagBag:
    """What one Dag file defines."""
    path = Path(file).absolute()
    if not path.is_file():
        raise FileNotFoundError(f"There is no Dag file {path}.")
    return DagBag(path.parent, files=[path.name], **given)


def bag_of_dag(dag: Any) -> DagBag:
    """A bag of one Dag that was made in a test."""
    from tradewind.sdk.serialize import dag_spec

    bag = DagBag(Path.cwd(), files=())
    bag.bagged[dag.dag_id] = BaggedDag(dag, _as_read(dag_spec(dag, "test.py")), bag.folder)
    return bag


def _as_read(spec: DagSpec) -> DagSpec:
    return msgspec.json.decode(msgspec.json.encode(spec), type=DagSpec)
