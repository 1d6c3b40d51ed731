"""Pictures of the learner's own functions, drawn as far as they are written."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch

from course.plots.style import CaptionedFigure, legend, new_figure, style, tidy


def sketch(
    curves: Mapping[str, Callable[[torch.Tensor], torch.Tensor]],
    xlabel: str = "x",
    ylabel: str = "value",
    span: tuple[float, float] = (-3.0, 3.0),
) -> CaptionedFigure:
    """Draw functions of one number; each gets tensors of shape (1,) and gives one number.

    Functions that raise `NotImplementedError` are left out, and the caption says so.

    >>> sketch({"square": lambda x: x**2}).alt
    'x against value: square from 9 at -3 to 9 at 3'
    """
    figure = new_figure()
    axes = figure.add_axes((0.13, 0.15, 0.84, 0.82))
    x = torch.linspace(*span, 241)
    said, missing = [], []
    for index, (name, function) in enumerate(curves.items()):
        try:
            y = torch.stack([torch.as_tensor(function(point)).reshape(()) for point in x[:, None]])
        except NotImplementedError:
            missing.append(name)
            continue
        axes.plot(x, y.detach(), label=name, **style(index))
        said.append(f"{name} from {y[0]:.3g} at {span[0]:g} to {y[-1]:.3g} at {span[1]:g}")
    tidy(axes, xlabel, ylabel)
    if said:
        legend(axes)
    if missing:
        print(f"Not written yet, so not drawn: {', '.join(missing)}.")
    figure.alt = f"{xlabel} against {ylabel}: " + ("; ".join(said) or "no curve yet")
    return figure
