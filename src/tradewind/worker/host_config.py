"""What hosts and children need to know of the installation; a file that the agent writes for its template process."""

from pathlib import Path

import msgspec


class HostConfig(msgspec.Struct, kw_only=True):
    """Folders as absolute paths; `values` is what `airflow.configuration.conf` answers in task code."""

    dags_folder: str
    plugins_folder: str
    config_folder: str
    logs_folder: str
    spool_folder: str = ""
    """Where the reports of longer attempts are kept until they are committed; empty: nowhere."""
    xcoms_folder: str = ""
    xcom_inline_bytes: int = -1
    """XComs of more bytes go to files in `xcoms_folder`; -1: none does."""
    log_level: str = "INFO"
    default_timezone: str = "UTC"
    values: dict[str, dict[str, str]] = {}

    @classmethod
    def read(cls, path: str) -> "HostConfig":
        return msgspec.json.decode(Path(path).read_bytes(), type=cls)

    def write(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        temporary = path.with_name(path.name + ".new")
        temporary.touch(mode=0o600)
        temporary.write_bytes(msgspec.json.encode(self))
        temporary.replace(path)
