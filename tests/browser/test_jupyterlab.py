"""The browser fixture itself: it runs cells and sees errors in the kernel and the console."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page

from tests.browser.conftest import write_notebook
from tests.browser.jupyterlab import Server, open_notebook


def test_cells_run_and_errors_are_seen(server: Server, page: Page) -> None:
    write_notebook(server.root / "small.ipynb", "print(6 * 7)", "1 / 0")
    notebook = open_notebook(page, server, "small.ipynb")
    notebook.run_cell(0)
    notebook.wait_idle()
    assert notebook.outputs.all_inner_texts() == ["42\n"]
    notebook.assert_no_errors()
    notebook.run_all()
    page.evaluate("console.error('planted')")
    with pytest.raises(AssertionError, match="ZeroDivisionError"):
        notebook.assert_no_errors()
    assert any("planted" in text for text in notebook.console_errors)
    content = notebook.save()
    assert content["cells"][0]["outputs"][0]["text"] == ["42\n"]
