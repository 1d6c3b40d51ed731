"""The trusted side of one submission: runs its test cells, with proxies for what is theirs."""

from __future__ import annotations

import ast
import builtins
import contextlib
import importlib
import io
import math
import os
import tempfile
import time
import traceback
import warnings
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from IPython.core.inputtransformer2 import TransformerManager

from course.checks import CheckFailed
from course.grading.job import LOCKED, TEST, THEIRS, Job
from course.grading.names import binds, only_defines, uses
from course.grading.outputs import clean
from course.grading.remote import Ended, Module, Session, Student, StudentError
from course.grading.sandbox import Sandbox
from course.judge import ERROR, TIMEOUT

TRUSTED_MODULES = ("torch", "numpy", "math", "random", "matplotlib", "course")
MAX_MESSAGE = 2000
CELL = "<test>"
STANDARD = {"metadata": {}, "execution_count": None}


@dataclass
class Verdict:
    """What one test cell came to."""

    points: float
    max: float
    status: str = "passed"
    message: str = ""
    misconception: str | None = None


def run_job(job: Job, sandbox: Sandbox) -> dict[str, Any]:
    """Grade one submission; gives verdicts by test name and outputs by cell, as JSON data."""
    start = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="course-tester-") as folder:
        _trusted_folder(job, Path(folder))
        student = Student(sandbox, job.all_files(), job.limits, job.modules())
        try:
            tests, outputs = Tester(job, student).run()
        finally:
            student.close()
            os.chdir("/")
    return {
        "tests": {name: asdict(verdict) for name, verdict in tests.items()},
        "outputs": outputs,
        "unsafe": sandbox.unsafe,
        "seconds": round(time.perf_counter() - start, 3),
    }


def _trusted_folder(job: Job, folder: Path) -> None:
    """Be where the released files are, and know the hidden tests; students see neither folder."""
    here = folder / "here" / job.assignment
    for base, files in ((here, job.release), (folder / "hidden", job.hidden)):
        for name, content in files.items():
            path = base / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
    here.mkdir(parents=True, exist_ok=True)
    os.chdir(here)
    os.environ["COURSE_HIDDEN"] = str(folder / "hidden")
    os.environ["COURSE_HIDDEN_SEED"] = str(job.hidden_seed())


class Tester:
    """Goes through the cells in order: theirs in the sandbox, ours here."""

    def __init__(self, job: Job, student: Student) -> None:
        self.job = job
        self.student = student
        self.names: dict[str, Any] = {"__name__": "__main__"}
        self.problems: dict[str, str] = {}
        self.last: Session | Ended | None = None
        self.unattempted = {cell.name for cell in job.cells if cell.name and not cell.attempted}

    def run(self) -> tuple[dict[str, Verdict], list[list[dict[str, Any]]]]:
        """Run all of theirs first, then the tests on the state that each of them would have seen.

        A test that nothing but new definitions follows sees the last state as well. Others get
        a snapshot of their own, taken before more is run.
        """
        outputs: list[list[dict[str, Any]]] = []
        snapshots: dict[int, Session | Ended] = {}
        waiting: list[int] = []
        known: set[str] = set()
        for number, cell in enumerate(self.job.cells):
            runs = cell.role in (THEIRS, LOCKED)
            if runs and not (only_defines(cell.source) and known.isdisjoint(binds(cell.source))):
                snapshots |= {test: self.snapshot() for test in waiting}
                waiting = []
            outputs.append(self.theirs(cell) if runs else [])
            known |= binds(cell.source) | uses(cell.source) if runs or cell.role == TEST else set()
            waiting += [number] if cell.role in (LOCKED, TEST) else []
        tests = {}
        for number, cell in enumerate(self.job.cells):
            if cell.role == TEST:
                state = self.state(number, snapshots)
                verdict, outputs[number] = self.test(cell, state)
                tests[cell.name] = verdict
                if verdict.status in (ERROR, TIMEOUT) and isinstance(state, Session):
                    state.close()
            elif cell.role == LOCKED:
                self.ours(cell.source, self.state(number, snapshots))
        return tests, outputs

    def state(self, number: int, snapshots: dict[int, Session | Ended]) -> Session | Ended:
        """The state for a cell: its own snapshot, or the last state, as fresh as it has to be."""
        if number in snapshots:
            return snapshots[number]
        if not isinstance(self.last, Session) or self.last.over:
            self.last = self.snapshot()
        return self.last

    def snapshot(self) -> Session | Ended:
        """The state of now, or why there is none."""
        try:
            return self.student.snapshot()
        except Ended as ended:
            return ended

    def theirs(self, cell: Any) -> list[dict[str, Any]]:
        """Run a cell in the sandbox."""
        try:
            outputs = clean(self.student.cell(cell.source), self.job.limits.output)
        except Ended as ended:
            name = "TimeLimit" if ended.status == "timeout" else "PythonEnded"
            text = f"{name}: {ended}"
            outputs = [{"output_type": "error", "ename": name, "evalue": str(ended)}]
            outputs[0]["traceback"] = [text]
        for output in outputs:
            if output["output_type"] == "error":
                problem = f"{output['ename']}: {output['evalue']}"[:300]
                for name in {cell.name, *_defined(cell.source)}:
                    self.problems[name] = problem
        return outputs

    def ours(self, source: str, snapshot: Session | Ended) -> None:
        """Run a locked cell here too: test cells may use what it defines."""
        with contextlib.suppress(Exception, Ended), _quiet():
            self.execute(source, self.names_for(source, snapshot))

    def test(self, cell: Any, snapshot: Session | Ended) -> tuple[Verdict, list[dict[str, Any]]]:
        """Run a test cell; gives the verdict and the cell's outputs."""
        most = cell.points
        printed = io.StringIO()
        try:
            names = self.names_for(cell.source, snapshot)
            with _quiet(printed):
                points = _points(self.execute(cell.source, names), most)
            status = "passed" if points >= most else "failed"
            message = "" if points >= most else f"partial credit: {points:g} of {most:g} points"
            verdict = Verdict(points, most, status, message)
        except BaseException as problem:
            verdict = self.explain(problem, cell)
        return verdict, _shown(verdict, printed.getvalue())

    def names_for(self, source: str, snapshot: Session | Ended) -> dict[str, Any]:
        """What a trusted cell uses that is not ours: proxies for what is theirs."""
        free = sorted(_names(source) - self.names.keys() - vars(builtins).keys())
        if not free:
            return {}
        if isinstance(snapshot, Ended):
            raise snapshot
        return {name: _local(value) for name, value in snapshot.names(free).items()}

    def execute(self, source: str, theirs: dict[str, Any]) -> Any:
        """Run a trusted cell; gives the value of its last line, if that is an expression."""
        tree = ast.parse(TransformerManager().transform_cell(source))
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        self.names.update(theirs)
        try:
            exec(compile(tree, CELL, "exec"), self.names)
            if last:
                return eval(compile(ast.Expression(last.value), CELL, "eval"), self.names)
            return None
        finally:
            for name, value in theirs.items():
                if self.names.get(name) is value:
                    del self.names[name]

    def explain(self, problem: BaseException, cell: Any) -> Verdict:
        """The verdict on a test cell that ended with an exception."""
        name = cell.name.removeprefix("test_")
        if isinstance(problem, CheckFailed):
            status, text = problem.status, problem.message
        elif isinstance(problem, Ended):
            status, text = problem.status, str(problem)
        elif isinstance(problem, NotImplementedError):
            status, text = "not_attempted", f"`{name}` is not written yet."
        elif isinstance(problem, StudentError):
            status, text = "error", _described(problem)
        elif isinstance(problem, NameError) and _raised_by_a_cell(problem):
            status, text = self.missing(getattr(problem, "name", None) or name)
        elif isinstance(problem, AssertionError):
            status, text = "failed", str(problem) or "a test of this cell did not hold"
        else:
            status, text = "error", f"{type(problem).__name__}: {problem}"
        if status in ("missing", "error", "failed") and name in self.unattempted:
            status, text = "not_attempted", f"`{name}` is not written yet."
        misconception = getattr(problem, "misconception", None)
        return Verdict(0.0, cell.points, status, text[:MAX_MESSAGE], misconception)

    def missing(self, name: str) -> tuple[str, str]:
        """What to say of a name that is not there."""
        if name in self.problems:
            return (
                "error",
                f"`{name}` is not defined, because its cell stopped: {self.problems[name]}",
            )
        return "missing", f"`{name}` is not defined. Is it spelled as in the exercise?"


