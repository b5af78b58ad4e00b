"""Where a Spark connection leads: the master, how to submit to it, and the addresses of a standalone master."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tradewind.sdk.connection import Connection
from tradewind.sdk.exceptions import AirflowException

BINARIES = ("spark-submit", "spark2-submit", "spark3-submit")
"""What a connection may name as its `spark-binary`: it is not to start any program that its author likes."""
DEPLOY_MODES = ("client", "cluster")


@dataclass(frozen=True, kw_only=True)
class SparkTarget:
    """A cluster as a connection describes it."""

    master: str = "yarn"
    deploy_mode: str | None = None
    queue: str | None = None
    binary: str = BINARIES[0]
    namespace: str | None = None
    principal: str | None = None
    keytab: str | None = None
    """Kerberos keytab in base64, as a connection keeps it."""
    rest_scheme: str = "http"
    rest_port: int = 6066
    web_port: int = 8080

    @property
    def is_yarn(self) -> bool:
        return "yarn" in self.master

    @property
    def is_kubernetes(self) -> bool:
        return "k8s" in self.master

    @property
    def is_standalone(self) -> bool:
        return self.master.startswith("spark://")

    @property
    def keeps_the_driver(self) -> bool:
        """Whether the driver lives on the standalone cluster, and so outlives the task that submitted it."""
        return self.is_standalone and self.deploy_mode == "cluster"

    @property
    def hosts(self) -> list[str]:
        """The hosts of a standalone cluster's masters; one of them leads."""
        places = self.master.removeprefix("spark://").split(",") if self.is_standalone else []
        return [place.strip().rsplit(":", 1)[0] for place in places if place.strip()]

    @property
    def rest_urls(self) -> list[str]:
        """Where the masters' submission servers are, if they are switched on."""
        return [f"{self.rest_scheme}://{host}:{self.rest_port}" for host in self.hosts]

    @property
    def web_urls(self) -> list[str]:
        """Where the masters' web pages are."""
        return [f"{self.rest_scheme}://{host}:{self.web_port}" for host in self.hosts]


def target_of(
    connection: Connection,
    *,
    deploy_mode: str | None = None,
    queue: str | None = None,
    binary: str | None = None,
    namespace: str | None = None,
    principal: str | None = None,
) -> SparkTarget:
    """The target of a connection; what the caller says goes before what its extra says."""
    extra = connection.extra_dejson
    where = f"Connection {connection.conn_id!r}"
    if extra.get("spark-home"):
        raise AirflowException(
            f"{where} has the extra spark-home, which would let it start any program; "
            "take it out and put the bin folder of that Spark on the PATH of the worker."
        )
    found = binary or extra.get("spark-binary") or BINARIES[0]
    if binary is None and found not in BINARIES:
        raise AirflowException(f"{where} has the spark-binary {found!r}; it can be {', '.join(BINARIES)}.")
    mode = deploy_mode or extra.get("deploy-mode") or None
    if mode is not None and mode not in DEPLOY_MODES:
        raise AirflowException(f"{where} is used with the deploy mode {mode!r}; it is client or cluster.")
    return SparkTarget(
        master=master_of(connection),
        deploy_mode=mode,
        queue=queue or extra.get("queue"),
        binary=found,
        namespace=namespace or extra.get("namespace"),
        principal=principal or extra.get("principal"),
        keytab=extra.get("keytab"),
        rest_scheme=extra.get("rest-scheme") or "http",
        rest_port=_number(extra, "rest-port", 6066, where),
        web_port=_number(extra, "web-port", 8080, where),
    )


def master_of(connection: Connection) -> str:
    """The master's address: the host if it is a whole one (`yarn`, `local[*]`, `k8s://https://…`), else made of it."""
    host, port = connection.host or "", connection.port
    if not host and connection.conn_type in ("spark", "spark_sql"):
        raise AirflowException(
            f"Connection {connection.conn_id!r} has no host; write the master there: "
            "spark://HOST, yarn, local[*] or k8s://https://HOST."
        )
    whole = "://" in host or not port
    master = host if connection.conn_type == "spark" and whole else f"{connection.conn_type}://{host}"
    return f"{master}:{port}" if port else master


def _number(extra: dict[str, Any], name: str, default: int, where: str) -> int:
    try:
        return int(extra.get(name) or default)
    except (TypeError, ValueError):
        raise AirflowException(f"{where} has {extra[name]!r} as {name}; it must be a number.") from None
