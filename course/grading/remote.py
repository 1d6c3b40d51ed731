"""The tester's view of a student's code: worlds that may die, sessions, and proxies."""

from __future__ import annotations

import builtins
import contextlib
import itertools
import math
import socket
import time
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

import torch

from course.drivers import Failure, Outcome
from course.grading import wire
from course.grading.definitions import forbidden
from course.grading.limits import Limits
from course.grading.sandbox import Sandbox

MAX_RESTARTS = 3
START_SECONDS = 60
MAX_TEXT = 2000


class Ended(BaseException):
    """The student's code did not answer: no `except Exception` of a test cell hides it."""

    def __init__(self, status: str, message: str) -> None:
        super().__init__(message)
        self.status = status


class StudentError(Exception):
    """An exception that the student's code raised; also of that builtin type, if it is one."""

    failure: Failure


class Student:
    """A student's code as it runs. A world that dies is replaced, and everything run again."""

    def __init__(
        self,
        sandbox: Sandbox,
        files: dict[str, bytes],
        limits: Limits,
        modules: Iterable[str] = (),
    ) -> None:
        self.sandbox = sandbox
        self.modules = modules
        self.files = {name: _bytes_tensor(content) for name, content in files.items()}
        self.limits = limits
        self.steps: list[str | Session] = []
        self.starts = 0
        self.deadline = math.inf
        self.calls: socket.socket | None = None
        self.lifeline: socket.socket | None = None
        self._numbers = itertools.count()

    def cell(self, source: str) -> list[dict[str, Any]]:
        """Run a cell and return its outputs; raises Ended, and runs it never again."""
        self._ensure()
        outputs = self._ask("cell", self.limits.cell, source=source)
        self.steps.append(source)
        return outputs

    def snapshot(self) -> Session:
        """Keep the state of now for the calls of a test cell, which come later."""
        session = Session(self, tuple(step for step in self.steps if isinstance(step, str)))
        self._ensure()
        self._fork(session)
        self.steps.append(session)
        return session

    def close(self) -> None:
        """End the world and everything in it."""
        for sock in (self.calls, self.lifeline):
            if sock:
                sock.close()
        self.calls = self.lifeline = None

    def until(self, seconds: float) -> float:
        """The moment when an answer that may take so long is overdue."""
        return min(time.monotonic() + seconds + self.limits.grace, self.deadline)

    def exit_code(self, session: Session) -> int | None:
        """End a session's process; gives its exit code, None if that cannot be told."""
        pid, session.pid = session.pid, 0
        if not self.calls or not pid:
            return None
        try:
            code = self._ask("end", self.limits.grace, pid=pid)
        except Ended:
            return None
        return code if type(code) is int else None

    def _ask(self, do: str, seconds: float, fd: int | None = None, **request: Any) -> Any:
        number, until = next(self._numbers), self.until(seconds)
        try:
            wire.send(self.calls, {"id": number, "do": do, **request}, until)
            if fd is not None:
                socket.send_fds(self.calls, [b"f"], [fd])
            return _answer(wire.receive(self.calls, until), number)
        except OSError:
            raise self._lost(wire.Closed()) from None
        except wire.WireError as problem:
            raise self._lost(problem) from None

    def _fork(self, session: Session) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            pid = self._ask("snapshot", self.limits.call, theirs.fileno())
        session.connect(ours, pid if type(pid) is int else 0)

    def _ensure(self) -> None:
        """Have a world in which all steps so far have been made."""
        if time.monotonic() > self.deadline:
            self.close()
            raise Ended("timeout", f"no time left after {self.limits.submission:g} seconds in all")
        if self.calls:
            return
        if self.starts > MAX_RESTARTS:
            raise Ended("error", "your code ended Python too often; the rest was not run")
        self.starts += 1
        self._start()
        steps, self.steps = self.steps, []
        for step in steps:
            with contextlib.suppress(Ended):
                if isinstance(step, str):
                    self.cell(step)
                else:
                    self._ensure()
                    self._fork(step)
                    self.steps.append(step)
        if not self.calls:
            raise Ended("error", "your code ended Python too often; the rest was not run")

    def _start(self) -> None:
        self.calls, self.lifeline = self.sandbox.spawn(self.modules)
        until = time.monotonic() + START_SECONDS
        try:
            wire.send(self.calls, {"files": self.files, "limits": asdict(self.limits)}, until)
            number = next(self._numbers)
            wire.send(self.calls, {"id": number, "do": "cell", "source": ""}, until)
            _answer(wire.receive(self.calls, until), number)
        except wire.WireError as problem:
            raise self._lost(problem) from None
        if self.deadline == math.inf:
            self.deadline = time.monotonic() + self.limits.submission

    def _lost(self, problem: wire.WireError) -> Ended:
        """The world is given up; says why it was lost."""
        reason = ""
        if isinstance(problem, wire.Closed) and self.lifeline:
            self.lifeline.settimeout(1)
            with contextlib.suppress(OSError):
                reason = self.lifeline.recv(64).decode(errors="replace")
        self.close()
        if isinstance(problem, wire.Late):
            return Ended("timeout", "no end within the time limit")
        if isinstance(problem, wire.Malformed):
            return Ended("error", f"what your code sent back could not be read: {problem}")
        return Ended("error", _why(reason, self.limits))


