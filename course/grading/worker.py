"""Inside the sandbox: the warm template, and the process that runs one submission's cells.

Everything here shares a process with the student's code. Nothing here is secret, and nothing
that it says is believed: it answers questions, and others judge the answers.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
from pathlib import Path
from typing import Any

import torch

from course import drivers, plain
from course.forbidden import Rules, TooSlow
from course.grading import forkserver, hugepages, isolate, wire
from course.grading.limits import Limits
from course.grading.shell import Shell, new_shell

WARM_UP = """
import math, numpy, torch, matplotlib.pyplot as plt
import course.checks, course.plots
from course.sketch import sketch
torch.manual_seed(0)
_x = torch.ones(3, requires_grad=True); (_x * _x).mean().backward()
plt.plot([0, 1]); plt.title("$x$"); plt.show()
display(sketch({"x": lambda x: x}))
del _x, math, numpy, torch, plt, course, sketch
"""
"""What submissions import and draw, done once in the template."""


def main() -> None:
    """Warm up, then fork a world for each pair of sockets that comes."""
    control, sandboxed = socket.socket(fileno=int(sys.argv[1])), sys.argv[2] == "1"
    if sandboxed:
        isolate.become_nobody()
    torch.set_num_threads(1)
    shell = new_shell()
    problems = [o for o in shell.run(WARM_UP, 10_000) if o["output_type"] == "error"]
    if problems:
        raise RuntimeError(problems[0]["evalue"])
    hugepages.collapse()

    def handle(calls: socket.socket, lifeline: socket.socket) -> None:
        control.close()
        hello = wire.receive(calls)
        limits = Limits(**hello["limits"])
        isolate.run_in_world(
            lambda: World(calls, shell, limits).run(hello["files"]), lifeline, limits, sandboxed
        )

    forkserver.serve(control, handle)


class World:
    """The student process: runs cells, and forks a snapshot of itself for each test cell.

    A snapshot waits until all cells have run. So a test sees the state that the cells before it
    left, and no cell can print what a hidden test passes in.
    """

    def __init__(self, calls: socket.socket, shell: Shell, limits: Limits) -> None:
        self.calls = calls
        self.shell = shell
        self.limits = limits

    def run(self, files: dict[str, torch.Tensor]) -> None:
        """Put the files in place and answer requests until the other side hangs up."""
        _write_files(files)
        with contextlib.suppress(wire.Closed):
            while True:
                request = wire.receive(self.calls)
                answer = getattr(self, request["do"])(request)
                wire.send(self.calls, {"id": request["id"], "answer": answer})

    def cell(self, request: dict[str, Any]) -> list[dict[str, Any]]:
        """Run a cell; gives its outputs."""
        with _interrupted_after(self.limits.cell):
            return self.shell.run(request["source"], self.limits.output)

    def snapshot(self, request: dict[str, Any]) -> int:
        """Fork; gives the child's number. The child serves the socket that comes along."""
        _, fds, _, _ = socket.recv_fds(self.calls, 1, 1)
        try:
            pid = os.fork()
        except OSError:
            return 0
        finally:
            session = socket.socket(fileno=fds[0])
        if pid == 0:
            self.calls.close()
            forkserver.run_child(Session(session, self.shell.user_ns).run)
        session.close()
        return pid

    def end(self, request: dict[str, Any]) -> int:
        """End a snapshot; gives its exit code, negative for a signal."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(request["pid"], signal.SIGKILL)
        return os.waitstatus_to_exitcode(os.waitpid(request["pid"], 0)[1])


class Session:
    """The fork that serves the calls of one test cell."""

    def __init__(self, calls: socket.socket, names: dict[str, Any]) -> None:
        self.calls = calls
        self.names = names
        self.objects: list[Any] = []

    def run(self) -> None:
        while True:
            try:
                request = wire.receive(self.calls, resolve=lambda number: self.objects[number])
            except wire.Closed:
                return
            with _interrupted_after(request["seconds"]):
                answer = _guarded(lambda request=request: getattr(self, request["do"])(request))
            try:
                wire.send(self.calls, {"id": request["id"], **answer})
            except (TypeError, ValueError) as problem:
                wire.send(self.calls, {"id": request["id"], **_failed(problem)})

    def describe(self, request: dict[str, Any]) -> Any:
        """What the names of a test cell stand for."""
        return {
            name: self.show(self.names[name]) for name in request["names"] if name in self.names
        }

    def drive(self, request: dict[str, Any]) -> Any:
        """Run a driver on an object: `course.drivers.drive`, with its outcome as plain data."""
        rules = request["rules"] and Rules(**request["rules"])
        what = request["target"], request["driver"], request["args"], request["kwargs"]
        outcome = drivers.drive(*what, rules=rules)
        error = outcome.error and {**vars(outcome.error)}
        return {**vars(outcome), "error": error}

    def invoke(self, request: dict[str, Any]) -> Any:
        """Call an object; gives the result and the tensor arguments after the call."""
        value = request["target"](*request["args"], **request["kwargs"])
        tensors = [a for a in request["args"] if isinstance(a, torch.Tensor)]
        return {"value": self.show(value), "args": [t.detach() for t in tensors]}

    def read(self, request: dict[str, Any]) -> Any:
        """Read an attribute."""
        return self.show(getattr(request["target"], request["name"]))

    def show(self, value: Any) -> dict[str, Any]:
        """An object as plain data, or as a number by which it can be asked for later."""
        if type(value) is type(os):
            return {"module": value.__name__}
        try:
            return {"plain": plain.copy(value)}
        except plain.NotPlain:
            self.objects.append(value)
            kind = type(value).__name__
            return {"object": len(self.objects) - 1, "type": kind, "callable": callable(value)}


def _guarded(work: Any) -> dict[str, Any]:
    try:
        return {"answer": work()}
    except TooSlow:
        return {"late": True}
    except BaseException as problem:
        return _failed(problem)


def _failed(problem: BaseException) -> dict[str, Any]:
    failure = drivers.failure_of(problem)
    return {"error": {**vars(failure), "message": failure.message[:2000]}}


@contextlib.contextmanager
def _interrupted_after(seconds: float):
    """Raise TooSlow in the code of the `with` block, again and again, once time is over."""

    def ring(*_: Any) -> None:
        raise TooSlow(f"no end within {seconds:g} seconds")

    signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds, 0.5)
    try:
        yield
    except TooSlow:
        pass
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _write_files(files: dict[str, torch.Tensor]) -> None:
    folder = Path("/tmp/work")
    folder.mkdir(exist_ok=True)
    os.chdir(folder)
    sys.path.insert(0, "")
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.numpy().tobytes())


if __name__ == "__main__":
    main()
