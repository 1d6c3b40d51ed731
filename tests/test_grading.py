"""Grading end to end: honest work, repairs, nbgrader's gradebook, feedback, and refusals."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell
from nbgrader.api import Gradebook

from tests import classroom
from tests.test_grading_attacks import lean

WRONG = "def mse(pred, target):\n    if pred.shape != target.shape:\n        raise ValueError\n    "
SUM = WRONG + "return ((pred - target) ** 2).sum()"
OPTIONS = ("--jobs", "2")


@dataclass
class Class:
    """A graded class."""

    course: Path
    report: dict[str, Any]

    def tests(self, student: str) -> dict[str, Any]:
        return self.report["students"][student]["tests"]


@pytest.fixture(scope="module")
def graded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Class]:
    course = classroom.make_course(tmp_path_factory.mktemp("class"))
    full, notebook = classroom.solutions(course), classroom.released(course)
    small = lean(notebook)
    deleted = classroom.answer(small, full)
    deleted.cells = [c for c in deleted.cells if not c.metadata.get("nbgrader", {}).get("grade")]
    renamed = classroom.answer(small, full)
    renamed.cells[classroom.cell_index(renamed, "mse")].metadata = {}
    redefined = classroom.answer(small, full)
    redefined.cells.append(new_code_cell("def mse(pred, target):\n    return 0"))
    syntax = classroom.answer(small, full | {"mse": "def mse(pred, target:\n    return 1"})
    explained = classroom.answer(small, full | {"explain": "Because of **the gradient**."})
    explained.cells.append(new_markdown_cell("My own <b onclick='x()'>note</b>."))
    explained.cells.append(new_code_cell("print('my own output', mse(pred_, pred_))"))
    explained.cells[-1].source = "print('my own output')"
    submissions = {
        "full": classroom.answer(notebook, full),
        "stub": small,
        "sum": classroom.answer(small, full | {"mse": SUM}),
        "late": classroom.answer(small, full),
        "deleted": deleted,
        "renamed": renamed,
        "redefined": redefined,
        "syntax": syntax,
        "explained": explained,
        "warns": classroom.answer(
            small, full | {"mse": "import warnings\nwarnings.warn('careful')\n" + full["mse"]}
        ),
    }
    for student, content in submissions.items():
        classroom.submit(course, student, content)
    stamp = course / "submitted" / "late" / classroom.ASSIGNMENT / "timestamp.txt"
    stamp.write_text("2030-01-01 12:00:00 UTC")
    yield Class(course, classroom.run_grade(course, *OPTIONS, timeout=600))


def points(tests: dict[str, Any]) -> float:
    return sum(test["points"] for test in tests.values())


@pytest.mark.parametrize("student", ["full", "late", "deleted", "renamed", "redefined", "warns"])
def test_right_work_gets_full_points(graded: Class, student: str) -> None:
    tests = graded.tests(student)
    assert {test["status"] for test in tests.values()} == {"passed"}
    assert points(tests) == sum(test["max"] for test in tests.values()) == 18


def test_a_stub_gets_nothing(graded: Class) -> None:
    tests = graded.tests("stub")
    assert {test["status"] for test in tests.values()} == {"not_attempted"}
    assert points(tests) == 0


def test_a_misconception_is_named(graded: Class) -> None:
    verdict = graded.tests("sum")["test_mse"]
    assert (verdict["points"], verdict["status"]) == (0, "failed")
    assert verdict["misconception"] == "sum instead of mean"
    assert points(graded.tests("sum")) == 15  # rmse and msle build on mse


def test_a_syntax_error_costs_one_exercise(graded: Class) -> None:
    tests = graded.tests("syntax")
    assert tests["test_mse"]["status"] == "error"
    assert "SyntaxError" in tests["test_mse"]["message"]
    assert points(tests) == 15


def test_repairs_are_listed(graded: Class) -> None:
    students = graded.report["students"]
    assert len(students["deleted"]["repairs"]) == 14
    assert "found by its code" in str(students["renamed"]["repairs"])
    assert students["full"]["repairs"] == students["stub"]["repairs"] == []


def test_report_has_the_agreed_form(graded: Class) -> None:
    assert graded.report["assignment"] == classroom.ASSIGNMENT
    for entry in graded.report["students"].values():
        assert {"score", "max_score", "tests", "repairs", "error"} <= entry.keys()
        for test in entry["tests"].values():
            assert {"points", "max", "status", "message"} <= test.keys()


def test_gradebook_has_the_same_scores(graded: Class) -> None:
    book = classroom.gradebook(graded.course)
    assert book.keys() == graded.report["students"].keys()
    for student, entry in graded.report["students"].items():
        assert book[student]["score"] == entry["score"] == points(entry["tests"])
        assert book[student]["max_score"] == entry["max_score"] == 21
        assert book[student]["explain"][2] or book[student]["explain"][0] == 0


def nbgrader(course: Path, *words: str) -> None:
    subprocess.run(
        [sys.executable, "-m", "nbgrader", words[0], classroom.ASSIGNMENT, *words[1:]],
        cwd=course,
        env=classroom.environment(course),
        check=True,
        capture_output=True,
    )


def test_nbgrader_autograde_gives_the_same(graded: Class, tmp_path: Path) -> None:
    """The same class by `nbgrader autograde`, with the project's settings."""
    course = tmp_path / "again"
    shutil.copytree(graded.course, course, ignore=shutil.ignore_patterns(".cache", "autograded"))
    before = classroom.gradebook(course)
    (course / "gradebook.db").unlink()
    nbgrader(course, "generate_assignment", "--force")
    assert classroom.command(course, "release", classroom.ASSIGNMENT).returncode == 0
    nbgrader(course, "autograde")
    assert classroom.gradebook(course) == before


