"""nbgrader's folders, settings and gradebook, and how a result gets into them."""

from __future__ import annotations

import contextlib
import fcntl
import json
import logging
import os
import re
import sqlite3
import sys
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nbgrader.api import Gradebook, MissingEntry
from nbgrader.apps import NbGrader
from nbgrader.converters import Autograde, GenerateAssignment
from nbgrader.converters.base import NbGraderException
from nbgrader.coursedir import CourseDirectory
from sqlalchemy.exc import SAWarning

from course.grading.limits import Limits
from course.grading.transaction import OneTransaction

CONFIG = "nbgrader_config.py"
warnings.filterwarnings("ignore", category=SAWarning, module="nbgrader")


class NotRecorded(RuntimeError):
    """A result could not be written into the gradebook or the folders."""


class ReleaseFailed(RuntimeError):
    """nbgrader does not accept an assignment in `solutions/`."""


class Course:
    """A course folder with its nbgrader settings."""

    def __init__(self, seed: int | None = None, unsafe: bool = False) -> None:
        scripts = str(Path(sys.executable).parent)
        os.environ["PATH"] = os.pathsep.join([scripts, os.environ.get("PATH", "")])
        os.chdir(_root())
        self.app = NbGrader()
        self.app.initialize([])
        settings = self.app.config.Grade
        settings.update({"unsafe": unsafe} if seed is None else {"unsafe": unsafe, "seed": seed})
        self.seed, self.unsafe = settings.get("seed"), unsafe
        self.limits = Limits(**settings.get("limits", {}))
        self.coursedir = CourseDirectory(parent=self.app)
        self.errors: list[str] = []
        self._transaction = OneTransaction(self.coursedir.db_url)
        self._log = logging.getLogger("course.grading.nbgrader")
        for log in (self._log, logging.getLogger("tornado.application")):
            log.propagate = False
            log.handlers = [_Collect(self.errors)]

    def gradebook(self) -> Gradebook:
        """The gradebook, to be used in a `with` block."""
        return Gradebook(self.coursedir.db_url, self.coursedir.course_id)

    def path(self, kind: str, student: str, assignment: str) -> Path:
        """A folder of one of nbgrader's steps: "submitted", "autograded", "feedback"."""
        step = getattr(self.coursedir, f"{kind}_directory")
        return Path(os.path.normpath(self.coursedir.format_path(step, student, assignment)))

    def register(self, assignment: str) -> None:
        """Let the gradebook know the assignment as it is in `solutions/` now.

        Raises UnknownAssignment where neither knows it, ReleaseFailed where nbgrader refuses.
        """
        folder = self.path("source", ".", assignment)
        with self.gradebook() as gradebook:
            if not folder.is_dir() or _up_to_date(gradebook, folder, assignment):
                return
        with tempfile.TemporaryDirectory() as scratch, self.locked():
            self.coursedir.assignment_id, release = assignment, self.coursedir.release_directory
            self.coursedir.release_directory = scratch
            try:
                GenerateAssignment(coursedir=self.coursedir, parent=self.app, log=self._log).start()
            except NbGraderException as problem:
                reason = self.errors[0] if self.errors else str(problem)
                raise ReleaseFailed(f"{assignment} cannot be released: {reason}") from None
            finally:
                self.coursedir.release_directory = release

    def record(self, student: str, assignment: str) -> None:
        """Let nbgrader autograde one submission, whose result is in the cache already.

        Recording twice gives the same gradebook. Raises NotRecorded.
        """
        self.coursedir.assignment_id, self.coursedir.student_id = assignment, _escape(student)
        self.errors.clear()
        with self.locked():
            converter = Autograde(coursedir=self.coursedir, parent=self.app, log=self._log)
            converter.force = True
            try:
                with self._transaction():
                    converter.start()
            except (NbGraderException, OSError, sqlite3.Error) as problem:
                raise NotRecorded(self.errors[0] if self.errors else str(problem)) from None

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """One grader writes at a time; others wait here."""
        try:
            handle = os.open(
                Path(self.coursedir.root, ".course-grade.lock"), os.O_CREAT | os.O_RDWR
            )
        except OSError as problem:
            raise NotRecorded(f"{problem.strerror}: {self.coursedir.root}") from None
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def recorded(
        self, gradebook: Gradebook, student: str, assignment: str, notebook: str
    ) -> dict[str, Any] | None:
        """What was recorded last for a student, if gradebook and folder still agree on it."""
        try:
            path = self.path("autograded", student, assignment) / f"{notebook}.ipynb"
            found = json.loads(path.read_text(encoding="utf-8"))["metadata"]["course"]
            points = {name: test["points"] for name, test in found["result"]["tests"].items()}
            entry = gradebook.find_submission_notebook(notebook, assignment, student)
        except (OSError, ValueError, KeyError, TypeError, MissingEntry):
            return None
        known = {grade.name: grade.auto_score for grade in entry.grades}
        return found if all(known.get(name) == p for name, p in points.items()) else None

    def scores(self, gradebook: Gradebook, student: str, assignment: str) -> dict[str, Any]:
        """The score as the gradebook has it: with manual grades, and what is deducted."""
        try:
            entry = gradebook.find_submission(assignment, student)
        except MissingEntry:
            most = gradebook.find_assignment(assignment).max_score
            return {"score": 0.0, "max_score": most}
        return {
            "score": entry.score,
            "max_score": entry.max_score,
            "late_penalty": entry.late_submission_penalty or 0.0,
        }


def _root() -> Path:
    """The course folder: the nearest one above with nbgrader's settings, else the current one."""
    here = Path.cwd()
    return next((folder for folder in (here, *here.parents) if (folder / CONFIG).is_file()), here)


def _escape(student: str) -> str:
    """A student's id as nbgrader's glob pattern for just this one."""
    return "".join(f"[{c}]" if c in "*?[" else c for c in student)


def _up_to_date(gradebook: Gradebook, folder: Path, assignment: str) -> bool:
    """Whether the gradebook has the same locked cells as the notebooks of the source folder."""
    for path in folder.glob("*.ipynb"):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        named = [cell for cell in cells if cell["metadata"].get("nbgrader", {}).get("grade_id")]
        now = {
            cell["metadata"]["nbgrader"]["grade_id"]: (
                "".join(cell["source"]),
                float(cell["metadata"]["nbgrader"].get("points", 0)),
            )
            for cell in named
        }
        try:
            notebook = gradebook.find_notebook(path.stem, assignment)
        except MissingEntry:
            return False
        points = {
            cell.name: cell.max_score for cell in [*notebook.grade_cells, *notebook.task_cells]
        }
        known = {cell.name: cell for cell in notebook.source_cells}
        if known.keys() != now.keys() or any(
            (cell.locked and cell.source != now[name][0]) or points.get(name, 0.0) != now[name][1]
            for name, cell in known.items()
        ):
            return False
    return True


class _Collect(logging.Handler):
    """Keeps the last line of each error: what went wrong, without the traceback."""

    def __init__(self, errors: list[str]) -> None:
        super().__init__(logging.ERROR)
        self.errors = errors

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        if "Traceback (most recent call last)" in message:
            lines = [
                line for line in message.splitlines() if re.match(r"[\w.]+(Error|Full)\b", line)
            ]
            self.errors.append(lines[-1][:300] if lines else "an error in nbgrader")
