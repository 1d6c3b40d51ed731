"""Take the README's picture: two autoencoders on the full MNIST in the laboratory.

python -m tests.browser.picture
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.conftest import write_notebook
from tests.browser.jupyterlab import ROOT, browser_page, lab_server, open_notebook

PICTURE = ROOT / "docs" / "laboratory.png"
OPEN = "from course.lab import laboratory\nlaboratory('autoencoder', loss=('mse', 'l1'), epochs=4)"


def main() -> None:
    with (
        tempfile.TemporaryDirectory() as folder,
        lab_server(Path(folder)) as server,
        browser_page(width=1280, height=1420) as page,
    ):
        write_notebook(server.root / "laboratory.ipynb", OPEN)
        notebook = open_notebook(page, server, "laboratory.ipynb")
        page.keyboard.press("Control+b")  # hide the file browser
        notebook.run_cell(0)
        page.get_by_role("button", name="Run", exact=True).click(timeout=90_000)
        expect(page.get_by_text("Finished: 4 whole epochs")).to_be_visible(timeout=300_000)
        page.wait_for_timeout(2000)
        page.screenshot(path=PICTURE)
    print(PICTURE)


if __name__ == "__main__":
    main()
