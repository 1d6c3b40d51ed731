"""Figures show the numbers of the runs: checked on the artists, the pixels and the sentences."""

from __future__ import annotations

import io
import itertools
import threading

import matplotlib.image
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch

from course import data, plots
from course.activations import ACTIVATIONS
from course.history import History
from course.losses import LOSSES
from course.training import RunConfig, compare


def trained(task: str, *losses: str) -> list[History]:
    return compare([RunConfig(task=task, loss=loss, train_size=600, epochs=2) for loss in losses])


@pytest.fixture(scope="module")
def autoencoders() -> list[History]:
    return trained("autoencoder", "mse", "lp:p=3")


@pytest.fixture(scope="module")
def classifiers() -> list[History]:
    return trained("classifier", "cross_entropy", "multi_margin")


def pixels(figure: plots.CaptionedFigure) -> np.ndarray:
    return matplotlib.image.imread(io.BytesIO(plots.png(figure)))


def test_styles_differ_in_colour_and_line() -> None:
    looks = [plots.style(index) for index in range(28)]
    assert len({(look["color"], look["linestyle"]) for look in looks}) == 28
    for one, next_one in itertools.pairwise(looks):
        assert one["color"] != next_one["color"]
        assert one["linestyle"] != next_one["linestyle"]


def test_loss_curves_hold_every_batch_loss(autoencoders: list[History]) -> None:
    figure = plots.loss_curves(autoencoders)
    (axes,) = figure.axes
    for line, history in zip(axes.lines, autoencoders):
        assert line.get_xydata().tolist() == [list(point) for point in history.batch_losses]
    assert axes.get_xlabel() == "epochs passed"
    assert axes.get_yscale() == "log", "mse and an lp norm differ by more than a factor of 20"
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == ["1 mse", "2 lp:p=3"]
    for history in autoencoders:
        assert f"{history.batch_losses[-1][1]:.4g}" in figure.alt


def test_no_label_needs_mathtext(autoencoders: list[History]) -> None:
    figure = plots.loss_curves(autoencoders)
    figure.draw_without_rendering()
    axes = figure.axes[0]
    ticks = [tick.get_text() for tick in axes.get_yticklabels()]
    assert ticks and not any("$" in text for text in ticks)


@pytest.mark.parametrize("name", ["train_loss", *plots.SCORES["autoencoder"]])
def test_metric_curves_hold_every_epoch(autoencoders: list[History], name: str) -> None:
    figure = plots.metric_curves(autoencoders, name)
    for line, history in zip(figure.axes[0].lines, autoencoders):
        assert line.get_ydata().tolist() == history.column(name)
    assert "after epoch 2" in figure.alt


def test_unknown_score_is_answered_with_the_list() -> None:
    with pytest.raises(ValueError, match="unknown score 'psnr'; there are: train_loss, ssim"):
        plots.metric_curves([], "psnr")


def test_gallery_shows_originals_reconstructions_and_differences(
    autoencoders: list[History],
) -> None:
    figure = plots.reconstruction_gallery(autoencoders, count=3)
    shown, difference = (np.asarray(axes.images[0].get_array()) for axes in figure.axes)
    images = data.load("mnist").X_test[:3]
    np.testing.assert_allclose(shown[:28, :28], images[0].reshape(28, 28))
    for row, history in enumerate(autoencoders, start=1):
        with torch.no_grad():
            made = history.model(images)
        cell = (slice(30 * row, 30 * row + 28), slice(60, 88))
        np.testing.assert_allclose(shown[cell], made[2].reshape(28, 28), atol=1e-6)
        expected = (made[2] - images[2]).abs().reshape(28, 28)
        np.testing.assert_allclose(difference[cell], expected, atol=1e-6)


def test_gallery_refuses_classifiers(classifiers: list[History]) -> None:
    with pytest.raises(ValueError, match="needs autoencoders, got a classifier"):
        plots.reconstruction_gallery(classifiers)


