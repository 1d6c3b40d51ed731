"""The sandbox: bubblewrap around a warm template that forks a world for each submission."""

from __future__ import annotations

import contextlib
import os
import shutil
import site
import socket
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterable
from pathlib import Path

import platformdirs

import course
from course.grading import forkserver

SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/etc/fonts", "/etc/ld.so.cache")
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
START_SECONDS = 120
DATA = "/data"


class SandboxUnavailable(RuntimeError):
    """This machine cannot run a sandbox."""


class Sandbox:
    """A running template. `spawn()` gives a fresh world for one submission."""

    def __init__(self, unsafe: bool = False) -> None:
        self.unsafe = unsafe
        self.control, remote = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        worker = ["-m", "course.grading.worker", str(remote.fileno()), str(int(not unsafe))]
        wrapper = [] if unsafe else command()
        self._log = tempfile.TemporaryFile()  # noqa: SIM115, as long-lived as this object
        self.process = subprocess.Popen(
            [*wrapper, sys.executable, *worker],
            pass_fds=[remote.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self._log,
            env=environment() if unsafe else None,
        )
        remote.close()

    def wait_ready(self) -> None:
        """Wait until the template is warm; raises `SandboxUnavailable` with what went wrong."""
        self.control.settimeout(START_SECONDS)
        with contextlib.suppress(OSError):
            if self.control.recv(16) == b"ready":
                self.control.settimeout(None)
                return
        self.process.kill()
        self.process.wait()
        self._log.seek(0)
        said = self._log.read().decode(errors="replace").strip().splitlines()
        raise SandboxUnavailable(
            "the sandbox did not start: "
            + (said[-1] if said else "no answer")
            + "\nbubblewrap needs user namespaces; see `sysctl kernel.unprivileged_userns_clone` "
            "and, on Ubuntu, `kernel.apparmor_restrict_unprivileged_userns`. "
            "`--unsafe` grades without a sandbox: only for submissions that you trust."
        )

    def spawn(self, modules: Iterable[str] = ()) -> tuple[socket.socket, socket.socket]:
        """Two sockets to a fresh world: one for calls, and the lifeline that ends it.

        This world and all later ones have these modules imported.
        """
        calls, remote_calls = socket.socketpair()
        lifeline, remote_lifeline = socket.socketpair()
        with remote_calls, remote_lifeline:
            fds = [remote_calls.fileno(), remote_lifeline.fileno()]
            forkserver.request(self.control, modules, fds)
        return calls, lifeline

    def close(self) -> None:
        self.control.close()
        self.process.kill()
        self.process.wait()


def environment() -> dict[str, str]:
    """The whole environment of a sandboxed process."""
    return {
        "PATH": os.pathsep.join([sysconfig.get_path("scripts"), "/usr/bin", "/bin"]),
        "HOME": "/tmp",
        "USER": "student",
        **({"COURSE_CACHE": DATA} if _unpacked_data() else {}),
        "LANG": "C.UTF-8",
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",
        "MPLCONFIGDIR": "/tmp",
        "IPYTHONDIR": "/tmp/.ipython",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
        **dict.fromkeys(THREADS, "1"),
    }


def command() -> list[str]:
    """The bubblewrap command line up to the program to run.

    Raises SandboxUnavailable where bubblewrap is not installed.
    """
    bwrap = shutil.which("bwrap")
    if not bwrap:
        raise SandboxUnavailable(
            "grading runs student code in a sandbox, and bubblewrap (`bwrap`) was not found. "
            "Install the package `bubblewrap` (Debian, Ubuntu, Fedora, Arch). "
            "`--unsafe` grades without a sandbox: only for submissions that you trust."
        )
    words = [bwrap, "--die-with-parent", "--new-session", "--clearenv", "--hostname", "sandbox"]
    words += ["--unshare-pid", "--unshare-net", "--unshare-ipc", "--unshare-uts"]
    words += ["--unshare-cgroup-try"]
    if os.getuid() == 0:
        capabilities = ("CAP_SYS_ADMIN", "CAP_SETUID", "CAP_SETGID")
        words += ["--cap-drop", "ALL"]
        words += [word for name in capabilities for word in ("--cap-add", name)]
    else:
        words += ["--unshare-user"]
    words += ["--proc", "/proc", "--dev", "/dev"]
    for folder in ("/tmp", "/dev/shm"):
        words += ["--perms", "1777", "--tmpfs", folder]
    made: set[Path] = set()
    for path in _visible():
        for parent in reversed(path.parents):
            if parent not in made and parent != Path("/"):
                words += ["--perms", "0755", "--dir", str(parent)]
                made.add(parent)
        if path.is_symlink():
            words += ["--symlink", str(path.readlink()), str(path)]
        else:
            words += ["--ro-bind", str(path), str(path)]
    if data := _unpacked_data():
        words += ["--ro-bind", str(data), f"{DATA}/{data.name}"]
    words += ["--chdir", "/tmp"]
    words += ["--remount-ro", "/dev", "--remount-ro", "/"]
    for name, value in environment().items():
        words += ["--setenv", name, value]
    return words


def _visible() -> list[Path]:
    """What a sandbox can read: the system's programs, Python, and the package without tests."""
    python = [Path(sys.prefix), Path(sys.base_prefix), *map(Path, site.getsitepackages())]
    python += [path.resolve() for path in python]
    package = Path(course.__file__).parent
    paths = [*map(Path, SYSTEM), *python, package]
    chosen: list[Path] = []
    for path in paths:
        covered = any(path.is_relative_to(other) for other in chosen if not other.is_symlink())
        if (path.exists() or path.is_symlink()) and not covered:
            chosen.append(path)
    return chosen


def _unpacked_data() -> Path | None:
    """The public data set that students' cells load, where it has been unpacked."""
    cache = Path(os.environ.get("COURSE_CACHE") or platformdirs.user_cache_dir("course"))
    return cache / "MNIST" if (cache / "MNIST").is_dir() else None
