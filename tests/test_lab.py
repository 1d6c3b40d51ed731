"""The laboratory without a browser: what its settings mean, what its buttons do."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

from course.activations import ACTIVATIONS
from course.history import History
from course.initializers import INITIALIZERS
from course.lab import Laboratory, laboratory
from course.lab.board import as_python
from course.lab.form import Form
from course.losses import losses_for
from course.models import MODELS
from course.optimizers import OPTIMIZERS
from course.training import RunConfig, compare

SMALL = {"train_size": 500, "epochs": 2}


def run(lab: Laboratory) -> None:
    lab.run()
    lab.worker.join(120)
    assert not lab.worker.running


def wait_for(condition: Callable[[], object]) -> None:
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end, "waited a minute"
        time.sleep(0.01)


@pytest.mark.parametrize("task", MODELS)
def test_the_dropdowns_offer_what_the_registries_hold(task: str) -> None:
    form = Form(task)
    assert list(form.loss.dropdown.options) == losses_for(task)
    for name, registry in (
        ("optimizer", OPTIMIZERS),
        ("activation", ACTIVATIONS),
        ("initializer", INITIALIZERS),
    ):
        assert list(form.controls[name].options) == list(registry)


@pytest.mark.parametrize("task", MODELS)
def test_every_loss_that_fits_makes_a_config(task: str) -> None:
    form = Form(task)
    for name in losses_for(task):
        form.loss.dropdown.value = name
        assert form.configs()[0] == RunConfig(
            task=task, loss=name, epochs=10, train_size=form.controls["train_size"].value or None
        )


@pytest.mark.parametrize("spec", ["huber:delta=0.5", "pseudo_huber:delta=2", "lp:p=4"])
def test_a_loss_parameter_has_a_field_of_its_name(spec: str) -> None:
    form = Form("autoencoder", loss=("mse", spec))
    parameter = spec.partition(":")[2].partition("=")[0]
    field = form.second.field
    assert field.description == f"{parameter} (second)"
    assert field.layout.visibility == "visible"
    assert form.loss.field.layout.visibility == "hidden"
    assert form.configs()[1].loss == spec
    form.second.dropdown.value = "l1"
    assert field.layout.visibility == "hidden"
    assert form.configs()[1].loss == "l1"


def test_the_rate_follows_the_optimizer_until_it_is_chosen_by_hand() -> None:
    form = Form("autoencoder")
    form.controls["optimizer"].value = "gradient_descent"
    assert form.controls["lr"].value == 0.1
    form.controls["lr"].value = 0.3
    form.controls["optimizer"].value = "adadelta"
    assert form.controls["lr"].value == 0.3
    assert "adadelta: 1." in form.hint.value


def test_an_unknown_default_is_answered_with_the_settings_there_are() -> None:
    with pytest.raises(ValueError, match="no setting rate; it has: activation, batch_size"):
        laboratory(rate=0.1)


def test_two_losses_train_side_by_side_and_further_runs_join_them() -> None:
    lab = laboratory(loss=("mse", "l1"), **SMALL)
    run(lab)
    assert "Finished: 2 whole epochs" in lab.status.value
    lab.controls["optimizer"].value = "rmsprop"
    lab.controls["compare_with"].value = "no second loss"
    run(lab)
    assert [h.config.loss for h in lab.histories] == ["mse", "l1", "mse"]
    assert [h.config.optimizer for h in lab.histories] == ["adam", "adam", "rmsprop"]
    table = lab.board.table.value
    assert "optimizer" in table and table.count("finished") == 3
    assert len(lab.board.details.children) == 1
    assert "3 mse, rmsprop" in lab.board.losses.caption.value
    assert "3 mse, rmsprop" in lab.snapshot._content


@pytest.mark.parametrize("task", MODELS)
def test_the_line_of_python_makes_the_same_runs_to_the_bit(task: str) -> None:
    lab = laboratory(task, initializer="xavier_uniform", seed=3, **SMALL)
    run(lab)
    assert as_python(lab.histories).split("; ")[1][:20] in lab.board.python.value
    names: dict[str, list[History]] = {}
    exec(as_python(lab.histories), names)
    for mine, again in zip(lab.histories, names["runs"], strict=True):
        assert mine.epochs == again.epochs
        assert mine.batch_losses == again.batch_losses


def test_stop_ends_a_run_and_keeps_what_it_has() -> None:
    lab = laboratory(train_size=5000, epochs=500)
    lab.run()
    wait_for(lambda: lab.histories and lab.histories[0].batch_losses)
    assert lab.run_button.disabled and not lab.stop_button.disabled
    lab.run()
    assert "press Stop first" in lab.status.value
    lab.clear()
    assert lab.histories
    lab.stop()
    lab.worker.join(60)
    assert {history.status for history in lab.histories} == {"stopped"}
    assert "Stopped" in lab.status.value
    assert lab.stop_button.disabled and not lab.run_button.disabled


def test_clear_empties_the_comparison() -> None:
    lab = laboratory(runs=compare([RunConfig(**SMALL)]))
    assert "mse" in lab.board.table.value
    lab.clear()
    assert lab.histories == []
    assert "No run yet" in lab.board.table.value
    assert lab.board.details.children == ()


@pytest.mark.parametrize(
    ("setting", "value", "answer"),
    [
        ("lr", 0.0, "lr must be a positive number, got 0.0"),
        ("epochs", 0, "epochs must be a whole number of at least 1, got 0"),
        ("batch_size", -5, "batch_size must be a whole number"),
        ("seed", -1, "seed must be a whole number from 0 on, got -1"),
    ],
)
def test_a_bad_setting_is_answered_in_the_status(setting: str, value: float, answer: str) -> None:
    lab = laboratory(**SMALL)
    lab.controls[setting].value = value
    lab.run()
    assert answer in lab.status.value
    assert not lab.worker.running


def test_a_bad_loss_parameter_is_answered_in_the_status() -> None:
    lab = laboratory(loss="lp:p=0.5", **SMALL)
    run(lab)
    assert "lp needs p &gt;= 1" in lab.status.value
    assert lab.histories == []
    assert not lab.run_button.disabled


def test_a_divergence_says_what_to_change() -> None:
    lab = laboratory("classifier", loss="cross_entropy", lr=1e30, **SMALL)
    run(lab)
    assert "cross_entropy diverged" in lab.status.value
    assert "Try a smaller learning rate" in lab.status.value


def test_the_chosen_score_is_drawn() -> None:
    lab = laboratory("classifier", runs=compare([RunConfig(task="classifier", **SMALL)]))
    assert "accuracy" in lab.board.scores.caption.value
    lab.board.score.value = "test_cross_entropy"
    last = lab.histories[0].epochs[-1]["test_cross_entropy"]
    assert f"{last:.4g} after epoch 2" in lab.board.scores.caption.value
    titles = [image.caption.value for image in lab.board.details.children]
    assert "test images are right" in titles[0] and "smallest softmax" in titles[1]


def test_quick_mode_starts_small_and_says_so() -> None:
    code = (
        "from course.lab import laboratory\n"
        "lab = laboratory()\n"
        "print(lab.form.configs()[0].train_size, lab.form.configs()[0].epochs)\n"
        "print(lab.form.hint.value)\n"
    )
    told = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True, text=True, check=True, env=os.environ | {"COURSE_QUICK": "1"},
    ).stdout  # fmt: skip
    assert told.startswith("2000 2\n")
    assert "first 2,000 images only" in told


def test_the_whole_training_set_is_shown_as_chosen() -> None:
    form = Form("autoencoder", train_size=None)
    assert form.controls["train_size"].label == "all"
    assert [config.train_size for config in form.configs()] == [None, None]
