"""A course folder with submissions, for the tests of grading."""

from __future__ import annotations

import copy
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parent.parent
ASSIGNMENT = "regression_losses"


def make_course(folder: Path, assignment: str = ASSIGNMENT) -> Path:
    """A copy of the project's solution, release, hidden tests and settings."""
    for kind in ("solutions", "assignments"):
        shutil.copytree(ROOT / kind / assignment, folder / kind / assignment)
    hidden = folder / "tests" / "hidden"
    hidden.mkdir(parents=True)
    for file in (ROOT / "tests" / "hidden").glob("*.py"):
        if file.stem == assignment or file.name.startswith("_"):
            shutil.copy(file, hidden)
    shutil.copy(ROOT / "nbgrader_config.py", folder)
    return folder


def set_limits(course: Path, **limits: float) -> None:
    """Give the course its own limits, in nbgrader's settings."""
    with (course / "nbgrader_config.py").open("a") as config:
        config.write(f"\nc.Grade.limits = {limits}\n")


def released(course: Path, assignment: str = ASSIGNMENT) -> NotebookNode:
    """The released notebook."""
    return nbformat.read(course / "assignments" / assignment / f"{assignment}.ipynb", 4)


def solutions(course: Path, assignment: str = ASSIGNMENT) -> dict[str, str]:
    """The full solution of each exercise, by name."""
    notebook = nbformat.read(course / "solutions" / assignment / f"{assignment}.ipynb", 4)
    return {
        cell.metadata.nbgrader.grade_id: cell.source
        for cell in notebook.cells
        if cell.metadata.get("nbgrader", {}).get("solution")
    }


def answer(notebook: NotebookNode, answers: Mapping[str, str]) -> NotebookNode:
    """A copy of the notebook with these sources in the named cells."""
    notebook = copy.deepcopy(notebook)
    for cell in notebook.cells:
        name = cell.metadata.get("nbgrader", {}).get("grade_id")
        if name in answers and cell.metadata.nbgrader.solution:
            cell.source = answers[name]
    return notebook


def cell_index(notebook: NotebookNode, name: str) -> int:
    """Where a named cell is."""
    names = [cell.metadata.get("nbgrader", {}).get("grade_id") for cell in notebook.cells]
    return names.index(name)


def submit(
    course: Path, student: str, content: NotebookNode | bytes, assignment: str = ASSIGNMENT
) -> Path:
    """Hand in a notebook (or any bytes) for a student."""
    folder = course / "submitted" / student / assignment
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{assignment}.ipynb"
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    path.write_bytes(raw)
    return path


def run_grade(
    course: Path,
    *options: str,
    assignment: str = ASSIGNMENT,
    check: bool = True,
    **kwargs: Any,
) -> dict[str, Any]:
    """`course grade` as a command in a course folder; gives its JSON report."""
    report = course / "report.json"
    report.unlink(missing_ok=True)
    result = command(course, "grade", assignment, "--json", str(report), *options, **kwargs)
    if check and not report.is_file():
        raise AssertionError(result.stdout + result.stderr)
    return json.loads(report.read_text())


def command(
    course: Path, *words: str, env: Mapping[str, str] | None = None, **kwargs: Any
) -> subprocess.CompletedProcess[str]:
    """Run `course …` in a course folder, with a cache of its own there."""
    return subprocess.run(
        [str(Path(sys.executable).parent / "course"), *words],
        cwd=course,
        env=environment(course, env),
        capture_output=True,
        text=True,
        **kwargs,
    )


def environment(course: Path, env: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a command: everything as here, but a cache in the course folder."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    cache = str(course / ".cache")
    return {**os.environ, "PATH": path, "XDG_CACHE_HOME": cache, **(env or {})}


def gradebook(course: Path) -> dict[str, dict[str, Any]]:
    """All that matters of the gradebook: scores by student and cell, read with nbgrader's API."""
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{course}/gradebook.db") as book:
        return {
            submission.student_id: {
                "score": submission.score,
                "max_score": submission.max_score,
                **{
                    grade.name: (grade.auto_score, grade.manual_score, grade.needs_manual_grade)
                    for notebook in submission.notebooks
                    for grade in notebook.grades
                },
            }
            for submission in book.assignment_submissions(ASSIGNMENT)
        }
