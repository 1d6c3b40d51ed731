"""The laboratory: Run, Stop and Clear around the form, the training and the board."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Any

import ipywidgets as widgets

from course.config import RunConfig
from course.history import History, train_seconds
from course.lab.board import Board
from course.lab.form import Form
from course.live import LiveCell, Snapshot, Worker, text
from course.training import Progress, compare

DRAW_EVERY = 0.4
DRAWING_SHARE = 0.2
DETAILS_EVERY = 3.0


class Laboratory(LiveCell):
    """Settings, buttons and the board of all runs so far; see `laboratory`.

    `histories` holds the runs of the comparison, the live ones included.
    """

    def __init__(self, task: str, runs: Sequence[History], **defaults: Any) -> None:
        self.form = Form(task, **defaults)
        self.board = Board(task)
        self.histories: list[History] = list(runs)
        self.worker = Worker(self._failed, self._ended)
        self.run_button = _button("Run", "success", self.run)
        self.stop_button = _button("Stop", "warning", self.stop)
        self.clear_button = _button("Clear", "", self.clear)
        self.stop_button.disabled = True
        self.progress = widgets.FloatProgress(
            0.0, max=1.0, layout=widgets.Layout(width="220px", margin="2px 10px")
        )
        self.status = widgets.HTML(text("Ready. Choose settings, then press Run."))
        buttons = widgets.HBox(
            [self.run_button, self.stop_button, self.clear_button, self.progress, self.status],
            layout=widgets.Layout(flex_flow="row wrap", align_items="center", margin="6px 0"),
        )
        self.board.score.observe(lambda change: self.board.show_scores(self.histories), "value")
        self._show_all()
        snapshot = Snapshot(self.board.snapshot(self.histories))
        box = widgets.VBox(
            [snapshot.hider, self.form.box, buttons, self.board.box],
            layout=widgets.Layout(max_width="1200px"),
        )
        controls = {"loss": self.form.loss.dropdown, "compare_with": self.form.second.dropdown}
        super().__init__(box, snapshot, controls | self.form.controls)
        self._warm_up()

    def _warm_up(self) -> None:
        """Load the data and take one training step, so that Run answers at once."""
        stop = threading.Event()
        config = RunConfig(task=self.form.task, dataset=self.form.controls["dataset"].value)
        try:
            compare([config], on_batch=lambda progress: stop.set(), stop=stop)
        except OSError as error:
            self._failed(str(error))

    def run(self, button: object = None) -> None:
        """Start the chosen runs in the background; refused while others run."""
        if self.worker.running:
            self.status.value = text("A run is going on; press Stop first.")
            return
        try:
            configs = self.form.configs()
        except (ValueError, KeyError) as error:
            self.status.value = text(str(error), "error")
            return
        self.run_button.disabled = self.clear_button.disabled = True
        self.stop_button.disabled = False
        self.status.value = text("Starting …")
        self.worker.start(lambda stop: self._train(configs, stop))

    def stop(self, button: object = None) -> None:
        """Ask the runs to end after their current batch."""
        self.worker.stop()
        self.stop_button.disabled = True

    def clear(self, button: object = None) -> None:
        """Remove all finished runs from the comparison; refused while others run."""
        if self.worker.running:
            self.status.value = text("A run is going on; press Stop first.")
            return
        self.histories = []
        self.progress.value = 0.0
        self._show_all()
        self.snapshot.update(self.board.snapshot([]))
        self.status.value = text("Cleared. Choose settings, then press Run.")

    def _train(self, configs: list[RunConfig], stop: threading.Event) -> None:
        watch = _Watch(self, stop)
        live = compare(configs, watch.on_batch, watch.on_epoch, stop)
        self.histories = watch.before + live
        self.board.show_table(self.histories)
        self.status.value = _summary(live)
        if all(history.status == "finished" for history in live):
            self.progress.value = 1.0
        self._show_all()
        self.board.show_python(live)
        self.snapshot.update(self.board.snapshot(self.histories))

    def _failed(self, message: str) -> None:
        self.histories = [history for history in self.histories if history.status != "running"]
        self.status.value = text(message, "error")

    def _ended(self) -> None:
        self.run_button.disabled = self.clear_button.disabled = False
        self.stop_button.disabled = True

    def _show_all(self) -> None:
        self.board.show_table(self.histories)
        self.board.show_losses(self.histories)
        self.board.show_scores(self.histories)
        self.board.show_details(self.histories)
        self.board.show_python(self.histories)


class _Watch:
    """The callbacks of one training: they show what there is to see, a few times a second."""

    def __init__(self, lab: Laboratory, stop: threading.Event) -> None:
        self.lab, self.stop = lab, stop
        self.before = list(lab.histories)
        self.live: dict[int, History] = {}
        self.start = time.monotonic()
        self.next_draw = self.next_scores = self.next_details = 0.0

    def on_batch(self, progress: Progress) -> None:
        """Draw the first point of every run at once, later ones when it is time."""
        first = progress.run not in self.live
        self.live[progress.run] = progress.history
        if first:
            self.lab.histories = self.before + list(self.live.values())
        now = time.monotonic()
        if now < self.next_draw and not first:
            return
        self._tell(progress, now)
        self.lab.board.show_losses(self.lab.histories)
        self.lab.board.show_table(self.lab.histories)
        spent = time.monotonic() - now
        self.next_draw = now + max(DRAW_EVERY, spent / DRAWING_SHARE)

    def on_epoch(self, history: History) -> None:
        """Draw the scores of all runs, and now and then the images; not after a click on Stop."""
        now = time.monotonic()
        behind = any(
            other.status == "running" and len(other.epochs) < len(history.epochs)
            for other in self.live.values()
        )
        if behind or now < self.next_scores or self.stop.is_set():
            return
        self.lab.board.show_scores(self.lab.histories)
        self.next_scores = now + DRAW_EVERY
        if now >= self.next_details:
            self.lab.board.show_details(self.lab.histories)
            self.next_details = time.monotonic() + DETAILS_EVERY

    def _tell(self, progress: Progress, now: float) -> None:
        epochs = progress.history.config.epochs
        done = (progress.epoch - 1 + progress.batch / progress.batches) / epochs
        passed = now - self.start
        self.lab.progress.value = done
        self.lab.status.value = text(
            f"Training: epoch {progress.epoch} of {epochs}, {done:.0%} done"
            + (f", about {duration(passed / done - passed)} left" if passed > 1 else "")
        )


def duration(seconds: float) -> str:
    """Return a length of time in words short enough for a status line.

    >>> duration(0.3), duration(95), duration(4020)
    ('less than 1 s', '1 min 35 s', '1 h 7 min')
    """
    whole = round(seconds)
    if whole < 1:
        return "less than 1 s"
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def _summary(histories: list[History]) -> str:
    """Return the status line about runs that have ended; a divergence says what to change."""
    diverged = [history for history in histories if history.status == "diverged"]
    if diverged:
        told = " ".join(f"{history.config.loss_name} diverged. {history.message}"
                        for history in diverged)  # fmt: skip
        return text(told, "error")
    seconds = duration(train_seconds(histories))
    whole = min(len(history.epochs) for history in histories)
    stopped = any(history.status == "stopped" for history in histories)
    epochs = f"{whole} whole epoch{'' if whole == 1 else 's'}"
    return text(f"{'Stopped' if stopped else 'Finished'}: {epochs}, {seconds} of training steps.")


def _button(name: str, look: str, action: Any) -> widgets.Button:
    """Return a button without icon: an icon's glyph would become part of its accessible name."""
    button = widgets.Button(
        description=name, button_style=look, layout=widgets.Layout(width="96px")
    )
    button.on_click(action)
    return button


def laboratory(
    task: str = "autoencoder", runs: Sequence[History] = (), **defaults: Any
) -> Laboratory:
    """Return the laboratory for a task, `"autoencoder"` or `"classifier"`; a cell's value shows it.

    `runs` are histories that the comparison starts with. `defaults` are settings of `RunConfig`
    to begin with; `loss` may be a pair, whose two runs train side by side from the same weights
    on the same batches. Without widgets, `course.training.compare` does the same.

    Raises `ValueError` for settings that don't exist or can't work together.

    >>> lab = laboratory(loss=("mse", "huber:delta=0.5"), train_size=1000, epochs=1)
    >>> [config.loss for config in lab.form.configs()]
    ['mse', 'huber:delta=0.5']
    """
    return Laboratory(task, runs, **defaults)
