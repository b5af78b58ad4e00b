"""The composition root: picks implementations, starts processes, restarts what dies.

`standalone` forks its services from one small parent that has no threads. What scheduler and HTTP server both need
it has imported before it forks them, once and into memory that they share; each imports the rest of its own. The parent
only waits, forwards signals and restarts.
"""

import errno
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tradewind.config import Settings
from tradewind.core.errors import AnotherOwner, TradewindError
from tradewind.security.privacy import check_private, is_open
from tradewind.worker.only_one import OnlyOne, WorkerRunsAlready
from tradewind.worker.process import (
    answer_quickly,
    die_with_parent,
    keep_little_memory,
    kill_leftovers,
    kill_marked,
    name_process,
    tree_mark,
)

STOP_SECONDS = 10.0
"""How long services may take to stop before they are killed."""

REST_AFTER_SECONDS = 3.0
"""When a server imports what nobody has asked for yet: others that start beside it have the processors until then."""

QUICK_DEATH_SECONDS = 5.0

REFUSED = 4
"""Exit status of a service that has said in a sentence why it cannot begin."""

_has_begun = False
"""In the process of a service: whether it has begun its work. What stops it after that may pass."""


@dataclass(slots=True)
class Service:
    """One process of the tree."""

    name: str
    main: Callable[[Settings], None]
    before: Callable[[], None] | None = None
    """What the parent does before it starts this service for the first time."""
    pid: int = 0
    started: float = 0.0
    quick_deaths: int = 0
    lives: int = 0
    start_at: float = 0.0


@dataclass(slots=True)
class Tree:
    """The services under one parent."""

    settings: Settings
    services: list[Service]
    stopping: bool = False
    refused: bool = False
    """A service could not begin at all, for a reason that starting it again does not mend."""

    def run(self) -> int:
        """Start everything and keep it running until SIGTERM or SIGINT, or until a service refuses to begin; returns
        the exit status."""
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        for service in self.services:
            if service.before is not None:
                service.before()
            self._start(service)
        while not self.stopping:
            self._reap(block=True)
            now = time.monotonic()
            for service in self.services:
                if not service.pid and not self.stopping and service.start_at <= now:
                    self._start(service)
        return self._stop_all()

    def _stop(self, number: int, frame: Any) -> None:
        self.stopping = True

    def _start(self, service: Service) -> None:
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            try:
                signal.signal(signal.SIGTERM, signal.SIG_DFL)
                signal.signal(signal.SIGINT, signal.SIG_IGN)
                os.setpgid(0, 0)
                die_with_parent(parent)
                name_process(f"tw-{service.name}")
                service.main(self.settings)
            except TradewindError as error:
                sys.stderr.write(f"{service.name}: {error}\n")
                os._exit(1 if _has_begun else REFUSED)
            except BaseException:
                import traceback

                traceback.print_exc()
                sys.stderr.flush()
                os._exit(1)
            finally:
                sys.stdout.flush()
            os._exit(0)
        service.pid, service.started = pid, time.monotonic()
        service.lives += 1

    def _reap(self, *, block: bool) -> None:
        """Wait up to a moment for a child to end; a dead service starts again, later and later if it dies at once."""
        if block:
            signal.sigtimedwait([signal.SIGCHLD], 0.5) if _blocked() else time.sleep(0.2)
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            for service in self.services:
                if service.pid == pid:
                    self._died(service, status)

    def _died(self, service: Service, status: int) -> None:
        service.pid = 0
        if self.stopping:
            return
        lived = time.monotonic() - service.started
        service.quick_deaths = service.quick_deaths + 1 if lived < QUICK_DEATH_SECONDS else 0
        delay = min(10.0, 0.1 * 2**service.quick_deaths) if service.quick_deaths > 1 else 0.0
        service.start_at = time.monotonic() + delay
        code = os.waitstatus_to_exitcode(status)
        if code == REFUSED and service.lives == 1:
            self.refused = self.stopping = True
            return
        sys.stderr.write(f"{service.name} ended (status {code}) and is started again.\n")

    def _stop_all(self) -> int:
        """The agent first, so that what it runs can end and be recorded; then the others."""
        agents = [service for service in self.services if service.name == "agent"]
        for group in (agents, self.services):
            for service in group:
                if service.pid:
                    os.kill(service.pid, signal.SIGTERM)
            deadline = time.monotonic() + STOP_SECONDS
            while any(service.pid for service in group) and time.monotonic() < deadline:
                time.sleep(0.02)
                self._reap(block=False)
        for service in self.services:
            if service.pid:
                os.kill(service.pid, signal.SIGKILL)
        if self.refused:
            return 1  # what bears our mark may belong to another tree
        kill_leftovers(tree_mark("local", self.settings.home))
        return 0


