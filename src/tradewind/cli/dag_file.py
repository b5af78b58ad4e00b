"""Which file defines a Dag, when all that is known is its id."""

import re
from pathlib import Path

from tradewind.cli.reading import NoDatabase, open_reader
from tradewind.config import Settings
from tradewind.core.errors import DagNotFound, TradewindError


def file_of(settings: Settings, dag_id: str) -> Path:
    """The file on record, else the only one in the Dags folder that seems to define it. Raises TradewindError."""
    try:
        reader = open_reader(settings)
        try:
            path = settings.core.dags_folder / str(reader.dag(dag_id)["file"])
        finally:
            reader.close()
        if path.exists():
            return path
    except (NoDatabase, DagNotFound):
        pass
    from tradewind.dag_processor.files import dag_files

    folder, name = settings.core.dags_folder, re.escape(dag_id)
    defines = re.compile(rf"""["']{name}["']|def {name}\(""".encode())
    named = [path for path in map(folder.joinpath, dag_files(folder)) if defines.search(path.read_bytes())]
    if len(named) == 1:
        return named[0]
    where = f"{len(named)} files mention it: {', '.join(map(str, named))}" if named else f"no file in {folder} names it"
    raise TradewindError(f"The file of Dag {dag_id!r} is not known ({where}); `tradewind run FILE {dag_id}` names it.")
