"""The pieces of live cells: one worker at a time, captions, snapshots, explorers."""

from __future__ import annotations

import subprocess
import sys
import threading

import ipywidgets as widgets
import pytest

from course import plots
from course.live import FigureImage, Snapshot, Worker, explorer


def test_a_second_job_is_refused_until_the_first_has_ended() -> None:
    worker = Worker(print)
    ended = []
    assert worker.start(lambda stop: ended.append(stop.wait(30)))
    assert not worker.start(lambda stop: None)
    worker.stop()
    worker.join(10)
    assert ended == [True]
    assert worker.start(lambda stop: ended.append(stop.is_set()))
    worker.join(10)
    assert ended == [True, False], "a new job starts with a stop event of its own"


def test_what_a_job_raises_is_told_and_the_next_one_may_start() -> None:
    told: list[str] = []
    order = []
    worker = Worker(told.append, on_end=lambda: order.append(worker.running))

    def job(stop: threading.Event) -> None:
        raise ValueError("p must be at least 1")

    worker.start(job)
    worker.join(10)
    assert told == ["p must be at least 1"]
    assert order == [False]


def test_an_interpreter_ends_cleanly_while_a_worker_trains() -> None:
    code = (
        "import time\n"
        "from course.lab import laboratory\n"
        "lab = laboratory(train_size=5000)\n"
        "lab.run()\n"
        "while not lab.histories: time.sleep(0.05)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=200
    )
    assert ended.returncode == 0, ended.stderr


def test_an_image_shows_the_figure_and_its_sentence() -> None:
    image = FigureImage(plots.activation_figure("relu"))
    relu = image.image.value
    image.show(plots.activation_figure("tanh"))
    assert image.image.value == plots.png(plots.activation_figure("tanh")) != relu
    assert "tanh has values from -0.999 to 0.999" in image.caption.value


def test_an_explorer_draws_again_on_a_change_and_tells_a_value_error() -> None:
    def draw(name: str, delta: float) -> plots.CaptionedFigure:
        if delta == 0:
            raise ValueError("delta must be positive")
        return plots.loss_figure(f"{name}:delta={delta}")

    cell = explorer(draw, name=["huber", "pseudo_huber"], delta=(0.0, 4.0, 1.0))
    status, image = cell.box.children[-2:]
    before = image.image.value
    cell.controls["delta"].value = 2.0
    assert image.image.value != before
    assert "huber:delta=2.0" in image.caption.value
    cell.controls["delta"].value = 0.0
    assert "delta must be positive" in status.value
    cell.controls["name"].value = "pseudo_huber"
    cell.controls["delta"].value = 1.0
    assert status.value == ""


def test_every_control_of_an_explorer_has_a_label() -> None:
    cell = explorer(
        lambda slope_below, name, wide: plots.activation_figure(name),
        slope_below=(0.0, 1.0, 0.1), name=["relu"], wide=True,
    )  # fmt: skip
    assert [control.description for control in cell.controls.values()] == [
        "slope below", "name", "wide",
    ]  # fmt: skip


def test_an_explorer_names_a_control_it_can_not_make() -> None:
    with pytest.raises(TypeError, match="control 'p' must be a list or dict"):
        explorer(lambda p: plots.loss_figure("lp"), p=3)


def test_a_snapshot_hides_behind_its_widgets_only() -> None:
    snapshot = Snapshot("<p>kept</p>")
    page = snapshot._page().data
    name = page.split('"')[1]
    assert "kept" in page
    assert isinstance(snapshot.hider, widgets.HTML)
    assert f".{name} {{display: none}}" in snapshot.hider.value
    assert Snapshot("").hider.value != snapshot.hider.value, "each hides its own"
