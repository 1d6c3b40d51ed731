"""Every live part of lectures 01 to 03, driven once in a real browser."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import write_notebook
from tests.browser.jupyterlab import Notebook, Server, open_notebook

WAIT = 30_000  # ms


def opened(page: Page, server: Server, name: str, *cells: str) -> Notebook:
    write_notebook(Path(server.root) / name, *cells)
    notebook = open_notebook(page, server, name)
    notebook.run_all()
    return notebook


def expect_output(notebook: Notebook, text: str | re.Pattern[str]) -> None:
    """Expect a visible sentence; a snapshot hides while the widgets live."""
    found = notebook.outputs.get_by_text(text).locator("visible=true").first
    expect(found).to_be_visible(timeout=WAIT)


def test_the_perceptron_learns_points_that_are_added_and_moved(server: Server, page: Page) -> None:
    notebook = opened(
        page, server, "perceptron.ipynb",
        "from course.demos import points_lab\npoints_lab.live()",
    )  # fmt: skip
    press = lambda name: page.get_by_role("button", name=name, exact=True).click()  # noqa: E731
    press("Step")
    expect_output(notebook, re.compile(r"Update 1: 6 of 12 are misclassified.*weights 6.12"))
    press("Train")
    expect_output(notebook, "Separated after 6 updates.")
    page.get_by_label("x1", exact=True).fill("0.5")
    page.get_by_label("x2", exact=True).fill("0.5")
    page.get_by_label("x2", exact=True).press("Tab")
    press("Change point")
    expect_output(notebook, "Point 1 changed.")
    press("Train")
    expect_output(notebook, re.compile(r"Update [3-9]: \d+ of 12 are misclassified"))
    press("Stop")
    page.get_by_label("class", exact=True).select_option(label="−1 (square)")
    press("Add point")
    expect_output(notebook, "Point 13 added.")
    press("Remove point")
    expect_output(notebook, "Point 13 removed.")
    notebook.screenshot("lecture_01_perceptron")
    notebook.assert_no_errors()
    assert "data:image/png" in str(notebook.save()["cells"][0]["outputs"])


EXPLORERS = {
    "activation": (
        "from course.demos import activations\nactivations.live_activation()",
        ("activation", "elu"), ("parameter", "0.5"),
        r"ELU \(with alpha = 0.5\): at z = -2 the output is -0.4323",
    ),
    "depth": (
        "from course.demos import activations\nactivations.live_depth()",
        ("second", "tanh"), ("depth", "10"),
        r"through 10 layers of 64 units \(xavier_normal\).*tanh",
    ),
    "curves": (
        "from course.demos import losses\nlosses.live_curves()",
        ("beside", "pseudo_huber"), ("delta", "2"),
        r"pseudo_huber:delta=2 has values from 0 to",
    ),
    "outlier": (
        "from course.demos import losses\nlosses.live_outlier()",
        None, ("outlier", "1"),
        r"one 10 and one 1\. The best constant .* mse 1.978",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", EXPLORERS)
def test_an_explorer_follows_its_controls(name: str, server: Server, page: Page) -> None:
    code, choice, number, sentence = EXPLORERS[name]
    notebook = opened(page, server, f"{name}.ipynb", code)
    image = notebook.outputs.locator("img").locator("visible=true").first
    expect(image).to_be_visible(timeout=WAIT)
    before = image.get_attribute("src")
    if choice:
        page.get_by_label(choice[0], exact=True).select_option(choice[1])
    field = page.get_by_label(number[0], exact=True)
    field.fill(number[1])
    field.press("Tab")
    expect_output(notebook, re.compile(sentence))
    assert image.get_attribute("src") != before
    notebook.screenshot(f"explorer_{name}")
    notebook.assert_no_errors()
