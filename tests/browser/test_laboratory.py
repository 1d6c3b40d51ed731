"""The laboratory as a learner uses it: real clicks in a real JupyterLab."""

from __future__ import annotations

import time

from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import write_notebook
from tests.browser.jupyterlab import Notebook, Server, open_notebook

FIRST_POINT_SECONDS = 1.5
STOP_SECONDS = 0.5
NOISE = 3
"""A machine that runs other tests beside this one may take so many times longer."""
LONG = 90_000  # ms

OPEN = "from course.lab import laboratory\nlaboratory({arguments})"
PLOT = """import matplotlib.pyplot as plt
for n in range(12):
    plt.figure(figsize=(3, 2))
    plt.plot([0, 1], [0, n], label="$x^{%d}$" % n)
    plt.title(f"plot {n}")
    plt.yscale("symlog")
    plt.legend()
    plt.show()"""


def open_laboratory(server: Server, page: Page, name: str, *cells: str) -> Notebook:
    write_notebook(server.root / name, *cells)
    notebook = open_notebook(page, server, name)
    notebook.run_cell(0)
    expect(button(page, "Run")).to_be_visible(timeout=LONG)
    notebook.wait_idle()
    return notebook


def button(page: Page, name: str) -> Locator:
    return page.get_by_role("button", name=name, exact=True)


def runs_in_table(page: Page) -> Locator:
    return page.get_by_role("table").locator("tbody tr:visible")


def seconds_until(page: Page, condition: str) -> float:
    """Wait for JavaScript to become true and return the time since `window.clicked`."""
    page.wait_for_function(condition, polling=10, timeout=LONG)
    return page.evaluate("(performance.now() - window.clicked) / 1000")


def click_timed(page: Page, name: str) -> None:
    page.evaluate("window.pictures = [...document.querySelectorAll('img')].map(i => i.src)")
    page.evaluate("document.addEventListener('click', () => window.clicked = performance.now(),"
                  "{capture: true, once: true})")  # fmt: skip
    button(page, name).click()


def status(text: str) -> str:
    """Return the JavaScript condition that the status line says so."""
    return (
        f"[...document.querySelectorAll('.widget-html')].some(e => e.innerText.includes('{text}'))"
    )


def test_run_stop_and_run_again(server: Server, page: Page) -> None:
    settings = "loss='mse', train_size=5000, epochs=20"
    notebook = open_laboratory(server, page, "lab.ipynb", OPEN.format(arguments=settings))
    page.get_by_label("Loss").select_option("huber")
    delta = page.get_by_label("delta")
    delta.fill("0.5")
    delta.press("Tab")

    click_timed(page, "Run")
    first = seconds_until(
        page, "[...document.querySelectorAll('img')].some((i, n) => i.src != window.pictures[n])"
    )
    print(f"\nfirst point {first:.2f} s after the click on Run")
    expect(page.get_by_text("2 whole").or_(page.get_by_text("epoch 2 of 20"))).to_be_visible(
        timeout=LONG
    )
    click_timed(page, "Stop")
    stopped = seconds_until(page, status("Stopped:"))
    print(f"stopped {stopped:.2f} s after the click on Stop")
    assert first < FIRST_POINT_SECONDS * NOISE
    assert stopped < STOP_SECONDS * NOISE
    expect(runs_in_table(page)).to_have_count(1)

    page.get_by_label("Optimizer").select_option("momentum")
    expect(page.get_by_label("Learning rate")).to_have_value("0.05")
    page.get_by_label("Epochs").fill("1")
    page.get_by_label("Epochs").press("Tab")
    button(page, "Run").click()
    expect(page.get_by_text("Finished: 1 whole epoch")).to_be_visible(timeout=LONG)
    expect(button(page, "Run")).to_be_enabled(timeout=LONG)
    expect(runs_in_table(page)).to_have_count(2)
    rows = runs_in_table(page).all_inner_texts()
    assert "huber:delta=0.5" in rows[0] and "adam" in rows[0] and "stopped" in rows[0]
    assert "momentum" in rows[1] and "finished" in rows[1]
    assert "optimizer='momentum'" in page.locator("pre", has_text="RunConfig").inner_text()
    page.wait_for_timeout(500)
    notebook.screenshot("laboratory-autoencoder")
    notebook.assert_no_errors()
    check_snapshot(notebook)


def check_snapshot(notebook: Notebook) -> None:
    """Save, read the page again with no widgets: figures, table and their sentences are there."""
    saved = notebook.save()
    outputs = saved["cells"][0]["outputs"]
    markup = "".join("".join(output["data"].get("text/html", "")) for output in outputs)
    assert "data:image/png;base64," in markup
    assert "huber:delta=0.5" in markup and "momentum" in markup
    assert "widgets" not in saved["metadata"]
    shown = notebook.page.get_by_text("Runs: the settings that differ")
    expect(shown.locator("visible=true")).to_have_count(1)
    notebook.menu("Kernel", "Shut Down Kernel")
    notebook.page.reload()
    expect(notebook.page.locator("figure img").first).to_be_visible(timeout=LONG)
    assert "Training loss" in notebook.page.locator("figure img").first.get_attribute("alt")
    notebook.screenshot("laboratory-snapshot")


def test_a_bad_setting_and_a_divergence_are_told_in_the_status(server: Server, page: Page) -> None:
    settings = "'classifier', loss='cross_entropy', train_size=1000, epochs=2"
    notebook = open_laboratory(server, page, "bad.ipynb", OPEN.format(arguments=settings))
    rate = page.get_by_label("Learning rate")
    for value, answer in (
        ("-1", "lr must be a positive number"),
        ("1e30", "diverged. The loss became"),
    ):
        rate.fill(value)
        rate.press("Tab")
        button(page, "Run").click()
        expect(page.get_by_text(answer)).to_be_visible(timeout=LONG)
    rate.fill("0.001")
    rate.press("Tab")
    button(page, "Clear").click()
    expect(page.get_by_text("Cleared.")).to_be_visible()
    button(page, "Run").click()
    expect(page.get_by_text("Finished: 2 whole epochs")).to_be_visible(timeout=LONG)
    expect(runs_in_table(page)).to_have_count(1)
    page.wait_for_timeout(1000)
    notebook.screenshot("laboratory-classifier")
    notebook.assert_no_errors()


def test_the_learner_plots_while_a_run_is_live(server: Server, page: Page) -> None:
    settings = "train_size=20_000, epochs=50"
    notebook = open_laboratory(server, page, "stress.ipynb", OPEN.format(arguments=settings), PLOT)
    button(page, "Run").click()
    expect(page.get_by_text("Training: epoch")).to_be_visible(timeout=LONG)
    start = time.monotonic()
    notebook.run_cell(1)
    plots = notebook.cell(1).locator(".jp-OutputArea-output img")
    expect(plots).to_have_count(12, timeout=LONG)
    print(f"\n12 plots beside a live run took {time.monotonic() - start:.1f} s")
    expect(page.get_by_text("Training: epoch")).to_be_visible()
    click_timed(page, "Stop")
    stopped = seconds_until(page, status("Stopped:"))
    print(f"stopped {stopped:.2f} s after the click on Stop, with the learner's plots")
    assert stopped < STOP_SECONDS * NOISE
    expect(button(page, "Run")).to_be_enabled(timeout=LONG)
    notebook.screenshot("laboratory-stress")
    notebook.assert_no_errors()
