"""The pieces live cells are built from: figures as widgets, a worker thread, explorers."""

from __future__ import annotations

import atexit
import html
import math
import threading
import uuid
import weakref
from collections.abc import Callable
from typing import Any

import ipywidgets as widgets
from IPython.display import HTML, DisplayHandle, display

from course.plots.style import CaptionedFigure, png

LABEL = {"description_width": "110px"}
Job = Callable[[threading.Event], None]


def text(content: str, kind: str = "") -> str:
    """Return a line of HTML for plain text; `kind` is `""`, `"error"` or `"quiet"`.

    >>> text("a < b", "quiet")
    '<div style="line-height:1.4;color:#666">a &lt; b</div>'
    """
    look = {"": "", "error": ";color:#B3261E;font-weight:600", "quiet": ";color:#666"}[kind]
    return f'<div style="line-height:1.4{look}">{html.escape(content)}</div>'


class FigureImage(widgets.VBox):
    """A figure as an image widget with the sentence that says what it shows under it.

    `show` may be called from any thread; the image changes in place, without flicker.
    """

    def __init__(self, figure: CaptionedFigure, width: str = "100%") -> None:
        self.image = widgets.Image(format="png", layout=widgets.Layout(width="100%"))
        self.caption = widgets.HTML()
        layout = widgets.Layout(width=width, max_width="100%")
        super().__init__([self.image, self.caption], layout=layout)
        self.show(figure)

    def show(self, figure: CaptionedFigure) -> None:
        """Draw another figure in the place of this one."""
        self.image.value = png(figure)
        self.caption.value = text(figure.alt, "quiet")


class Worker:
    """At most one background thread at a time, with a stop event for its job to look at.

    The job must set traits of output-only widgets and nothing else: no print, display or pyplot.
    `on_error` gets the message of an exception that the job lets out; `on_end` is called last,
    in the worker's thread, when the next job may start.

    >>> worker = Worker(print)
    >>> worker.start(lambda stop: None)
    True
    >>> worker.join(10); worker.running
    False
    """

    def __init__(
        self, on_error: Callable[[str], None], on_end: Callable[[], None] = lambda: None
    ) -> None:
        self.on_error, self.on_end = on_error, on_end
        self.running = False
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        _WORKERS.add(self)

    def start(self, job: Job) -> bool:
        """Start the job; return False, and start nothing, while another one runs."""
        if self.running:
            return False
        self.running = True
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._work, args=(job, self._stop), daemon=True)
        self._thread.start()
        return True

    def _work(self, job: Job, stop: threading.Event) -> None:
        try:
            job(stop)
        except Exception as error:
            self.on_error(str(error) or type(error).__name__)
        finally:
            self.running = False
            self.on_end()

    def stop(self) -> None:
        """Ask the job to end; it does so at its next look at the event."""
        self._stop.set()

    def join(self, timeout: float | None = None) -> None:
        """Wait until the job has ended, at most `timeout` seconds."""
        if self._thread is not None:
            self._thread.join(timeout)


_WORKERS: weakref.WeakSet[Worker] = weakref.WeakSet()


@atexit.register
def _end_workers() -> None:
    """End all workers before the interpreter does: a thread inside torch would abort its exit."""
    for worker in list(_WORKERS):
        worker.stop()
    for worker in list(_WORKERS):
        worker.join(5)


class Snapshot:
    """What stays of a live cell in the saved notebook: HTML that hides while the widgets live.

    `hider` is a widget to put among the live ones: widgets are gone from a notebook that is read
    without a kernel, and with this one goes the rule that hides the snapshot.
    """

    def __init__(self, content: str) -> None:
        self._name = f"snapshot-{uuid.uuid4().hex[:8]}"
        self._content = content
        self._handle: DisplayHandle | None = None
        self.hider = widgets.HTML(
            f"<style>.{self._name} {{display: none}}</style>",
            layout=widgets.Layout(height="0", margin="0"),
        )

    def _page(self) -> HTML:
        return HTML(f'<div class="{self._name}">{self._content}</div>')

    def show(self) -> None:
        """Put the snapshot into the output of the cell that runs now."""
        self._handle = display(self._page(), display_id=True)

    def update(self, content: str) -> None:
        """Replace what is kept; may be called from any thread."""
        self._content = content
        if self._handle is not None:
            self._handle.update(self._page())


class LiveCell:
    """A widget with its snapshot and its controls by name, shown as the value of a cell."""

    def __init__(
        self, box: widgets.Box, snapshot: Snapshot, controls: dict[str, widgets.Widget]
    ) -> None:
        self.box, self.snapshot, self.controls = box, snapshot, controls

    def _ipython_display_(self) -> None:
        display(self.box)
        self.snapshot.show()


class Slider(widgets.HBox):
    """A number as a field with a name and, linked to it, a slider."""

    def __init__(self, description: str, low: float, high: float, value: float) -> None:
        step = 10.0 ** math.floor(math.log10((high - low) / 100))
        self.field = widgets.BoundedFloatText(
            value, min=low, max=high, step=step, description=description, style=LABEL,
            layout=widgets.Layout(width="200px"),
        )  # fmt: skip
        self.slider = widgets.FloatSlider(
            value, min=low, max=high, step=step, readout=False, layout=widgets.Layout(width="220px")
        )
        widgets.link((self.slider, "value"), (self.field, "value"))
        super().__init__([self.field, self.slider])


def _control(name: str, spec: Any) -> tuple[widgets.Widget, widgets.Widget]:
    """Return a control's widget and, inside it, the part that holds the value."""
    label = name.replace("_", " ")
    if isinstance(spec, tuple) and len(spec) == 3:
        slider = Slider(label, *spec)
        return slider, slider.field
    if isinstance(spec, bool):
        box = widgets.Checkbox(spec, description=label, indent=False)
        return box, box
    if isinstance(spec, list | dict):
        box = widgets.Dropdown(options=spec, description=label, style=LABEL)
        return box, box
    raise TypeError(
        f"control {name!r} must be a list or dict of choices, a (low, high, value) tuple or a "
        f"bool, got {spec!r}"
    )


def explorer(draw: Callable[..., CaptionedFigure], **controls: Any) -> LiveCell:
    """Return labelled controls above the figure `draw(**values)` returns, redrawn on each change.

    A control is a list of choices, a dict of label to value, a `(low, high, value)` tuple for a
    number, or a bool. What `draw` raises as `ValueError` is shown as a sentence in its place.
    The first figure stays in the saved notebook.

    >>> from course.plots import activation_figure
    >>> cell = explorer(lambda name: activation_figure(name), name=["relu", "tanh"])
    >>> cell.controls["name"].value
    'relu'
    """
    made = {name: _control(name, spec) for name, spec in controls.items()}
    values = {name: holder for name, (_, holder) in made.items()}
    figure = draw(**{name: holder.value for name, holder in values.items()})
    image = FigureImage(figure, width=f"{round(figure.get_figwidth() * figure.dpi)}px")
    status = widgets.HTML()

    def redraw(change: object) -> None:
        try:
            image.show(draw(**{name: holder.value for name, holder in values.items()}))
            status.value = ""
        except ValueError as error:
            status.value = text(str(error), "error")

    for holder in values.values():
        holder.observe(redraw, "value")
    snapshot = Snapshot(figure._repr_html_())
    row = widgets.HBox(
        [shown for shown, _ in made.values()], layout=widgets.Layout(flex_flow="row wrap")
    )
    return LiveCell(widgets.VBox([snapshot.hider, row, status, image]), snapshot, values)
