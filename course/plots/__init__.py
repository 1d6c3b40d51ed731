"""Every figure of the course, each with a sentence in `.alt` that says what it shows."""

from course.plots.curves import activation_figure, loss_figure
from course.plots.images import confusion_matrix_figure, reconstruction_gallery, worst_digits
from course.plots.runs import (
    SCORES,
    labels,
    loss_curves,
    metric_curves,
    runs_figure,
    runs_html,
    runs_table,
)
from course.plots.style import CaptionedFigure, new_figure, png, style

__all__ = [
    "SCORES",
    "CaptionedFigure",
    "activation_figure",
    "confusion_matrix_figure",
    "labels",
    "loss_curves",
    "loss_figure",
    "metric_curves",
    "new_figure",
    "png",
    "reconstruction_gallery",
    "runs_figure",
    "runs_html",
    "runs_table",
    "style",
    "worst_digits",
]
