"""The template process: has imported what every Dag file needs, and forks code hosts. It never runs author code.

Started by the agent with its control socket as descriptor 3 (`python -m tradewind.worker.template`). Single-threaded
from start to end, so that its forks are safe.
"""

import gc
import os
import select
import signal
import socket
import sys

from tradewind.wire.messages import Exited, StartHost, StartTriggerHost
from tradewind.worker.channel import Channel, ChannelClosed
from tradewind.worker.forking import watch_register_at_fork
from tradewind.worker.process import BIND_NOW, die_with_parent, name_process

watch_register_at_fork()


def main() -> None:
    """Serve until the agent is gone."""
    control = Channel(socket.socket(fileno=int(sys.argv[1])), with_fds=True)
    config = os.environ.pop("TRADEWIND_HOST_CONFIG", "{}")
    if os.environ.get(BIND_NOW[0]) == BIND_NOW[1]:
        del os.environ[BIND_NOW[0]]  # it has worked; what tasks start is not to have it
    name_process("tw-template")
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    import_everything()
    wake = _wake_on_child()
    gc.collect()
    gc.freeze()
    try:
        while True:
            ready, _, _ = select.select([control.socket, wake], [], [])
            if wake in ready:
                wake.recv(4096)
                _reap(control)
            if control.socket in ready:
                control.read()
                while (message := control.pending()) is not None:
                    if isinstance(message, StartHost | StartTriggerHost):
                        _start_host(control, wake, message, config)
    except ChannelClosed:
        os._exit(0)


def import_everything() -> None:
    """What a code host would otherwise import at its start. Author code and heavy libraries stay out."""
    import tradewind.compat
    import tradewind.worker.code_host

    tradewind.compat.install()
    from tradewind.worker.code_host import warm_up

    warm_up()


def _wake_on_child() -> socket.socket:
    """A socket that becomes readable when a child has ended."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.setblocking(False)
    signal.set_wakeup_fd(theirs.fileno(), warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    globals()["_wake_end"] = theirs
    return ours


def _reap(control: Channel) -> None:
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        control.send(Exited(pid=pid, status=status))


def _start_host(control: Channel, wake: socket.socket, order: StartHost | StartTriggerHost, config: str) -> None:
    fd = control.take_fd()
    parent = os.getpid()
    pid = os.fork()
    if pid:
        os.close(fd)
        return
    try:
        die_with_parent(parent)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for end in (control.socket, wake, globals()["_wake_end"]):
            end.close()
        _be_host(Channel(socket.socket(fileno=fd)), order, config)
    except BaseException:
        _last_words()
    finally:
        os._exit(1)


def _be_host(control: Channel, order: StartHost | StartTriggerHost, config: str) -> None:
    if isinstance(order, StartHost):
        from tradewind.worker.code_host import CodeHost

        CodeHost(control, order, config).run()
    else:
        from tradewind.worker.trigger_host import TriggerHost

        TriggerHost(control, config).run()


def _last_words() -> None:
    import traceback

    traceback.print_exc()


if __name__ == "__main__":
    main()
