"""The released assignments: what `course release` makes, without a leak, and they run."""

import ast
import json
import re
import shutil
from pathlib import Path

import nbformat
import pytest
import torch
from nbclient import NotebookClient
from nbgrader.api import Gradebook
from nbgrader.apps import NbGraderAPI
from traitlets.config import Config

from course import plain
from course.exercises import Sheet
from course.hidden import load
from course.release import CHECKS, load_config, make_release

ROOT = Path(__file__).parent.parent
ASSIGNMENTS = sorted(file.stem for file in (ROOT / "tests" / "hidden").glob("[!_]*.py"))


def exercises(assignment):
    return load(ROOT / "tests" / "hidden" / f"{assignment}.py")


def solution(assignment):
    return nbformat.read(ROOT / "solutions" / assignment / f"{assignment}.ipynb", as_version=4)


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    folder = tmp_path_factory.mktemp("release")
    for assignment in ASSIGNMENTS:
        make_release(ROOT, assignment, folder)
    return folder


@pytest.fixture(scope="module")
def stock_course(tmp_path_factory):
    """A course folder graded by nbgrader as it comes, with nothing of ours configured."""
    root = tmp_path_factory.mktemp("course")
    config = Config()
    config.CourseDirectory.root = str(root)
    config.CourseDirectory.source_directory = "solutions"
    config.CourseDirectory.db_url = f"sqlite:///{root}/gradebook.db"
    config.Execute.timeout = 300
    load_config(ROOT)  # puts the environment's programs into PATH
    return root, config


@pytest.mark.parametrize("assignment", ASSIGNMENTS)
def test_assignments_are_what_release_makes(assignment, released):
    name = f"{assignment}.ipynb"
    made, kept = released / assignment, ROOT / "assignments" / assignment
    assert (made / name).read_text() == (kept / name).read_text(), (
        f"assignments/{assignment} is not up to date: run `course release {assignment}`"
    )
    made, kept = (json.loads((path / CHECKS).read_text())["exercises"] for path in (made, kept))
    assert_same_json(made, kept)
    assert {path.name for path in (ROOT / "assignments" / assignment).iterdir()} <= {name, CHECKS}


def assert_same_json(a, b):
    """Equal but for the last digits of floats, which depend on the processor."""
    if isinstance(a, dict):
        assert a.keys() == b.keys()
        for key in a:
            assert_same_json(a[key], b[key])
    elif isinstance(a, list):
        assert len(a) == len(b)
        for x, y in zip(a, b):
            assert_same_json(x, y)
    elif isinstance(a, float):
        assert a == pytest.approx(b, rel=1e-5, abs=1e-7)
    else:
        assert a == b


@pytest.mark.parametrize("assignment", ASSIGNMENTS)
def test_release_is_deterministic(assignment, released, tmp_path):
    again = make_release(ROOT, assignment, tmp_path).parent
    for file in again.iterdir():
        assert file.read_bytes() == (released / assignment / file.name).read_bytes()


def code_lines(source):
    """Lines of code that are telling: none that a docstring, a stub or a check has as well."""
    lines = (re.sub(r"\s+", " ", line.split("#")[0]).strip() for line in source.splitlines())
    return {line for line in lines if len(line) > 14 and not line.startswith(("def ", "class "))}


@pytest.mark.parametrize("assignment", ASSIGNMENTS)
def test_nothing_of_solutions_and_hidden_tests_is_released(assignment, released):
    text = "\n".join(
        file.read_text() for file in (released / assignment).iterdir() if file.suffix == ".ipynb"
    )
    cells = "\n".join(cell.source for cell in nbformat.reads(text, as_version=4).cells)
    shown = {re.sub(r"\s+", " ", line).strip() for line in cells.splitlines()}
    secret = set()
    for cell in solution(assignment).cells:
        for part in re.findall(r"### BEGIN.*?\n(.*?)### END", cell.source, flags=re.DOTALL):
            secret |= code_lines(part)
    for node in ast.parse((ROOT / "tests" / "hidden" / f"{assignment}.py").read_text()).body:
        if isinstance(node, ast.FunctionDef):
            secret |= code_lines(ast.unparse(ast.Module(node.body, [])))
    assert secret
    assert not secret & shown
    for word in ("BEGIN", "hidden_check", "course.hidden", "COURSE_HIDDEN", "tests/hidden"):
        assert word not in text
    explain = next(cell for cell in nbformat.reads(text, 4).cells if cell.id == "explain")
    assert explain.source == "YOUR ANSWER HERE"


