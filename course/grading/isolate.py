"""A world of its own for one submission, made inside the sandbox by a fork of the template.

Three processes: the *warden* watches from outside and kills; the *init* is process 1 of a new
process namespace; the *student* process runs the code, without any capability.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import select
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from course.grading.limits import Limits

libc = ctypes.CDLL(None, use_errno=True)

CLONE_NEWNS, CLONE_NEWIPC = 0x20000, 0x8000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000
MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_BIND = 2, 4, 8, 0x1000
MS_REC, MS_PRIVATE = 0x4000, 0x40000
PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS, PR_CAPBSET_DROP = 4, 38, 24
NOBODY = 65534
LOOK_EVERY = 0.1


def become_nobody() -> None:
    """Leave root for good, with a /proc that later worlds may mount again (template only)."""
    if os.getuid() != 0:
        return
    _mount("proc", "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
    os.setgroups([])
    os.setgid(NOBODY)
    os.setuid(NOBODY)
    libc.prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)


def run_in_world(
    work: Callable[[], None], lifeline: socket.socket, limits: Limits, sandboxed: bool
) -> None:
    """Run `work` in a world of its own until it ends or `lifeline` is closed.

    Says on the lifeline why it ended: "exit 0", "signal 9", "memory", "processes".
    """
    shared = _private(_status(Path("/proc/self"))) if sandboxed else 0
    if sandboxed:
        _new_namespaces()
    init = os.fork()
    if init == 0:
        lifeline.close()
        _init(work, limits, sandboxed)
    reason = _watch(init, lifeline, limits, shared, sandboxed)
    with contextlib.suppress(OSError):
        lifeline.send(reason.encode())


def _new_namespaces() -> None:
    uid, gid = os.getuid(), os.getgid()
    flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWNET
    _checked(libc.unshare(flags), "unshare")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"{uid} {uid} 1")
    Path("/proc/self/gid_map").write_text(f"{gid} {gid} 1")


def _init(work: Callable[[], None], limits: Limits, sandboxed: bool) -> None:
    """Process 1 of the world: mounts its folders, starts the student process, reaps orphans."""
    os.setsid()
    if not sandboxed:
        _limit(limits, sandboxed)
        _run(work)
    _mount("none", "/", MS_REC | MS_PRIVATE, type="")
    size = f"mode=1777,nr_inodes=8192,size={limits.disk}"
    for folder in ("/tmp", "/dev/shm"):
        with _kept_below(folder):
            _mount("tmpfs", folder, MS_NOSUID | MS_NODEV, size)
    _mount("proc", "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC)
    Path("/proc/sys/user/max_user_namespaces").write_text("0")
    student = os.fork()
    if student == 0:
        os.setsid()
        _drop_capabilities()
        _limit(limits, sandboxed)
        _run(work)
    os.closerange(3, 1024)
    while True:
        pid, status = os.wait()
        if pid == student:
            code = os.waitstatus_to_exitcode(status)
            os._exit(code if code >= 0 else 128 - code)


@contextlib.contextmanager
def _kept_below(folder: str) -> Iterator[None]:
    """Keep what is mounted below a folder (Python itself, where it lives there) in sight."""
    table = Path("/proc/self/mountinfo").read_text().splitlines()
    places = sorted({line.split()[4] for line in table})
    inside = [place for place in places if place.startswith(folder + "/")]
    kept = {place: os.open(place, os.O_PATH) for place in inside}
    yield
    for place, fd in kept.items():
        Path(place).mkdir(mode=0o755, parents=True, exist_ok=True)
        _mount(f"/proc/self/fd/{fd}", place, MS_BIND | MS_REC, type="")
        os.close(fd)


def _run(work: Callable[[], None]) -> None:
    try:
        work()
    finally:
        os._exit(0)


def _drop_capabilities() -> None:
    for capability in range(64):
        libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    _checked(libc.capset(header, (ctypes.c_uint32 * 6)()), "capset")
    _checked(libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs")


def _limit(limits: Limits, sandboxed: bool) -> None:
    def cap(kind: int, value: float) -> None:
        _, hard = resource.getrlimit(kind)
        value = int(value) if hard == resource.RLIM_INFINITY else min(int(value), hard)
        resource.setrlimit(kind, (value, value))

    if Path("/proc/self/statm").exists():
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        cap(resource.RLIMIT_AS, pages * resource.getpagesize() + limits.memory)
    cap(resource.RLIMIT_FSIZE, limits.disk)
    cap(resource.RLIMIT_CORE, 0)
    cap(resource.RLIMIT_NOFILE, 256)
    cap(resource.RLIMIT_CPU, limits.submission)
    if sandboxed:
        cap(resource.RLIMIT_NPROC, limits.processes)


def _watch(init: int, lifeline: socket.socket, limits: Limits, shared: int, sandboxed: bool) -> str:
    while True:
        ready, _, _ = select.select([lifeline], [], [], LOOK_EVERY)
        pid, status = os.waitpid(init, os.WNOHANG)
        if pid:
            code = os.waitstatus_to_exitcode(status)
            code = 128 - code if code > 128 else code
            return f"signal {-code}" if code < 0 else f"exit {code}"
        excess = _excess(limits, shared) if sandboxed else None
        if ready or excess:
            _kill(init, sandboxed)
            return excess or "closed"


def _kill(init: int, sandboxed: bool) -> None:
    (os.kill if sandboxed else os.killpg)(init, signal.SIGKILL)
    until = time.monotonic() + 5
    while not os.waitpid(init, os.WNOHANG)[0] and time.monotonic() < until:
        time.sleep(0.005)


def _excess(limits: Limits, shared: int) -> str | None:
    """What the processes of this world use too much of together.

    Forks share memory. What they share with the template is not counted; what they share with
    each other is counted once, by the slower exact way, where the sum of all is too much.
    """
    folders = [Path(e.path) for e in os.scandir("/proc") if e.name.isdecimal()]
    statuses = [_status(folder) for folder in folders]
    if sum(status.get("Threads", 0) for status in statuses) > 2 * limits.processes:
        return "processes"
    rough = sum(max(0, _private(status) - shared) for status in statuses)
    if rough * 1024 > limits.memory:
        exact = sum(_status(folder, "smaps_rollup").get("Pss_Anon", 0) for folder in folders)
        shmem = sum(status.get("RssShmem", 0) for status in statuses)
        if (exact + shmem - shared) * 1024 > limits.memory:
            return "memory"
    return None


def _private(status: dict[str, int]) -> int:
    return status.get("RssAnon", 0) + status.get("RssShmem", 0)


def _status(folder: Path, name: str = "status") -> dict[str, int]:
    """The numbers in a process's status file (kB, where they have a unit)."""
    try:
        lines = [line.split() for line in (folder / name).read_text().splitlines()]
    except OSError:
        return {}
    return {w[0].rstrip(":"): int(w[1]) for w in lines if len(w) > 1 and w[1].isdecimal()}


def _mount(source: str, target: str, flags: int, data: str = "", type: str | None = None) -> None:
    kind = source if type is None else type
    arguments = (source.encode(), target.encode(), kind.encode() or None, flags, data.encode())
    _checked(libc.mount(*arguments), f"mount {target}")


def _checked(result: int, what: str) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), f"{what}: {os.strerror(ctypes.get_errno())}")
