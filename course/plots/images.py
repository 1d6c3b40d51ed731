"""Figures of what a trained network does to images: reconstructions, confusions, worst digits."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from course import data
from course.history import History
from course.metrics import confusion_matrix
from course.plots.runs import labels
from course.plots.style import INK, CaptionedFigure, new_figure

GAP = 2


@torch.no_grad()
def _logits(history: History, X: Tensor) -> Tensor:
    if history.model is None:
        raise ValueError(
            "this history has no model; a run read from JSON has no weights: train it again"
        )
    device = next(history.model.parameters()).device
    return torch.cat([history.model.logits(part.to(device)).cpu() for part in X.split(2000)])


def _strip(images: Tensor, per_row: int) -> np.ndarray:
    """Lay (N, 784) images out in rows, with a gap between them (NaN, drawn white)."""
    padded = F.pad(images.reshape(-1, 28, 28), (0, GAP, 0, GAP), value=float("nan"))
    rows = [torch.cat(list(row), dim=1) for row in padded.split(per_row)]
    return torch.cat(rows).numpy()[:-GAP, :-GAP]


def reconstruction_gallery(
    histories: Sequence[History], count: int = 8, names: Sequence[str] | None = None
) -> CaptionedFigure:
    """Return the first `count` test images, each run's reconstructions and absolute differences.

    `names` are the runs' labels, by default `labels(histories)`.

    Raises `ValueError` for histories that are not of autoencoders or hold no model.
    """
    for history in histories:
        if history.config.task != "autoencoder":
            raise ValueError(f"a reconstruction needs autoencoders, got a {history.config.task}")
    rows = 1 + len(histories)
    figure = new_figure(10.0, 0.51 * rows + 0.4)
    names = names or labels(histories)
    if not histories:
        figure.alt = "No run yet: no reconstruction to show."
        return figure
    images = data.load(histories[0].config.dataset).X_test[:count]
    made = [torch.sigmoid(_logits(history, images)) for history in histories]
    blank = torch.full_like(images, float("nan"))
    top = 1 - 0.28 / figure.get_figheight()
    bottom = 0.05 / figure.get_figheight()
    for left, title, content, colours in (
        (0.16, "images and their reconstructions", [images, *made], "gray"),
        (0.58, "absolute difference (0 dark blue, 1 yellow)",
         [blank, *((part - images).abs() for part in made)], "cividis"),
    ):  # fmt: skip
        axes = figure.add_axes((left, bottom, 0.40, top - bottom))
        axes.imshow(_strip(torch.cat(content), count), cmap=colours, vmin=0, vmax=1, aspect="equal")
        axes.set_title(title, fontsize=10, color=INK, loc="left")
        axes.set_xticks([])
        axes.set_yticks([])
        axes.spines[:].set_visible(False)
        if left < 0.5:
            axes.set_yticks(
                [14 + (28 + GAP) * row for row in range(rows)],
                ["original", *(textwrap.fill(name, 24) for name in names)],
            )
            axes.tick_params(length=0, labelsize=8, colors=INK)
    errors = [f"{name} {F.l1_loss(part, images).item():.3f}" for name, part in zip(names, made)]
    figure.alt = (
        f"The first {count} test images, their reconstructions and the differences. "
        f"Mean absolute difference a pixel: {'; '.join(errors)}."
    )
    return figure


def confusion_matrix_figure(history: History, name: str | None = None) -> CaptionedFigure:
    """Return which class of the test images was taken for which; colours show mistakes only.

    `name` is the run's label, by default its loss.
    """
    name = name or history.config.loss_name
    images = data.load(history.config.dataset)
    names = data.CLASS_NAMES[history.config.dataset]
    counts = confusion_matrix(_logits(history, images.X_test), images.y_test)
    mistakes = counts.clone().fill_diagonal_(0)
    figure = new_figure(5.4, 5.0)
    axes = figure.add_axes((0.14, 0.11, 0.83, 0.80))
    shown = np.ma.array(mistakes.numpy(), mask=np.eye(len(names), dtype=bool))
    axes.imshow(shown, cmap="cividis", aspect="auto")
    bright = mistakes.max().item() / 2
    for true in range(len(names)):
        for predicted in range(len(names)):
            number = int(counts[true, predicted])
            if number:
                dark = true != predicted and number < bright
                axes.text(
                    predicted, true, str(number), ha="center", va="center", fontsize=8,
                    color="white" if dark else "black",
                )  # fmt: skip
    axes.set_xticks(range(len(names)), names, fontsize=9)
    axes.set_yticks(range(len(names)), names, fontsize=9)
    axes.set_xlabel("predicted class", fontsize=10, color=INK)
    axes.set_ylabel("true class", fontsize=10, color=INK)
    axes.set_title(f"Confusion matrix: {name}", fontsize=11, loc="left")
    true, predicted = divmod(int(mistakes.argmax()), len(names))
    wrong, total = int(mistakes.sum()), int(counts.sum())
    figure.alt = (
        f"{name}: {total - wrong:,} of {total:,} test images are right. The "
        f"most frequent mistake takes {names[true]} for {names[predicted]} "
        f"({int(mistakes[true, predicted])} times)."
    )
    return figure


def worst_digits(history: History, count: int = 10, name: str | None = None) -> CaptionedFigure:
    """Return the `count` test images whose true class got the smallest probability.

    `name` is the run's label, by default its loss.
    """
    name = name or history.config.loss_name
    images = data.load(history.config.dataset)
    names = data.CLASS_NAMES[history.config.dataset]
    prob = torch.softmax(_logits(history, images.X_test), dim=1)
    right = prob.gather(1, images.y_test[:, None]).squeeze(1)
    worst = right.argsort()[:count]
    guesses = prob.argmax(1)
    columns = min(count, 5)
    rows = -(-count // columns)
    figure = new_figure(5.4, 1.25 * rows + 0.4)
    words = []
    for place, index in enumerate(worst.tolist()):
        axes = figure.add_subplot(rows, columns, place + 1)
        axes.imshow(images.X_test[index].reshape(28, 28).numpy(), cmap="gray_r", vmin=0, vmax=1)
        axes.axis("off")
        true, guess = names[int(images.y_test[index])], names[int(guesses[index])]
        axes.set_title(f"{true} → {guess}", fontsize=10, color=INK)
        words.append(f"{true} taken for {guess}")
    figure.subplots_adjust(0.02, 0.02, 0.98, 0.8, wspace=0.1, hspace=0.3)
    figure.suptitle(
        f"Worst digits: {name} (true → predicted)", fontsize=11, x=0.02,
        ha="left",
    )  # fmt: skip
    figure.alt = (
        f"{name}: the {count} test images whose true class got the smallest "
        f"softmax probability: {', '.join(words)}."
    )
    return figure