def _blocked() -> bool:
    """SIGCHLD is blocked in the parent, so that waiting for it misses none."""
    return signal.SIGCHLD in signal.pthread_sigmask(signal.SIG_BLOCK, [])


# --- the services ------------------------------------------------------------------------------------------------


def import_what_is_shared() -> None:
    """Import what scheduler and HTTP server both need, in the parent of both: it takes half a second and 25 MB, which
    each would need for itself."""
    import gc
    import importlib

    for name in (
        "uvloop", "tradewind.observability.logs", "tradewind.security.secrets", "tradewind.store.accounts",
        "tradewind.store.checked", "tradewind.store.opening", "tradewind.wire.events", "tradewind.wire.log_files",
    ):  # fmt: skip
        importlib.import_module(name)
    gc.collect()
    gc.freeze()  # a collection in a child would write to every page of it


def run_scheduler(settings: Settings, *, greets: bool = False) -> None:
    """The scheduler process: migrate the database, then be the owner or stand by.

    `greets`: where people log in and nobody is known yet, it makes the first account and says how to come in.
    """
    import gc

    from tradewind.observability.logs import configure_logging
    from tradewind.scheduler.service import SchedulerService
    from tradewind.security.secrets import open_vault
    from tradewind.store.opening import open_migrated

    configure_logging(settings)
    answer_quickly()
    os.umask(0o077)
    check_private(settings)
    engine = open_migrated(settings.database.sql_alchemy_conn, aside=True)
    service = SchedulerService(
        settings, engine, open_vault(settings), lambda worker: kill_marked(tree_mark(worker, settings.home))
    )
    gc.collect()
    gc.freeze()
    # Records come and go in batches of hundreds and hold no cycles: looking for some at every batch finds none.
    gc.set_threshold(20_000, 20, 20)

    greeting = (lambda: _greet(settings, service)) if greets and not is_open(settings) else None
    _run_until_stopped(service, on_ready=greeting)


def _begun() -> None:
    global _has_begun
    _has_begun = True


def _greet(settings: Settings, service: Any) -> None:
    """Make the first accounts beside the scheduler's work; a password that nobody knows is shown once."""
    import asyncio

    from tradewind.security.first_accounts import first_accounts
    from tradewind.security.passwords import hash_password
    from tradewind.store.accounts import number_of_accounts

    def wanted() -> list[tuple[Any, str]]:
        with service.scheduler.engine.connect() as connection:
            if number_of_accounts(connection):
                return []
        return [(account, hash_password(account.password)) for account in first_accounts(settings)]

    async def make() -> None:
        try:
            for number, (account, password_hash) in enumerate(await asyncio.to_thread(wanted)):
                await service.command(
                    "account.create", username=account.username, password_hash=password_hash, roles=[account.role],
                    email=account.email, first_name=account.first_name, last_name=account.last_name, first=number == 0,
                )  # fmt: skip
                if account.is_random:
                    print(
                        f"Log in as {account.username} with the password {account.password} (shown this once; "
                        f"`tradewind users reset-password -u {account.username}` sets another).",
                        flush=True,
                    )
        except TradewindError as error:
            sys.stderr.write(f"The first account could not be made: {error}\n")

    service.greeting = asyncio.ensure_future(make())  # kept: a task that nobody holds may be collected


def run_agent(settings: Settings, name: str = "local", queues: list[str] | None = None) -> None:
    """The agent process."""
    import asyncio

    from tradewind.worker.service import AgentService

    answer_quickly()
    os.environ.pop("_AIRFLOW_WWW_USER_PASSWORD", None)  # it would go on to tasks
    # uvloop keeps SIGCHLD for itself, and the agent reaps its own children.
    _run_until_stopped(AgentService(settings, name=name, queues=queues), loop_factory=asyncio.SelectorEventLoop)


