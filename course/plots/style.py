"""The look of every figure: palette, line styles, axes, and figures that carry a caption."""

from __future__ import annotations

import base64
import html
import io
import threading
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
LINES = ("-", "--", "-.", ":")
INK, PALE = "#333333", "#DDDDDD"
DPI = 110

RENDER_LOCK = threading.RLock()
"""Held while a figure is drawn: Matplotlib is not safe in two threads at once."""


def style(index: int) -> dict[str, Any]:
    """Return the colour and line style of the curve number `index`; 28 differ from each other.

    The colours are those of Okabe and Ito, without the yellow that is too pale on white.

    >>> style(1)
    {'color': '#D55E00', 'linestyle': '--', 'linewidth': 1.8}

    Source: Okabe and Ito, Color Universal Design (2002).
    """
    return {
        "color": COLOURS[index % len(COLOURS)],
        "linestyle": LINES[index % len(LINES)],
        "linewidth": 1.8,
    }


class CaptionedFigure(Figure):
    """A Matplotlib figure with `alt`, a sentence that says in words what it shows.

    In a notebook it shows itself as an image with that alternative text and caption. It belongs
    to no pyplot state, so any thread may make one; draw it with `png`.
    """

    alt: str = ""

    def __repr__(self) -> str:
        return f"<Figure: {self.alt}>"

    def _repr_html_(self) -> str:
        width, height = (round(side * DPI) for side in self.get_size_inches())
        data = base64.b64encode(png(self)).decode()
        caption = html.escape(self.alt)
        return (
            f'<figure style="margin:0.5em 0"><img alt="{caption}" width="{width}" '
            f'height="{height}" style="max-width:100%;height:auto" '
            f'src="data:image/png;base64,{data}"><figcaption>{caption}</figcaption></figure>'
        )


def new_figure(width: float = 5.4, height: float = 3.5) -> CaptionedFigure:
    """Return an empty figure of that size in inches, outside pyplot.

    >>> new_figure(4, 3).get_size_inches().tolist()
    [4.0, 3.0]
    """
    figure = CaptionedFigure(figsize=(width, height), dpi=DPI, facecolor="white")
    FigureCanvasAgg(figure)
    return figure


def tidy(axes: Axes, xlabel: str, ylabel: str) -> None:
    """Name the axes and give them the course's look."""
    axes.set_xlabel(xlabel, fontsize=10, color=INK)
    axes.set_ylabel(ylabel, fontsize=10, color=INK)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(True, color=PALE, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=9, colors=INK)


def log_axis(axes: Axes) -> None:
    """Make the y axis logarithmic, with plain numbers as labels (they need no mathtext)."""
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    subs = (1.0,) if high / low > 1e3 else (1.0, 2.0, 5.0)
    axes.yaxis.set_major_locator(LogLocator(subs=subs))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def legend(axes: Axes) -> None:
    """Show which line is which, with lines long enough to tell their styles apart."""
    axes.legend(fontsize=9, handlelength=2.8, framealpha=0.75, edgecolor=PALE, labelcolor=INK)


def png(figure: Figure) -> bytes:
    """Draw a figure as PNG; one thread at a time.

    >>> png(new_figure(1, 1))[:4]
    b'\\x89PNG'
    """
    buffer = io.BytesIO()
    with RENDER_LOCK:
        figure.savefig(buffer, format="png", dpi=DPI)
    return buffer.getvalue()