def test_grading_again_changes_nothing(graded: Class) -> None:
    before = classroom.gradebook(graded.course)
    again = classroom.run_grade(graded.course, *OPTIONS)
    assert again == graded.report
    assert classroom.gradebook(graded.course) == before


def test_manual_grades_stay_and_are_shown(graded: Class) -> None:
    with Gradebook(f"sqlite:///{graded.course}/gradebook.db") as book:
        where = (classroom.ASSIGNMENT, classroom.ASSIGNMENT, "explained")
        notebook = book.find_submission_notebook(where[0], where[1], where[2])
        grade = next(grade for grade in notebook.grades if grade.name == "explain")
        grade.manual_score, grade.needs_manual_grade = 2.5, False
        next(c for c in notebook.comments if c.name == "explain").manual_comment = "Well said."
        book.db.commit()
    shutil.rmtree(graded.course / "autograded" / "explained")
    report = classroom.run_grade(graded.course, "--student", "explained")
    assert report["students"]["explained"]["score"] == 20.5
    page = feedback(graded.course, "explained")
    assert "20.5 of 21 points" in page
    assert "Well said." in page
    assert "<strong>the gradient</strong>" in page


def test_late_penalties_are_nbgraders(graded: Class, tmp_path: Path) -> None:
    course = tmp_path / "late"
    shutil.copytree(graded.course, course)
    with (course / "nbgrader_config.py").open("a") as config:
        config.write("\nc.LateSubmissionPlugin.penalty_method = 'zero'\n")
    with Gradebook(f"sqlite:///{course}/gradebook.db") as book:
        assignment = book.find_assignment(classroom.ASSIGNMENT)
        assignment.duedate = datetime(2030, 1, 1, 12) - timedelta(hours=1)
        book.db.commit()
    entry = classroom.run_grade(course, "--student", "late")["students"]["late"]
    assert (entry["score"], entry["late_penalty"]) == (18, 18)
    assert "0 of 21 points" in feedback(course, "late")


def feedback(course: Path, student: str) -> str:
    result = classroom.command(course, "feedback", classroom.ASSIGNMENT, "--student", student)
    assert result.returncode == 0, result.stderr
    folder = course / "feedback" / student / classroom.ASSIGNMENT
    return (folder / f"{classroom.ASSIGNMENT}.html").read_text()


def test_feedback_explains_and_hides(graded: Class) -> None:
    page = feedback(graded.course, "sum")
    assert "sum instead of mean" in page
    for hidden in ("hidden_check", "BEGIN HIDDEN", "course.hidden", "http://", "https://"):
        assert hidden not in page
    assert "my own output" in feedback(graded.course, "explained")


def test_formgrader_can_read_what_was_graded(graded: Class) -> None:
    path = graded.course / "autograded" / "sum" / classroom.ASSIGNMENT
    notebook = nbformat.read(path / f"{classroom.ASSIGNMENT}.ipynb", 4)
    nbformat.validate(notebook)


def test_without_bubblewrap_it_refuses(graded: Class, tmp_path: Path) -> None:
    empty = tmp_path / "bin"
    empty.mkdir()
    (empty / "python").symlink_to(sys.executable)
    path = {"PATH": str(empty), "XDG_CACHE_HOME": str(tmp_path)}
    command = [str(Path(sys.executable).parent / "course"), "grade", classroom.ASSIGNMENT]
    classroom.submit(graded.course, "newcomer", lean(classroom.released(graded.course)))
    result = subprocess.run(
        [*command, "--student", "newcomer"],
        cwd=graded.course,
        env={**os.environ, **path},
        capture_output=True,
        text=True,
    )
    assert result.returncode == 1
    assert "Install the package `bubblewrap`" in result.stderr
    assert "Traceback" not in result.stderr
    report = graded.course / "unsafe.json"
    result = subprocess.run(
        [*command, "--student", "newcomer", "--unsafe", "--json", str(report)],
        cwd=graded.course,
        env={**os.environ, **path},
        capture_output=True,
        text=True,
    )
    assert "without a sandbox" in result.stdout
    assert json.loads(report.read_text())["unsafe"] is True
    assert "without a sandbox" in feedback(graded.course, "newcomer")
    shutil.rmtree(graded.course / "submitted" / "newcomer")


def test_an_unknown_assignment_is_named(graded: Class) -> None:
    result = classroom.command(graded.course, "grade", "nonsense")
    assert result.returncode == 1
    assert "`nonsense`" in result.stderr
    assert "Traceback" not in result.stderr
