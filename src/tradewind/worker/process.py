"""What the kernel is asked about processes: parents, sessions, memory, and killing a tree for certain."""

import contextlib
import ctypes
import os
import signal
import time
from collections.abc import Callable, Iterable
from pathlib import Path

TREE_MARK = "TRADEWIND_TREE"
"""Environment variable that marks every process below an agent; /proc shows it even after setsid and re-parenting."""

BIND_NOW = ("LD_BIND_NOW", "for tradewind's template")
"""Environment variable, and its value, by which the loader looks up every C function at the start of a process. Else
each child would look up its own, and copy pages for it."""

_SIGKILL = int(signal.SIGKILL)  # a plain number: to ask the enumeration costs each child pages of its own
_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_NAME = 15
try:
    _libc: ctypes.CDLL | None = ctypes.CDLL(None, use_errno=True)
    _prctl = _libc.prctl if _libc is not None else None
except (OSError, AttributeError):  # not Linux
    _prctl = None


def die_with_parent(parent: int) -> None:
    """Have the kernel kill this process when its parent dies; at once if it has died already."""
    if _prctl is not None:
        _prctl(_PR_SET_PDEATHSIG, _SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def outlive_parent() -> None:
    """Take back `die_with_parent`."""
    if _prctl is not None:
        _prctl(_PR_SET_PDEATHSIG, 0, 0, 0, 0)


def adopt_orphans() -> None:
    """Become the parent of descendants whose own parent dies, so that none is ever out of reach."""
    if _prctl is not None:
        _prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def name_process(name: str) -> None:
    """What `ps` and `top` show (15 bytes)."""
    if _prctl is not None:
        _prctl(_PR_SET_NAME, name.encode()[:15], 0, 0, 0)


class _SchedAttr(ctypes.Structure):
    _fields_ = [
        ("size", ctypes.c_uint32),
        ("policy", ctypes.c_uint32),
        ("flags", ctypes.c_uint64),
        ("nice", ctypes.c_int32),
        ("priority", ctypes.c_uint32),
        ("runtime", ctypes.c_uint64),
        ("deadline", ctypes.c_uint64),
        ("period", ctypes.c_uint64),
    ]


def answer_quickly() -> None:
    """Ask the kernel for short slices, so that this process runs soon after it is woken although others are busy.

    A message to it wakes it on the processor of the sender, which otherwise goes on for its whole slice (3 ms). The
    share of processor time stays what it was; children have the usual slices. Kernels before 6.12 pay no heed.
    """
    numbers = {"x86_64": 314, "aarch64": 274}
    number = numbers.get(os.uname().machine)
    if _libc is None or number is None:
        return
    attributes = _SchedAttr(size=ctypes.sizeof(_SchedAttr), flags=1, nice=os.nice(0), runtime=100_000)
    _libc.syscall(number, 0, ctypes.byref(attributes), 0)


M_TRIM_THRESHOLD, M_ARENA_MAX = -1, -8
"""Parameters of mallopt(3), from glibc's malloc.h."""


def keep_little_memory() -> None:
    """Have glibc's malloc return what is freed: one arena for all threads, and no free end of it above 128 KB.

    For a process whose threads wait more than they compute: with a page open, the HTTP server of a small installation
    has 20 MB less at rest. Does nothing where variables of the environment say how malloc should be.
    """
    mallopt = getattr(_libc, "mallopt", None)
    if mallopt is None or any(name.startswith(("MALLOC_", "GLIBC_TUNABLES")) for name in os.environ):
        return
    mallopt(M_ARENA_MAX, 1)
    mallopt(M_TRIM_THRESHOLD, 128 * 1024)


def kill_group(pid: int) -> bool:
    """SIGKILL to a process group. True if there was one."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def kill_tree(pid: int) -> None:
    """SIGKILL to a process, all below it, the youngest first, and its group."""
    for member in reversed(tree_of(pid)):
        kill_process(member)
    kill_group(pid)


def kill_process(pid: int, number: int = signal.SIGKILL) -> bool:
    """A signal to a process. True if there was one that may be sent to."""
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


class OwnChildren:
    """The direct children of this process, which has one thread. Cheap to ask again and again."""

    def __init__(self) -> None:
        try:
            self._file = os.open(f"/proc/self/task/{os.getpid()}/children", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:  # not Linux
            self._file = -1

    def now(self) -> list[int]:
        """Their process ids; none where the system does not say."""
        found, data = b"", b" "
        while self._file >= 0 and (data := os.pread(self._file, 65536, len(found))):
            found += data
        return [int(pid) for pid in found.split()]

    @property
    def ends(self) -> list[int]:
        """The descriptors behind it: not a child's own."""
        return [self._file] if self._file >= 0 else []


def children_of(pid: int) -> list[int]:
    """Direct children, of every thread."""
    out: list[int] = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children") as file:
                out += map(int, file.read().split())
    except (OSError, ValueError):
        pass
    return out


def tree_of(pid: int) -> list[int]:
    """The process and all its descendants."""
    found, todo = [pid], [pid]
    while todo:
        children = children_of(todo.pop())
        found += children
        todo += children
    return found


def private_memory(pids: Iterable[int]) -> int:
    """Bytes that would be free again if these processes ended (private pages), shared ones left out."""
    total = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/smaps_rollup", "rb") as file:
                for line in file:
                    if line.startswith((b"Private_Clean:", b"Private_Dirty:")):
                        total += int(line.split()[1]) * 1024
        except (OSError, ValueError, IndexError):
            continue
    return total


def available_memory(meminfo: Path = Path("/proc/meminfo"), group: Path = Path("/sys/fs/cgroup")) -> int:
    """Bytes that new processes can have without swapping: of the machine, or of the container where that has less."""
    words = [line.split() for line in meminfo.read_bytes().splitlines()]
    free = next(int(line[1]) * 1024 for line in words if line[0] == b"MemAvailable:")
    try:
        limit = int((group / "memory.max").read_bytes())  # ValueError for `max`
        used = int((group / "memory.current").read_bytes())
        cache = dict(line.split() for line in (group / "memory.stat").read_bytes().splitlines())
        return min(free, max(0, limit - used + int(cache[b"inactive_file"])))
    except (OSError, ValueError, KeyError):
        return free


def memory_percent(meminfo: Path = Path("/proc/meminfo"), group: Path = Path("/sys/fs/cgroup")) -> float:
    """How much of the memory is in use that `available_memory` speaks of; 0 where nobody can say."""
    try:
        words = [line.split() for line in meminfo.read_bytes().splitlines()]
        total = next(int(line[1]) * 1024 for line in words if line[0] == b"MemTotal:")
        with contextlib.suppress(OSError, ValueError):
            total = min(total, int((group / "memory.max").read_bytes()))
        return _percent(1 - available_memory(meminfo, group) / total)
    except (OSError, ValueError, IndexError, StopIteration, ZeroDivisionError):
        return 0.0


def disk_percent(folder: str) -> float:
    """How much of the disk that holds the folder is in use, as `df` says it; 0 where nobody can say."""
    try:
        disk = os.statvfs(folder)
        return _percent((disk.f_blocks - disk.f_bfree) / (disk.f_blocks - disk.f_bfree + disk.f_bavail))
    except (OSError, ZeroDivisionError):
        return 0.0


def machine_cpu(stat: Path = Path("/proc/stat")) -> tuple[float, float]:
    """Busy and all CPU seconds of the machine's processors since its start; zeros where nobody can say."""
    try:
        first = stat.read_bytes().split(b"\n", 1)[0].split()
        ticks = [int(field) for field in first[1:9]]  # guests are counted among users
        idle = ticks[3] + ticks[4]  # waiting for disks is no work
    except (OSError, ValueError, IndexError):
        return 0.0, 0.0
    a_second = os.sysconf("SC_CLK_TCK")
    return (sum(ticks) - idle) / a_second, sum(ticks) / a_second


def _percent(part: float) -> float:
    """Tenths are enough, and never more than there is: 89.99 % is not 90."""
    return int(1000 * min(max(part, 0.0), 1.0)) / 10


def cpu_seconds(pids: Iterable[int]) -> float:
    """User and system time of these processes and of the children that they have waited for."""
    ticks = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/stat", "rb") as file:
                fields = file.read().rsplit(b")", 1)[1].split()
            ticks += sum(int(field) for field in fields[11:15])
        except (OSError, ValueError, IndexError):
            continue
    return ticks / os.sysconf("SC_CLK_TCK")


def tree_mark(worker: str, home: Path) -> str:
    """What marks the processes below a worker of this home."""
    return f"{worker}@{home}"


def marked_processes(mark: str) -> list[int]:
    """Every process of this machine whose environment, as it was started, carries this tree mark."""
    wanted = f"{TREE_MARK}={mark}".encode()
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit() or int(name) == os.getpid():
            continue
        try:
            environment = Path(f"/proc/{name}/environ").read_bytes()
        except OSError:
            continue
        if wanted in environment.split(b"\0"):
            found.append(int(name))
    return found


def kill_leftovers(mark: str, *, patience: float = 5.0, sleep: Callable[[float], None] = time.sleep) -> int:
    """Kill what an earlier agent of this mark left behind, and see it gone. Says how many processes there were."""
    killed: set[int] = set()
    waited = 0.0
    while left := kill_marked(mark):
        killed.update(left)
        if waited > patience:
            break
        sleep(0.01)
        waited += 0.01
    return len(killed)


def kill_marked(mark: str) -> list[int]:
    """SIGKILL to every process of this mark that is not dead already; which ones they were."""
    left = [pid for pid in marked_processes(mark) if not _is_zombie(pid)]
    return [pid for pid in left if kill_process(pid)]


def _is_zombie(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rsplit(b")", 1)[1].split()[0] in (b"Z", b"X")
    except (OSError, IndexError):
        return True


def thread_names() -> list[str]:
    """Names of this process's native threads."""
    names = []
    for thread in os.listdir("/proc/self/task"):
        try:
            names.append(Path(f"/proc/self/task/{thread}/comm").read_text().strip())
        except OSError:
            continue
    return names
