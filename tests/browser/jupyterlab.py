"""Start a JupyterLab of its own, open a notebook in Chromium, run cells, collect what goes wrong.

with lab_server(folder) as server, browser_page() as page:
    notebook = open_notebook(page, server, "a.ipynb")
    notebook.run_all()
    notebook.assert_no_errors()
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from playwright.sync_api import ConsoleMessage, Locator, Page, expect, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
OUTPUT = ROOT / "tests" / "output"
TOKEN = "browser-tests"
KERNEL_WAIT = 120_000  # ms; a first start compiles and imports on a busy machine
CHROMIUM_FLAGS = [
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
HARMLESS = (
    "favicon",
    "ResizeObserver loop",
    "/api/contents/.jupyter",
    "/lab/api/translations",
    "net::ERR_ABORTED",
)
"""Parts of console errors that JupyterLab itself writes on a healthy page."""


@dataclass(frozen=True)
class Server:
    """A running JupyterLab: its address and the folder it serves."""

    url: str
    root: Path

    def shut_down_kernels(self) -> None:
        """End every kernel of this server."""
        with urllib.request.urlopen(f"{self.url}/api/kernels?token={TOKEN}", timeout=30) as answer:
            kernels = json.load(answer)
        for kernel in kernels:
            address = f"{self.url}/api/kernels/{kernel['id']}?token={TOKEN}"
            with contextlib.suppress(urllib.error.HTTPError):
                urllib.request.urlopen(
                    urllib.request.Request(address, method="DELETE"), timeout=60
                ).close()


def free_port() -> int:
    """Return a TCP port that nothing listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


@contextlib.contextmanager
def lab_server(root: Path, view: str = "student", **environment: str) -> Iterator[Server]:
    """Serve `root` with the course's settings for that view, apart from the user's own Jupyter."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="course-lab-") as home:
        names = (
            "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR",
            "JUPYTERLAB_SETTINGS_DIR", "JUPYTERLAB_WORKSPACES_DIR", "MPLCONFIGDIR",
        )  # fmt: skip
        own = {name: str(Path(home) / name.lower()) for name in names}
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        command = [
            sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root",
            "--ServerApp.ip=127.0.0.1", f"--ServerApp.port={port}", "--ServerApp.port_retries=0",
            f"--IdentityProvider.token={TOKEN}", f"--ServerApp.root_dir={root}",
            f"--LabApp.app_settings_dir={ROOT / 'course' / 'jupyterlab' / view}",
        ]  # fmt: skip
        with (Path(home) / "log").open("w+") as log:
            process = subprocess.Popen(
                command,
                cwd=root,
                env=os.environ | own | {"PATH": path} | environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                url = f"http://127.0.0.1:{port}"
                _wait_for(f"{url}/api/status?token={TOKEN}", process, Path(log.name))
                yield Server(url, root)
            finally:
                _end(process)


def _wait_for(url: str, process: subprocess.Popen[bytes], log: Path, seconds: float = 90) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(urllib.error.URLError, ConnectionError, TimeoutError):
            urllib.request.urlopen(url, timeout=5).close()
            return
        time.sleep(0.2)
    raise RuntimeError(f"JupyterLab did not start; its log:\n{log.read_text()[-3000:]}")


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


@contextlib.contextmanager
def browser_page(width: int = 1440, height: int = 1000) -> Iterator[Page]:
    """Open Debian's Chromium with one empty page."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    if program is None:
        raise RuntimeError("the browser tests need chromium: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=CHROMIUM_FLAGS)
        try:
            yield browser.new_page(viewport={"width": width, "height": height})
        finally:
            browser.close()


@dataclass
class Notebook:
    """An open notebook: its page and the console errors since it was opened."""

    page: Page
    path: Path
    console_errors: list[str] = field(default_factory=list)

    @property
    def outputs(self) -> Locator:
        """Everything that cells have put out; sources don't match in here."""
        return self.page.locator(".jp-OutputArea-output")

    def cell(self, index: int) -> Locator:
        """Return one cell, counted from 0, markdown cells included."""
        return self.page.locator(f'.jp-Cell[data-windowed-list-index="{index}"]')

    def menu(self, *names: str) -> None:
        """Choose an entry of a menu, for example `menu("Run", "Run All Cells")`."""
        self.page.get_by_role("menuitem", name=names[0], exact=True).first.click()
        for name in names[1:]:
            self.page.locator(".lm-Menu").get_by_text(name, exact=True).first.click()

    def run_all(self, seconds: float = 120) -> None:
        """Run all cells and wait until the kernel is idle again."""
        self.menu("Run", "Run All Cells")
        self.wait_idle(seconds)

    def run_cell(self, index: int) -> None:
        """Run one cell, without waiting for its end."""
        self.cell(index).locator(".jp-InputArea-editor").click()
        self.page.keyboard.press("Control+Enter")

    def wait_idle(self, seconds: float = 120) -> None:
        """Wait until no cell is queued or running and the status bar says Idle."""
        pending = self.page.locator(".jp-InputPrompt", has_text="[*]")
        expect(pending).to_have_count(0, timeout=seconds * 1000)
        expect(self._kernel_state("Idle")).to_be_visible(timeout=seconds * 1000)

    def _kernel_state(self, state: str) -> Locator:
        return self.page.locator("#jp-main-statusbar").get_by_text(f"| {state}")

    def save(self) -> dict:
        """Save the notebook and return its content as it is on the disk."""
        before = self.path.stat().st_mtime_ns
        self.page.keyboard.press("Control+s")
        end = time.monotonic() + 20
        while self.path.stat().st_mtime_ns == before and time.monotonic() < end:
            self.page.wait_for_timeout(100)
        self.page.wait_for_timeout(200)
        return json.loads(self.path.read_text())

    def kernel_errors(self) -> list[str]:
        """Return the tracebacks that cells show."""
        return self.outputs.filter(has_text="Traceback (most recent call last)").all_inner_texts()

    def assert_no_errors(self) -> None:
        """Fail with the texts if the kernel or the browser's console reported an error."""
        assert not self.kernel_errors(), self.kernel_errors()
        assert not self.console_errors, self.console_errors

    def screenshot(self, name: str) -> Path:
        """Write what the window shows to `tests/output/NAME.png`."""
        OUTPUT.mkdir(parents=True, exist_ok=True)
        path = OUTPUT / f"{name}.png"
        self.page.screenshot(path=path)
        return path


def open_notebook(page: Page, server: Server, path: str) -> Notebook:
    """Open a notebook below the server's root and wait until its kernel is connected and idle."""
    notebook = Notebook(page, server.root / path)

    def collect(message: ConsoleMessage) -> None:
        place = f"{message.text} {message.location.get('url', '')}"
        if message.type == "error" and not any(part in place for part in HARMLESS):
            notebook.console_errors.append(place)

    page.on("console", collect)
    page.on("pageerror", lambda error: notebook.console_errors.append(str(error)))
    page.goto(f"{server.url}/lab/tree/{path}?token={TOKEN}&reset")
    expect(notebook._kernel_state("Idle")).to_be_visible(timeout=KERNEL_WAIT)
    return notebook