def _run_until_stopped(service: Any, loop_factory: Any = None, on_ready: Callable[[], None] | None = None) -> None:
    import asyncio

    if loop_factory is None:
        import uvloop

        loop_factory = uvloop.new_event_loop

    async def run() -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, service.stopping.set)
        try:
            await service.run(ready)
        finally:
            # It is ending already: one more wish to stop must not find a loop that is half closed.
            for number in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(number)
                signal.signal(number, signal.SIG_IGN)

    def ready() -> None:
        _begun()
        if on_ready is not None:
            on_ready()

    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(run())


def run_api(settings: Settings, listening: socket.socket) -> None:
    """The HTTP server on a socket that the parent has bound."""
    import threading

    import uvicorn

    from tradewind.api.app import make_app
    from tradewind.api.serving import Server
    from tradewind.observability.logs import configure_logging
    from tradewind.store.engine import open_reader

    configure_logging(settings)
    keep_little_memory()
    signal.pthread_sigmask(signal.SIG_SETMASK, [])
    os.umask(0o077)
    url = settings.database.sql_alchemy_conn
    if url.startswith("sqlite:///"):
        path = url.removeprefix("sqlite:///")
        while not os.path.exists(path):
            time.sleep(0.02)
    check_private(settings)
    app = make_app(settings, open_reader(url))
    config = uvicorn.Config(
        app, log_level="warning", loop="uvloop", lifespan="off", access_log=False, timeout_graceful_shutdown=2,
        proxy_headers=False,  # whom to believe is ours to decide: see api/outside.py
        server_header=False, ssl_certfile=settings.api.ssl_cert or None, ssl_keyfile=settings.api.ssl_key or None,
    )  # fmt: skip
    rest = threading.Timer(REST_AFTER_SECONDS, app.state.late.add)
    rest.daemon = True
    rest.start()
    _begun()
    Server(config, app).run(sockets=[listening])


def bind_api(settings: Settings) -> tuple[socket.socket, str, str]:
    """A listening socket for the API, its address, and a notice for the user if it is not the one asked for."""
    wanted = int(settings.api.port)
    host, notice = _host(settings)
    with_tls = _check_tls(settings)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for port in [wanted, *range(wanted + 1, wanted + 50), 0] if wanted else [0]:
        sock = socket.socket(family)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind((host, port))
        except OSError as error:
            sock.close()
            if isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL:
                raise TradewindError(f"[api] host {host} is no address of this machine; 0.0.0.0 is all.") from None
            continue
        sock.listen(256)
        port = sock.getsockname()[1]
        if wanted and port != wanted:
            notice = f"{notice} Port {wanted} is taken; the server listens on {port}.".strip()
        near = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)
        return sock, f"{'https' if with_tls else 'http'}://{near}:{port}{settings.base_path}", notice
    raise TradewindError(f"No free port on {host}; set [api] port.")


LOOPBACK = ("127.0.0.1", "localhost", "::1")


def _host(settings: Settings) -> tuple[str, str]:
    """The address to listen on, and what is to be said about it."""
    host, api = settings.api.host.strip() or "127.0.0.1", settings.api
    if host in LOOPBACK:
        return host, "Nobody has to log in: everybody on this machine may do everything." if is_open(settings) else ""
    if is_open(settings) and not api.allow_open_network:
        return "127.0.0.1", (
            f"Nobody has to log in, so it listens on 127.0.0.1 instead of {host}; [api] authenticate = True "
            "opens it to the network, [api] allow_open_network = True does so without a login."
        )
    if is_open(settings):
        return host, f"Nobody has to log in: everybody who reaches {host} may run code here."
    if not api.ssl_cert and not api.enable_proxy_fix:
        return host, (
            f"It listens on {host} without TLS: passwords can be read on their way. Set [api] ssl_cert and ssl_key, or "
            "put a proxy with TLS in front and set [api] enable_proxy_fix = True."
        )
    return host, ""


def _check_tls(settings: Settings) -> bool:
    """Whether HTTPS is spoken. Raises TradewindError for a certificate or key that cannot be used."""
    cert, key = settings.api.ssl_cert, settings.api.ssl_key
    if not cert and not key:
        return False
    if not cert or not key:
        raise TradewindError("[api] ssl_cert and ssl_key belong together; set both, or none.")
    import ssl

    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(cert, key)
    except (OSError, ssl.SSLError) as error:
        raise TradewindError(f"[api] ssl_cert {cert} and ssl_key {key} cannot be used: {error}.") from None
    return True