def _why(reason: str, limits: Limits) -> str:
    kind, _, number = reason.partition(" ")
    if kind == "memory":
        return f"your code used more than {limits.memory >> 20:,} MB of memory"
    if kind == "processes":
        return f"your code started more than {limits.processes} processes or threads"
    if kind == "signal":
        return f"your code ended Python (signal {number})"
    return "your code ended Python" + (f" (exit code {number})" if kind == "exit" else "")


class Session:
    """The calls of one test cell, to a snapshot of the student's process."""

    def __init__(self, student: Student, cells: tuple[str, ...]) -> None:
        self.student = student
        self.cells = cells
        self.calls: socket.socket | None = None
        self.pid = 0
        self.over: Ended | None = None
        self._numbers = itertools.count()

    def connect(self, calls: socket.socket, pid: int) -> None:
        """Talk to this snapshot from now on."""
        if self.calls:
            self.calls.close()
        self.calls, self.pid = calls, pid

    def close(self) -> None:
        """Hang up: the snapshot ends by itself, or with its world."""
        self.over = self.over or Ended("error", "this snapshot is closed")
        if self.calls:
            self.calls.close()

    def ask(self, do: str, seconds: float | None = None, **request: Any) -> Any:
        """Send a request and return what came as an answer, which may be anything plain."""
        if self.over:
            raise self.over
        seconds = seconds or self.student.limits.call
        number, until = next(self._numbers), self.student.until(seconds)
        try:
            request = {"id": number, "do": do, "seconds": seconds, **request}
            wire.send(self.calls, request, until)
            return _answer(wire.receive(self.calls, until), number)
        except wire.WireError as problem:
            self.over = self._lost(problem, seconds)
            raise self.over from None

    def names(self, names: list[str]) -> dict[str, Any]:
        """What these names are on the other side: values, modules (by name) and proxies."""
        shown = self.ask("describe", names=names)
        if not isinstance(shown, dict):
            raise self._confused()
        return {name: self.value(shown[name], name) for name in names if name in shown}

    def value(self, shown: Any, name: str = "") -> Any:
        """A shown object: its plain value, or a proxy for it."""
        if isinstance(shown, dict) and "plain" in shown:
            return shown["plain"]
        if isinstance(shown, dict) and type(shown.get("module")) is str:
            return Module(shown["module"])
        if isinstance(shown, dict) and type(shown.get("object")) is int:
            proxy = CallableProxy if shown.get("callable") is True else Proxy
            return proxy(self, shown["object"], name)
        raise self._confused()

    def _lost(self, problem: wire.WireError, seconds: float) -> Ended:
        self.calls.close()
        forked, code = self.pid, self.student.exit_code(self)
        if isinstance(problem, wire.Late):
            return Ended("timeout", f"no answer within {seconds:g} seconds")
        if isinstance(problem, wire.Malformed):
            return Ended("error", f"what your code sent back could not be read: {problem}")
        if not forked:
            return Ended("error", "your code left no room for another process")
        reason = "" if code is None else f"signal {-code}" if code < 0 else f"exit {code}"
        return Ended("error", _why(reason, self.student.limits))

    def _confused(self) -> Ended:
        return Ended("error", "what your code sent back could not be read")


