"""A released assignment as a student meets it: a wrong answer, its hint, the right one."""

from __future__ import annotations

import json
import shutil

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.jupyterlab import ROOT, Notebook, Server, open_notebook

ASSIGNMENT = "regression_losses"
RELEASED = ROOT / "assignments" / ASSIGNMENT
LONG = 120_000  # ms; Validate runs the whole notebook

WRONG = """def mse(pred, target):
    if pred.shape != target.shape:
        raise ValueError("shapes differ")
    return ((pred - target) ** 2).sum()
"""


@pytest.fixture
def notebook(server: Server, page: Page) -> Notebook:
    """The released notebook, opened in a folder of the student's own."""
    folder = server.root / ASSIGNMENT
    shutil.copytree(RELEASED, folder, dirs_exist_ok=True)
    return open_notebook(page, server, f"{ASSIGNMENT}/{ASSIGNMENT}.ipynb")


def place(cell_id: str) -> int:
    """The number of a cell in the released notebook."""
    cells = json.loads((RELEASED / f"{ASSIGNMENT}.ipynb").read_text())["cells"]
    return [cell["id"] for cell in cells].index(cell_id)


def show(notebook: Notebook, cell_id: str) -> Locator:
    """Scroll to a cell: JupyterLab draws only those near the window."""
    cell = notebook.cell(place(cell_id))
    panel = notebook.page.locator(".jp-WindowedPanel-outer").first
    panel.hover()
    for _ in range(40):
        if cell.is_visible():
            break
        notebook.page.mouse.wheel(0, 400)
        notebook.page.wait_for_timeout(50)
    cell.scroll_into_view_if_needed()
    return cell


def write_and_run(notebook: Notebook, source: str) -> str:
    """Type a solution of `mse` into its cell, run it and its check; return what the check says."""
    show(notebook, "mse").locator(".cm-content").click()
    keyboard = notebook.page.keyboard
    keyboard.press("Control+a")
    keyboard.insert_text(source)
    keyboard.press("Shift+Enter")
    notebook.wait_idle()
    check = show(notebook, "test-mse")
    notebook.run_cell(place("test-mse"))
    notebook.wait_idle()
    return check.locator(".jp-OutputArea").inner_text()


def validate(notebook: Notebook) -> str:
    """Press nbgrader's button, which saves and runs the notebook; return what its dialog says."""
    notebook.page.get_by_role("button", name="Validate", exact=True).click()
    dialog = notebook.page.locator(".jp-Dialog")
    expect(dialog).to_contain_text("failed", timeout=LONG)
    said = dialog.inner_text()
    notebook.screenshot("assignment-validate")
    dialog.get_by_role("button", name="Ok").click()
    return said


def test_a_wrong_answer_is_named_and_a_right_one_passes(notebook: Notebook) -> None:
    notebook.run_cell(place("code-02"))
    said = write_and_run(notebook, WRONG)
    notebook.screenshot("assignment-wrong")
    assert "mse, visible check: failed" in said
    assert "sum instead of mean" in said and "the mean over all of them" in said
    assert "Traceback" not in said
    said = write_and_run(notebook, WRONG.replace(".sum()", ".mean()"))
    notebook.screenshot("assignment-right")
    assert said.strip() == "✓ mse: visible checks passed"
    said = validate(notebook)
    assert 'check("mse", mse)' not in said
    assert "`mae` is not written yet" in said and "You did not provide a response" in said
    notebook.assert_no_errors()


def test_instructors_tools_are_hidden(notebook: Notebook) -> None:
    page = notebook.page
    expect(page.get_by_role("button", name="Validate", exact=True)).to_be_visible()
    assert page.get_by_role("menuitem", name="Nbgrader", exact=True).count() == 0
    page.keyboard.press("Control+Shift+c")
    palette = page.locator(".lm-CommandPalette")
    expect(palette).to_be_visible()
    page.keyboard.type("formgrader")
    expect(palette).to_contain_text("No commands found")
