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
from course.grading import forkserver, isolate, wire
from course.grading.limits import Limits
from course.grading.shell import Shell, new_shell

WARM_UP = """
import torch, numpy, matplotlib.pyplot as plt, math
_x = torch.ones(3, requires_grad=True); (_x * _x).mean().backward()
_figure = plt.plot([0, 1]); plt.close("all")
del _x, _figure, torch, numpy, plt, math
"""


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

    def handle(calls: socket.socket, lifeline: socket.socket) -> None:
        control.close()
        hello = wire.receive(calls)
        limits = Limits(**hello["limits"])
        isolate.run_in_world(
            lambda: World(calls, shell, limits).run(hello["files"]), lifeline, limits, sandboxed
        )

    forkserver.serve(control, handle)


class World:
    """The student process: runs cells, and forks itself for each test cell.

    A test sees the state that the cells before it left, and what its calls change is gone
    with the fork: no later cell can print what a hidden test passed in.
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
                wire.send(self.calls, {"id": request["id"], "answer": self.answer(request)})

    def answer(self, request: dict[str, Any]) -> Any:
        if request["do"] == "cell":
            with _interrupted_after(self.limits.cell):
                return self.shell.run(request["source"], self.limits.output)
        _, fds, _, _ = socket.recv_fds(self.calls, 1, 1)
        pid = os.fork()
        if pid == 0:
            self.calls.close()
            work = Session(socket.socket(fileno=fds[0]), self.shell.user_ns).run
            forkserver.run_child(work)
        os.close(fds[0])
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


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
    failure = drivers._failure(problem)
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