class Module:
    """A module of the student's, by name."""

    def __init__(self, name: str) -> None:
        self.name = name


class Proxy(wire.Reference):
    """An object that stays in the sandbox: its attributes can be read."""

    def __init__(self, session: Session, number: int, name: str) -> None:
        super().__init__(number)
        vars(self).update(_session=session, __name__=name or "object")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        answer = self._session.ask("read", target=self, name=name)
        return self._session.value(answer, name)


class CallableProxy(Proxy):
    """A function or class in the sandbox. Tensor arguments are restored as the call left them."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        answer = self._session.ask("invoke", target=self, args=args, kwargs=kwargs)
        if not isinstance(answer, dict) or not isinstance(answer.get("args"), list):
            raise self._session._confused()
        given = [arg for arg in args if isinstance(arg, torch.Tensor)]
        for ours, theirs in zip(given, answer["args"]):
            alike = isinstance(theirs, torch.Tensor) and theirs.shape == ours.shape
            if alike and theirs.dtype == ours.dtype and not ours.requires_grad:
                ours.copy_(theirs)
        return self._session.value(answer.get("value"))

    def __course_drive__(
        self, driver: str, args: tuple, kwargs: dict[str, Any], rules: Any = None
    ) -> Outcome:
        """`course.drivers.drive` on the object in the sandbox."""
        if rules and (found := forbidden(self.__name__, self._session.cells, rules)):
            return Outcome(forbidden=found)
        seconds = rules.seconds + 0.5 if rules else None
        request = {"driver": driver, "args": tuple(args), "kwargs": dict(kwargs)}
        request["rules"] = rules and dict(vars(rules))
        try:
            return _outcome(self._session.ask("drive", seconds, target=self, **request))
        except StudentError as problem:
            return Outcome(error=problem.failure)


def _outcome(answer: Any) -> Outcome:
    """An outcome as the sandbox tells it, with every field of the type that it should have."""
    if not isinstance(answer, dict):
        raise Ended("error", "what your code sent back could not be read")
    forbidden = answer.get("forbidden")
    args = answer.get("args")
    return Outcome(
        value=answer.get("value"),
        args=args if isinstance(args, tuple) else (),
        error=_failure(answer["error"]) if isinstance(answer.get("error"), dict) else None,
        forbidden=_text(forbidden) if forbidden else None,
        late=answer.get("late") is True,
    )


def _answer(reply: Any, number: int) -> Any:
    """The answer in a reply to request `number`; raises what the reply tells of."""
    if not isinstance(reply, dict) or reply.get("id") != number or type(reply["id"]) is not int:
        raise wire.Malformed("an answer to no question")
    if reply.get("late") is True:
        raise wire.Late("the time is over")
    if isinstance(reply.get("error"), dict):
        raise student_error(_failure(reply["error"]))
    return reply.get("answer")


def student_error(failure: Failure) -> StudentError:
    """An exception that instructors' `except ValueError` and the like catch."""
    base = getattr(builtins, failure.type, None)
    usable = isinstance(base, type) and issubclass(base, Exception)
    bases = (StudentError, base) if usable else (StudentError,)
    try:
        problem = type(failure.type, bases, {})(failure.message)
    except TypeError:
        problem = StudentError(failure.message)
    problem.failure = failure
    return problem


def _failure(error: dict[str, Any]) -> Failure:
    line, source = error.get("line"), error.get("source")
    return Failure(
        _text(error.get("type")) or "Exception",
        _text(error.get("message")),
        line if type(line) is int else None,
        _text(source) if source else None,
    )


def _text(value: Any) -> str:
    return value[:MAX_TEXT] if isinstance(value, str) else ""


def _bytes_tensor(content: bytes) -> torch.Tensor:
    if not content:
        return torch.empty(0, dtype=torch.uint8)
    return torch.frombuffer(bytearray(content), dtype=torch.uint8)
