"""Every live part of lectures 04 to 06, driven once with real clicks in a real JupyterLab."""

from __future__ import annotations

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import write_notebook
from tests.browser.jupyterlab import Notebook, Server, open_notebook

LONG = 90_000  # ms
SET_UP = (
    "from course.demos import backprop_steps, backpropagation, descent, initialization, optimizers"
)

EXPLORERS = {
    "backpropagation.slow_start_explorer": ("lr", "5.0", "after 14 updates"),
    "initialization.layers_explorer": ("initializer", "He normal", "He normal weights"),
    "optimizers.path_explorer": ("surface", "Beale", "Beale, height"),
    "optimizers.race_explorer": ("surface", "Saddle", "Saddle, height"),
    "descent.descent_explorer": ("batch size", "400", "batch size 400"),
    "descent.stopping_explorer": ("patience", "1", "With a patience of 1"),
}
"""For each: a control, the choice to make, and words of the caption that follows."""


@pytest.fixture
def live(server: Server, page: Page) -> Notebook:
    """A notebook with the stepper in cell 1 and the explorers from cell 2 on."""
    calls = ["backprop_steps.stepper()", *(f"{function}()" for function in EXPLORERS)]
    write_notebook(server.root / "live.ipynb", SET_UP, *calls)
    notebook = open_notebook(page, server, "live.ipynb")
    notebook.run_all(seconds=240)
    return notebook


def caption(cell: Locator, words: str) -> Locator:
    return cell.locator(".widget-html").filter(has_text=words).first


def test_every_live_part_answers(live: Notebook) -> None:
    stepper = live.cell(1)
    for step in ("Step 1 of 12", "Step 2 of 12"):
        stepper.get_by_role("button", name="Next step").click()
        expect(caption(stepper, step)).to_be_visible(timeout=LONG)
    stepper.get_by_role("button", name="Previous step").click()
    expect(caption(stepper, "Step 1 of 12")).to_be_visible(timeout=LONG)
    stepper.get_by_label("step", exact=True).select_option("12 Update")
    expect(caption(stepper, "J after")).to_be_visible(timeout=LONG)
    live.screenshot("stepper")
    for place, (control, choice, words) in enumerate(EXPLORERS.values(), start=2):
        cell = live.cell(place)
        picture = cell.locator(".widget-image").first
        before = picture.get_attribute("src") or ""
        cell.get_by_label(control, exact=True).first.select_option(choice)
        expect(caption(cell, words)).to_be_visible(timeout=LONG)
        expect(picture).not_to_have_attribute("src", before, timeout=LONG)
        live.screenshot(f"live_{place}")
    live.assert_no_errors()
