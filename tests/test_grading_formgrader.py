"""nbgrader's formgrader in a real browser, on what `course grade` recorded."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from tests import classroom
from tests.attacks import notebook as notebook_attacks
from tests.browser import jupyterlab
from tests.test_grading_attacks import lean

WAIT = 120_000  # ms


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[jupyterlab.Server]:
    course = classroom.make_course(tmp_path_factory.mktemp("formgrader"))
    notebook, full = lean(classroom.released(course)), classroom.solutions(course)
    classroom.submit(course, "anna", classroom.answer(notebook, full | {"explain": "Bounded."}))
    classroom.submit(course, "script", notebook_attacks.script_in_text(notebook))
    classroom.run_grade(course, timeout=300)
    with jupyterlab.lab_server(course, "instructor") as running:
        yield running


def submission_url(server: jupyterlab.Server, student: str) -> str:
    from nbgrader.api import Gradebook

    with Gradebook(f"sqlite:///{server.root}/gradebook.db") as book:
        names = (classroom.ASSIGNMENT, classroom.ASSIGNMENT, student)
        number = book.find_submission_notebook(*names).id
    return f"{server.url}/formgrader/submissions/{number}/"


def test_an_instructor_changes_a_manual_grade(server: jupyterlab.Server) -> None:
    with jupyterlab.browser_page() as page:
        page.goto(f"{server.url}/lab?token={jupyterlab.TOKEN}")
        page.goto(f"{server.url}/formgrader/gradebook/{2 * f'{classroom.ASSIGNMENT}/'}"[:-1])
        expect(page.get_by_text("Submission #").first).to_be_visible(timeout=WAIT)
        page.goto(submission_url(server, "anna"))
        score = page.locator("input.score#explain")
        expect(score).to_be_visible(timeout=WAIT)
        expect(page.locator("input.score#test_mse")).to_have_attribute(
            "placeholder", "1", timeout=WAIT
        )
        with page.expect_response(lambda answer: answer.request.method == "PUT", timeout=WAIT):
            score.fill("2.5")
            score.press("Tab")
    assert classroom.gradebook(server.root)["anna"]["explain"][1] == 2.5
    result = classroom.command(server.root, "feedback", classroom.ASSIGNMENT)
    assert result.returncode == 0, result.stderr
    page_file = Path(server.root, "feedback", "anna", classroom.ASSIGNMENT)
    text = (page_file / f"{classroom.ASSIGNMENT}.html").read_text()
    assert "20.5 of 21 points" in text


def test_what_a_student_wrote_does_not_run_there(server: jupyterlab.Server) -> None:
    with jupyterlab.browser_page() as page:
        dialogs: list[str] = []
        page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
        page.goto(f"{server.url}/lab?token={jupyterlab.TOKEN}")
        page.goto(submission_url(server, "script"))
        expect(page.locator("input.score").first).to_be_visible(timeout=WAIT)
        page.wait_for_timeout(1000)
        assert page.title() != "ATTACKED"
        assert dialogs == []
