"""Panels side by side, each with a title: the layout that the demos share."""

from __future__ import annotations

from matplotlib.axes import Axes

from course.plots import CaptionedFigure, new_figure
from course.plots.style import INK, legend, tidy


def panels(
    count: int = 2, height: float = 3.6, width: float = 10.0, beside: float = 0.0
) -> tuple[CaptionedFigure, list[Axes]]:
    """Return a figure with `count` equal axes in a row, and room `beside` them; all in inches.

    >>> figure, axes = panels(3)
    >>> len(axes)
    3
    """
    figure = new_figure(width, height)
    side, gap = 0.85 / width, 0.1 / width
    share = (1 - beside / width) / count
    bottom, top = 0.52 / height, 0.32 / height
    axes = [
        figure.add_axes((k * share + side, bottom, share - side - gap, 1 - bottom - top))
        for k in range(count)
    ]
    return figure, axes


def legend_beside(axes: Axes) -> None:
    """Put the legend to the right of a panel, where it hides no curve."""
    legend(axes)
    axes.get_legend().set_loc("upper left")
    axes.get_legend().set_bbox_to_anchor((1.02, 1.03))


def titled(axes: Axes, xlabel: str, ylabel: str, title: str) -> None:
    """Name a panel and its axes.

    >>> _, [axes] = panels(1)
    >>> titled(axes, "update", "loss", "Descent"); axes.get_title("left")
    'Descent'
    """
    tidy(axes, xlabel, ylabel)
    axes.set_title(title, fontsize=11, color=INK, loc="left")
