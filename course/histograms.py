"""Histograms side by side: what an initializer draws, what layers make of a signal."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch

from course.plots.style import COLOURS, INK, CaptionedFigure, new_figure

BINS, PER_ROW = 41, 5


def histograms(samples: Mapping[str, torch.Tensor], reach: float | None = None) -> CaptionedFigure:
    """Draw a histogram for each name, all over the same axis from −`reach` to `reach`.

    `reach` None is the largest absolute value of all. Numbers beyond it are counted in the
    outermost bars. Each panel has its own height and says its standard deviation.

    >>> histograms({"pair": torch.tensor([-1.0, 1.0])}).alt
    'Histograms between -1 and 1: pair has mean 0 and standard deviation 1.'
    """
    reach = reach or max(values.abs().max().item() for values in samples.values()) or 1.0
    rows = math.ceil(len(samples) / PER_ROW)
    columns = math.ceil(len(samples) / rows)
    figure = new_figure(2.0 * columns, 1.55 * rows)
    said = []
    for place, (name, values) in enumerate(samples.items()):
        counts = torch.histc(values.float().clamp(-reach, reach), BINS, -reach, reach)
        mean, std = values.mean().item(), values.std(correction=0).item()
        axes = figure.add_subplot(rows, columns, place + 1)
        edges = torch.linspace(-reach, reach, BINS + 1)
        axes.stairs(counts.numpy(), edges.numpy(), fill=True, color=COLOURS[0])
        axes.set_title(name, fontsize=9, color=INK, pad=3)
        axes.set_xlabel(f"std {std:.3g}", fontsize=9, color=INK)
        axes.set_xticks(
            [-reach, 0, reach], [f"{-reach:.2g}".replace("-", "−"), "0", f"{reach:.2g}"]
        )
        axes.set_yticks([])
        axes.tick_params(labelsize=8, colors=INK)
        axes.spines[["top", "right", "left"]].set_visible(False)
        said.append(f"{name} has mean {round(mean, 4) + 0.0:.3g} and standard deviation {std:.3g}")
    figure.tight_layout(w_pad=1.0, h_pad=0.8)
    figure.alt = f"Histograms between {-reach:.3g} and {reach:.3g}: {'; '.join(said)}."
    return figure
