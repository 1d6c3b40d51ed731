"""One JupyterLab and one Chromium for all browser tests; each test has its own page and folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest
from playwright.sync_api import Page

from tests.browser import jupyterlab


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[jupyterlab.Server]:
    """A JupyterLab with the student's view on an empty folder; put notebooks into `server.root`."""
    with jupyterlab.lab_server(tmp_path_factory.mktemp("notebooks")) as running:
        yield running


@pytest.fixture
def page(server: jupyterlab.Server) -> Iterator[Page]:
    """A fresh browser window; the kernels it started end with it."""
    with jupyterlab.browser_page() as window:
        yield window
    server.shut_down_kernels()


def write_notebook(path: Path, *cells: str) -> None:
    """Write a notebook of code cells for the Python kernel."""
    notebook = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(cell) for cell in cells],
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3 (ipykernel)"}},
    )
    nbformat.write(notebook, path)
