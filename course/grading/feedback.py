"""Feedback: one page a student, complete in itself, with nothing of the hidden tests in it."""

from __future__ import annotations

import re
from collections.abc import Container
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jinja2
import nbformat
from nbconvert.filters import markdown2html
from nbformat import NotebookNode
from nbgrader.api import Gradebook, MissingEntry

from course.grading import blueprint, collect, runner
from course.grading.cache import write_atomically
from course.grading.doctor import Hopeless
from course.grading.gradebook import Course
from course.grading.outputs import clean, clean_html
from course.grading.report import UNSAFE

ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
WORDS = {
    "passed": "passed",
    "failed": "not right yet",
    "error": "stopped with an error",
    "timeout": "took too long",
    "forbidden": "uses a call that is not allowed here",
    "missing": "not found",
    "not_attempted": "not attempted",
}
MAX_OUTPUT = 200_000


@dataclass
class Row:
    """One graded cell on the page."""

    name: str
    score: float
    max: float
    status: str = ""
    message: str = ""
    comment: str = ""
    by_hand: bool = False

    @property
    def words(self) -> str:
        return WORDS.get(self.status, "graded by hand" if self.by_hand else "to be graded by hand")


@dataclass
class Page:
    """All that a page shows."""

    assignment: str
    student: str
    error: str = ""
    score: float = 0.0
    max_score: float = 0.0
    late_penalty: float = 0.0
    rows: list[Row] = field(default_factory=list)
    repairs: list[str] = field(default_factory=list)
    cells: list[dict[str, Any]] = field(default_factory=list)
    unsafe: str = ""


def write(course: Course, assignment: str, student: str) -> Path:
    """Write a student's page and return its path."""
    with course.gradebook() as gradebook:
        notebook = runner.notebook_of(gradebook, assignment)
        plan = blueprint.read(gradebook, course.coursedir, assignment, notebook)
        page = make(course, gradebook, plan, assignment, notebook, student)
    path = course.path("feedback", student, assignment) / f"{notebook}.html"
    write_atomically(path, render(page).encode())
    path.chmod(0o644)
    return path


def make(
    course: Course,
    gradebook: Gradebook,
    plan: blueprint.Blueprint,
    assignment: str,
    notebook: str,
    student: str,
) -> Page:
    """Collect a page from the graded notebook and the gradebook."""
    page = Page(assignment, student, **course.scores(gradebook, student, assignment))
    path = course.path("autograded", student, assignment) / f"{notebook}.ipynb"
    try:
        graded = nbformat.read(path, as_version=4)
        entry = gradebook.find_submission_notebook(notebook, assignment, student)
        info = graded.metadata["course"]
        tests = info["result"]["tests"]
    except (OSError, ValueError, KeyError, MissingEntry):
        page.error = _why_not(course, plan, assignment, notebook, student)
        return page
    comments = {c.name: c.comment or "" for c in entry.comments}
    grades = {grade.name: grade for grade in entry.grades}
    for part in plan.parts:
        if part.name in grades:
            page.rows.append(_row(grades[part.name], tests.get(part.name, {}), comments))
    page.repairs = list(info["repairs"])
    page.unsafe = UNSAFE if info["result"].get("unsafe") else ""
    page.cells = _cells(graded, collect.released_cells(course.coursedir, assignment), comments)
    return page


def render(page: Page) -> str:
    """The page as HTML."""
    loader = jinja2.FileSystemLoader(Path(__file__).parent)
    environment = jinja2.Environment(loader=loader, autoescape=True, trim_blocks=True)
    environment.filters["points"] = lambda number: f"{number:g}"
    return environment.get_template("feedback.html").render(page=page)


def _row(grade: Any, test: dict[str, Any], comments: dict[str, str]) -> Row:
    by_hand = grade.manual_score is not None
    comment = comments.get(grade.name, "")
    name = grade.name.removeprefix("test_")
    row = Row(name, grade.score or 0.0, grade.max_score, comment=comment, by_hand=by_hand)
    row.status, row.message = test.get("status", ""), test.get("message", "")
    return row


def _cells(
    graded: NotebookNode, released: Container[str], comments: dict[str, str]
) -> list[dict[str, Any]]:
    """What the student wrote, with its outputs. Test cells and released text are left out."""
    shown = []
    for cell in graded.cells:
        settings = cell.metadata.get("nbgrader", {})
        own = settings.get("solution") or (not settings and cell.source not in released)
        if not own or not cell.source.strip():
            continue
        item = {"name": settings.get("grade_id", ""), "source": cell.source, "kind": cell.cell_type}
        item["comment"] = comments.get(item["name"], "")
        if cell.cell_type == "code":
            item["outputs"] = [_output(o) for o in clean(list(cell.outputs), MAX_OUTPUT)]
        else:
            item["html"] = jinja2.utils.markupsafe.Markup(clean_html(markdown2html(cell.source)))
        shown.append(item)
    return shown


def _output(output: dict[str, Any]) -> dict[str, Any]:
    if output["output_type"] == "stream":
        return {"text": ANSI.sub("", output["text"])}
    if output["output_type"] == "error":
        return {"text": ANSI.sub("", "\n".join(output["traceback"])) or output["ename"]}
    data = output["data"]
    for mime in ("image/png", "image/jpeg"):
        if mime in data:
            source = f"data:{mime};base64,{''.join(data[mime].split())}"
            return {"picture": source, "text": data.get("text/plain", "a picture")}
    if "text/html" in data:
        return {"html": jinja2.utils.markupsafe.Markup(data["text/html"])}
    return {"text": data.get("text/plain", "")}


def _why_not(
    course: Course, plan: blueprint.Blueprint, assignment: str, notebook: str, student: str
) -> str:
    """Why there is no graded notebook."""
    try:
        runner.prepare(course, plan, student, assignment, notebook)
    except (Hopeless, OSError) as problem:
        return str(problem)
    return f"it has not been graded yet: run `course grade {assignment}` first"