def run_standalone(settings: Settings, *, api: bool = True, say: Callable[[str], None] = print) -> int:
    """`tradewind standalone`: everything in one tree. Returns the exit status after SIGTERM or SIGINT."""
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGCHLD])
    settings.ensure_home()
    _require_an_idle_home(settings)
    check_private(settings)
    settings.core.dags_folder.mkdir(parents=True, exist_ok=True)
    # The agent has no database: it is off before what the others share is imported.
    services = [
        Service("agent", run_agent),
        Service("scheduler", lambda settings: run_scheduler(settings, greets=api), before=import_what_is_shared),
    ]
    if api:
        listening, address, notice = bind_api(settings)
        services.append(Service("api", lambda settings: run_api(settings, listening)))
        if notice:
            say(notice)
        (settings.home / "run").mkdir(parents=True, exist_ok=True, mode=0o700)
        _write_private(settings.home / "run" / "api.url", address + "\n")
        say(f"Tradewind serves {settings.core.dags_folder} at {address} (home {settings.home}); Ctrl-C stops it.")
    return Tree(settings, services).run()


def _require_an_idle_home(settings: Settings) -> None:
    """Another tree in this home is noticed before anything is touched."""
    try:
        OnlyOne(settings.home / "run", "local").release()
    except WorkerRunsAlready as error:
        pid = f" (pid {error.pid})" if error.pid else ""
        raise TradewindError(
            f"Tradewind runs already in this home, {settings.home}{pid}: use that one, or stop it; a second one needs "
            "a home of its own (`tradewind --home FOLDER standalone`)."
        ) from None


def _write_private(path: Path, text: str) -> None:
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)


# --- without a server --------------------------------------------------------------------------------------------


def apply_offline(settings: Settings, command: Any) -> Any:
    """Apply one Command where no scheduler runs: takes the owner's lease for the moment, with the same code.

    Returns a CommandResult. Raises AnotherOwner when a scheduler holds the lease.
    """
    from datetime import UTC, datetime
    from uuid import uuid4

    from tradewind.scheduler.audit import rows_of_command
    from tradewind.scheduler.commands import answer_of, wish_of
    from tradewind.scheduler.owner import Owner
    from tradewind.scheduler.wishes import Context
    from tradewind.security.secrets import open_vault
    from tradewind.store.loader import load_world
    from tradewind.store.opening import open_migrated
    from tradewind.store.writer import Writer
    from tradewind.wire.messages import CommandResult

    settings.ensure_home()
    engine = open_migrated(settings.database.sql_alchemy_conn)
    writer = Writer(engine)
    writer.connect()
    lease = writer.acquire(f"cli:{os.getpid()}", uuid4().hex)
    if lease is None:
        writer.close()
        engine.dispose()
        raise AnotherOwner

    def now() -> datetime:
        return datetime.now(UTC)

    def load(number: int) -> Any:
        return load_world(engine, parallelism=settings.core.parallelism, next_run_number=number, now=now())

    class Silent:
        def tell(self, operations: Any) -> None:
            """Nobody listens; workers are offered their attempts when a scheduler starts."""

        def publish(self, events: Any) -> None:
            """Nobody listens."""

    result: list[CommandResult] = []

    def reply(answer: Any, error: Exception | None) -> None:
        if error is None:
            value = answer_of(command.kind, answer)
            result.append(CommandResult(key=command.key, state="applied", value=value))
        else:
            kind = type(error).__name__
            result.append(CommandResult(key=command.key, state="refused", error=str(error), kind=kind))

    try:
        world = load(lease.next_run_number)
        owner = Owner(
            writer=writer, lease=lease, world=world, load=load, outlet=Silent(), clock=now, new_id=lambda: uuid4().hex
        )
        vault = open_vault(settings)
        context = Context(lambda: owner.world, engine, vault.encrypt, vault.decrypt, now, lambda _: 0)

        def also(answer: Any) -> Any:
            value = answer_of(command.kind, answer)
            return rows_of_command(command.key, command.kind, command.body, command.actor, now(), value)

        owner.submit(lambda: wish_of(context, command.kind, command.body, command.actor), reply, also)
        while not result:  # what loading has set aside is noted first
            if not owner.turn():
                raise TradewindError("The database cannot be written now; try again.")
        return result[0]
    finally:
        writer.release(lease)
        writer.close()
        engine.dispose()