@pytest.mark.parametrize("assignment", ASSIGNMENTS)
def test_checks_are_data_without_code(assignment):
    text = (ROOT / "assignments" / assignment / CHECKS).read_text()
    for item in json.loads(text)["exercises"]:
        sheet = Sheet.from_json(item)
        for case in sheet.cases:
            for _, leaf in plain.leaves((case.args, case.kwargs)):
                assert leaf is None or isinstance(leaf, (bool, int, float, str, torch.Tensor))
    assert "lambda" not in text and "return " not in text.replace("`return ", "")


@pytest.mark.parametrize("assignment", ASSIGNMENTS)
def test_notebook_and_description_agree(assignment):
    cells = {
        cell.metadata["nbgrader"]["grade_id"]: cell
        for cell in solution(assignment).cells
        if "nbgrader" in cell.metadata
    }
    described = exercises(assignment)
    names = {exercise.name for exercise in described}
    assert cells.keys() == names | {f"test_{name}" for name in names} | {"explain"}
    minutes = "\n".join(c.source for c in solution(assignment).cells if c.cell_type == "markdown")
    for exercise in described:
        assert cells[exercise.name].metadata["nbgrader"]["solution"]
        test = cells[f"test_{exercise.name}"]
        assert test.metadata["nbgrader"]["points"] == exercise.points
        assert test.metadata["nbgrader"]["locked"]
        assert f'check("{exercise.name}", {exercise.name})\n' in test.source
        assert f'hidden_check("{exercise.name}", {exercise.name})\n' in test.source
        assert f"`{exercise.name}` ({exercise.minutes} min)" in minutes


@pytest.mark.parametrize("assignment", ASSIGNMENTS)
def test_released_notebook_runs_through(assignment, released):
    folder = released / assignment
    notebook = nbformat.read(folder / f"{assignment}.ipynb", as_version=4)
    NotebookClient(
        notebook, timeout=300, allow_errors=True, resources={"metadata": {"path": folder}}
    ).execute()
    for cell in notebook.cells:
        errors = [out for out in cell.get("outputs", []) if out.output_type == "error"]
        if cell.get("metadata", {}).get("nbgrader", {}).get("grade") and cell.cell_type == "code":
            assert [error.ename for error in errors] == ["CheckFailed"]
            assert "not_attempted" in errors[0].evalue
        else:
            assert not errors, cell.source


@pytest.mark.parametrize("assignment", ASSIGNMENTS)
def test_solution_gets_full_marks_under_stock_nbgrader(assignment, stock_course, monkeypatch):
    root, config = stock_course
    shutil.copytree(ROOT / "solutions" / assignment, root / "solutions" / assignment)
    submitted = root / "submitted" / "ada" / assignment
    shutil.copytree(ROOT / "solutions" / assignment, submitted)
    shutil.copy(ROOT / "assignments" / assignment / CHECKS, submitted)
    monkeypatch.setenv("COURSE_QUICK", "1")
    monkeypatch.setenv("COURSE_HIDDEN", str(ROOT / "tests" / "hidden"))
    api = NbGraderAPI(config=config)
    for result in (api.generate_assignment(assignment), api.autograde(assignment, "ada")):
        assert result["success"], result["log"]
    with Gradebook(config.CourseDirectory.db_url) as gradebook:
        submission = gradebook.find_submission_notebook(assignment, assignment, "ada")
        scores = {
            grade.name: grade.auto_score for grade in submission.grades if grade.name != "explain"
        }
        by_hand = [grade.name for grade in submission.grades if grade.needs_manual_grade]
    assert scores == {f"test_{e.name}": e.points for e in exercises(assignment)}
    assert by_hand == ["explain"]