def _raised_by_a_cell(problem: BaseException) -> bool:
    """Whether a test cell's own line raised this, not the code that it calls."""
    *_, (frame, _) = traceback.walk_tb(problem.__traceback__)
    return frame.f_code.co_filename == CELL


def _described(problem: StudentError) -> str:
    failure = problem.failure
    where = f"\nyour line {failure.line}: {failure.source}" if failure.source else ""
    return f"{failure.type}: {failure.message}{where}"


def _points(value: Any, most: float) -> float:
    """The clean number of points that the last value of a test cell stands for.

    >>> [_points(v, 2.0) for v in (None, 0.5, 0.25, math.nan, -1, 9, True, "text")]
    [2.0, 0.5, 0.25, 0.0, 0.0, 2.0, 2.0, 2.0]
    """
    if hasattr(type(value), "item") and getattr(value, "size", None) is not None:
        with contextlib.suppress(ValueError, RuntimeError):
            value = value.item()
    if isinstance(value, bool):
        return most if value else 0.0
    if not isinstance(value, (int, float)):
        return most
    return min(max(float(value), 0.0), most) if math.isfinite(value) else 0.0


def _names(source: str) -> set[str]:
    tree = ast.parse(TransformerManager().transform_cell(source))
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def _defined(source: str) -> set[str]:
    """The functions and classes that a cell was about to define, even if it does not parse."""
    words = [line.split("(")[0].split(":")[0].split() for line in source.splitlines()]
    return {w[1] for w in words if len(w) == 2 and w[0] in ("def", "class")}


def _local(value: Any) -> Any:
    """A module of the student's is our own module of that name, if it is one we know."""
    if not isinstance(value, Module):
        return value
    known = value.name.partition(".")[0] in TRUSTED_MODULES
    return importlib.import_module(value.name) if known else value


@contextlib.contextmanager
def _quiet(printed: io.StringIO | None = None):
    out, err = printed or io.StringIO(), io.StringIO()
    with contextlib.ExitStack() as stack:
        stack.enter_context(contextlib.redirect_stdout(out))
        stack.enter_context(contextlib.redirect_stderr(err))
        stack.enter_context(warnings.catch_warnings(action="ignore"))
        yield


def _shown(verdict: Verdict, printed: str) -> list[dict[str, Any]]:
    """A test cell's outputs, from which nbgrader reads exactly these points."""
    outputs = [{"output_type": "stream", "name": "stdout", "text": printed}] if printed else []
    if verdict.points <= 0 and verdict.status != "passed":
        lines = [f"{verdict.status}: {verdict.message}"]
        error = {"ename": verdict.status, "evalue": verdict.message, "traceback": lines}
        return [*outputs, {"output_type": "error", **error}]
    data = {"text/plain": repr(float(verdict.points))}
    return [*outputs, {"output_type": "execute_result", "data": data} | STANDARD]