def test_figures_of_images_ask_for_a_model() -> None:
    with pytest.raises(ValueError, match="no weights: train it again"):
        plots.worst_digits(History(RunConfig(task="classifier")))


def test_confusion_matrix_counts_the_test_images(classifiers: list[History]) -> None:
    figure = plots.confusion_matrix_figure(classifiers[0])
    numbers = {text.get_position(): int(text.get_text()) for text in figure.axes[0].texts}
    assert sum(numbers.values()) == 10_000
    right = sum(count for (x, y), count in numbers.items() if x == y)
    assert right / 10_000 == pytest.approx(classifiers[0].epochs[-1]["accuracy"])
    assert f"{right:,} of 10,000" in figure.alt


def test_worst_digits_are_the_least_probable(classifiers: list[History]) -> None:
    figure = plots.worst_digits(classifiers[0], count=5)
    images = data.load("mnist")
    with torch.no_grad():
        prob = classifiers[0].model(images.X_test).softmax(1)
    right = prob[torch.arange(10_000), images.y_test]
    for axes, index in zip(figure.axes, right.argsort()[:5].tolist()):
        assert axes.get_title() == f"{images.y_test[index]} → {prob[index].argmax()}"


def test_table_has_the_settings_that_differ_and_the_scores(autoencoders: list[History]) -> None:
    header, first, _ = plots.runs_table(autoencoders).splitlines()
    assert header.split()[:2] == ["run", "loss"]
    assert "optimizer" not in header
    assert f"{autoencoders[0].epochs[-1]['test_mse']:.4f}" in first
    markup = plots.runs_html(autoencoders)
    assert plots.style(1)["color"] in markup
    assert markup.count("<tr>") == 3


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_has_a_curve_and_its_slope(name: str) -> None:
    figure = plots.loss_figure(name)
    value, slope = (axes.lines[0] for axes in figure.axes)
    x, y = value.get_xdata(), value.get_ydata()
    differences = (y[2:] - y[:-2]) / (x[2:] - x[:-2])
    kinks = np.abs(np.diff(slope.get_ydata())) > 0.2
    smooth = ~(kinks[:-1] | kinks[1:])
    np.testing.assert_allclose(slope.get_ydata()[1:-1][smooth], differences[smooth], atol=0.02)
    assert smooth.mean() > 0.8
    assert figure.alt.startswith("Curves of loss")


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_has_a_curve_and_its_slope(name: str) -> None:
    figure = plots.activation_figure(name)
    value, slope = (axes.lines[0] for axes in figure.axes)
    x, y = value.get_xdata(), value.get_ydata()
    differences = (y[2:] - y[:-2]) / (x[2:] - x[:-2])
    off = ~np.isclose(slope.get_ydata()[1:-1], differences, atol=0.02)
    assert off.sum() <= 6, "only at the kinks and jumps"


def test_losses_of_different_domains_share_no_axis() -> None:
    with pytest.raises(ValueError, match="expect scores, values: draw one figure for each"):
        plots.loss_figure("mse", "hinge")


def test_a_figure_shows_itself_with_its_sentence(autoencoders: list[History]) -> None:
    figure = plots.runs_figure(autoencoders, "ssim")
    markup = figure._repr_html_()
    assert 'alt="Training loss' in markup
    assert "<figcaption>" in markup
    image = pixels(figure)
    assert image.shape[:2] == (396, 1100)
    assert image.min() < 0.5, "something is drawn"


def test_figures_leave_pyplot_alone_and_may_be_drawn_in_threads(
    autoencoders: list[History],
) -> None:
    before = plt.get_fignums()
    expected = plots.png(plots.loss_curves(autoencoders))
    drawn: list[bytes] = []
    threads = [
        threading.Thread(target=lambda: drawn.append(plots.png(plots.loss_curves(autoencoders))))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert drawn == [expected] * 4
    assert plt.get_fignums() == before
