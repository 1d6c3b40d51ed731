"""Every assignment through the sandbox: right answers pass, released stubs get nothing."""

from __future__ import annotations

import pytest
from nbformat.v4 import new_code_cell

from tests import classroom

ASSIGNMENTS = sorted(path.name for path in (classroom.ROOT / "solutions").iterdir())


@pytest.mark.parametrize("assignment", ASSIGNMENTS)
def test_solutions_pass_and_stubs_get_nothing(assignment, tmp_path):
    course = classroom.make_course(tmp_path, assignment)
    released = classroom.released(course, assignment)
    full = classroom.answer(released, classroom.solutions(course, assignment))
    classroom.submit(course, "full", full, assignment)
    classroom.submit(course, "stub", released, assignment)
    students = classroom.run_grade(course, assignment=assignment)["students"]
    assert {test["status"] for test in students["full"]["tests"].values()} == {"passed"}, students
    assert students["stub"]["score"] == 0
    assert {test["status"] for test in students["stub"]["tests"].values()} == {"not_attempted"}


def test_a_demonstration_runs_where_its_names_are_needed(tmp_path):
    course = classroom.make_course(tmp_path)
    released, full = classroom.released(course), classroom.solutions(course)
    demo = next(c for c in released.cells if "zero = torch.zeros(1)" in c.source)
    assert demo.metadata.tags == ["demo"]
    for name, term in (("alone", "0"), ("leans", "zero[0]"), ("by_text", "eval('zero')[0]")):
        body = f"    return {term} + MSLE(pred, target)"
        given = full["msle"].replace("def msle(", "def MSLE(")
        answers = full | {"msle": f"{given}\n\n\ndef msle(pred, target):\n{body}"}
        notebook = classroom.answer(released, answers)
        notebook.cells.append(new_code_cell(f"'{name}'"))
        classroom.submit(course, name, notebook)
    students = classroom.run_grade(course)["students"]
    for name, student in students.items():
        assert student["tests"]["test_msle"]["status"] == "passed", (name, student["tests"])
