"""An IPython shell without a kernel: runs a student's cells and records their outputs."""

from __future__ import annotations

import contextlib
import sys
from typing import Any

from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from course.grading.recorder import Recorder, Stream


class Publisher(DisplayPublisher):
    """Sends `display(…)` to the recorder."""

    def publish(self, data: dict, *args: Any, **kwargs: Any) -> None:
        self.shell.recorder.data("display_data", data)

    def clear_output(self, wait: bool = False) -> None:
        self.shell.recorder.outputs.clear()


class Hook(DisplayHook):
    """Sends a cell's last value to the recorder."""

    def __call__(self, result: Any = None) -> None:
        if result is not None and not self.quiet():
            data, _ = self.compute_format_data(result)
            self.shell.recorder.data("execute_result", data)
            self.update_user_ns(result)


class Shell(InteractiveShell):
    """IPython as a notebook knows it, with inline figures and without history files."""

    recorder: Recorder

    def _showtraceback(self, etype: type, evalue: Any, stb: list[str]) -> None:
        self.recorder.error(etype.__name__, str(evalue), list(stb))

    def enable_gui(self, gui: str | None = None) -> None:
        """Nothing to do: there is no window here."""

    def run(self, source: str, limit: int) -> list[dict[str, Any]]:
        """Run one cell and return its outputs."""
        self.recorder = Recorder(limit)
        out, err = Stream("stdout", self.recorder), Stream("stderr", self.recorder)
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            self.run_cell(source, store_history=True)
        return self.recorder.finish()


def new_shell() -> Shell:
    """The one shell of this process."""
    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "nocolor"
    config.InteractiveShell.display_pub_class = Publisher
    config.InteractiveShell.displayhook_class = Hook
    config.InteractiveShell.banner1 = ""
    shell = Shell.instance(config=config, displayhook_class=Hook, display_pub_class=Publisher)
    InteractiveShell._instance = shell
    shell.recorder = Recorder(0)
    shell.enable_matplotlib("inline")
    sys.displayhook = shell.displayhook
    return shell
