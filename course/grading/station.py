"""A warm, trusted process for one machine: it holds the sandbox and forks a tester for each job.

`Station` is the side of whoever has jobs; it needs neither torch nor Jupyter.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
from functools import cache

from course.grading import forkserver, sandbox
from course.grading.job import Job, failed_result
from course.grading.sandbox import SandboxUnavailable

LENGTH = struct.Struct("!Q")
EXTRA_SECONDS = 120
"""How much longer than a submission's own limit a tester may take: starting, comparing."""


_lock = threading.Lock()


class Station:
    """A running station. `grade(job)` may be called from several threads at once."""

    def __init__(self, unsafe: bool = False) -> None:
        self.unsafe = unsafe
        if not unsafe:
            sandbox.command()
        self.control, remote = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with remote:
            threads = dict.fromkeys(sandbox.THREADS, "1")
            self.process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "course.grading.station",
                    str(remote.fileno()),
                    str(int(unsafe)),
                ],
                pass_fds=[remote.fileno()],
                stdin=subprocess.DEVNULL,
                start_new_session=True,
                env={**os.environ, **threads, "MPLBACKEND": "Agg"},
            )
        self.ready = False

    def wait_ready(self) -> None:
        """Wait until it is warm; raises `SandboxUnavailable` where there can be no sandbox."""
        if self.ready:
            return
        answer = self.control.recv(4096)
        if answer != b"ready":
            self.close()
            raise SandboxUnavailable(answer.decode() or "the grading process did not start")
        self.ready = True

    def grade(self, job: Job) -> dict:
        """The result of a job, as `course.grading.tester.run_job` gives it."""
        ours, theirs = socket.socketpair()
        with ours:
            with theirs:
                forkserver.request(self.control, job.modules(), [theirs.fileno()])
            ours.settimeout(job.limits.submission + EXTRA_SECONDS)
            try:
                _send(ours, job.to_json())
                return json.loads(_receive(ours))
            except TimeoutError:
                return failed_result(job, "grading took too long")
            except (OSError, EOFError, ValueError):
                return failed_result(job, "the grading process ended; grade this submission again")

    def close(self) -> None:
        """End the station, its testers and its sandbox."""
        self.control.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(5 if self.ready else 0)
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@cache
def _shared(unsafe: bool) -> Station:
    station = Station(unsafe)
    atexit.register(station.close)
    return station


def start_shared(unsafe: bool = False) -> None:
    """Let the one station of this process warm up while other things are done.

    Where it cannot start, `shared_station` says why.
    """
    with contextlib.suppress(SandboxUnavailable), _lock:
        _shared(unsafe)


def shared_station(unsafe: bool = False) -> Station:
    """The one station of this process, ready to grade."""
    with _lock:
        station = _shared(unsafe)
        station.wait_ready()
    return station


def end_shared(unsafe: bool = False) -> None:
    """End the one station of this process with all that it is grading."""
    with _lock:
        _shared(unsafe).close()
        _shared.cache_clear()


def main() -> None:
    """Run a station on the socket whose number is the first argument."""
    control, unsafe = socket.socket(fileno=int(sys.argv[1])), sys.argv[2] == "1"
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        template = sandbox.Sandbox(unsafe)
        import torch

        from course.grading import tester

        torch.set_num_threads(1)
        template.wait_ready()
    except SandboxUnavailable as problem:
        control.send(str(problem).encode()[:4096])
        return

    def handle(client: socket.socket) -> None:
        control.close()
        client.settimeout(60)
        job = Job.from_json(_receive(client))
        signal.alarm(int(job.limits.submission) + EXTRA_SECONDS)
        _send(client, json.dumps(tester.run_job(job, template)))

    forkserver.serve(control, handle)
    template.close()
    os.killpg(0, signal.SIGKILL)


def _send(sock: socket.socket, text: str) -> None:
    data = text.encode("utf-8", "surrogatepass")
    sock.sendall(LENGTH.pack(len(data)) + data)


def _receive(sock: socket.socket) -> str:
    (length,) = LENGTH.unpack(_exactly(sock, LENGTH.size))
    return _exactly(sock, length).decode("utf-8", "surrogatepass")


def _exactly(sock: socket.socket, count: int) -> bytes:
    data = bytearray()
    while len(data) < count:
        part = sock.recv(min(count - len(data), 1 << 20))
        if not part:
            raise EOFError
        data += part
    return bytes(data)


if __name__ == "__main__":
    main()
