"""What a run leaves behind: its scores per epoch, as a table and as JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import nn

from course.config import RunConfig


@dataclass
class History:
    """The course of one run.

    `epochs` holds one dict per whole epoch: `epoch` (from 1), `train_loss` (exact mean over the
    samples) and the common scores of the task. `batch_losses` holds (epochs passed, loss of that
    batch) every few batches. `status` is `running`, `finished`, `stopped` or `diverged`, and
    `message` says what to do about the last. `spans` holds (start, end) of each stretch of
    training steps on the clock of `time.perf_counter`, evaluation left out.
    """

    config: RunConfig
    epochs: list[dict[str, float]] = field(default_factory=list)
    batch_losses: list[tuple[float, float]] = field(default_factory=list)
    status: str = "running"
    message: str = ""
    spans: list[tuple[float, float]] = field(default_factory=list)
    steps: int = 0
    model: nn.Module | None = None

    @property
    def seconds(self) -> float:
        """Wall time of this run's training steps."""
        return train_seconds([self])

    def column(self, name: str) -> list[float]:
        """Return one score of every epoch, for example `history.column("train_loss")`."""
        return [epoch[name] for epoch in self.epochs]

    def as_dict(self) -> dict[str, Any]:
        """Return config, epochs and status as plain values."""
        return {
            "config": self.config.as_dict(),
            "epochs": self.epochs,
            "status": self.status,
            "message": self.message,
            "seconds": self.seconds,
        }

    def __str__(self) -> str:
        head = f"{self.config.loss_name} on {self.config.task}: {self.status}"
        lines = [f"{head}. {self.message}" if self.message else head]
        if self.epochs:
            names = list(self.epochs[0])
            lines.append("  ".join(f"{name:>18}" for name in names).rstrip())
            for epoch in self.epochs:
                cells = [f"{epoch[name]:>18.6g}" for name in names]
                lines.append("  ".join(cells))
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        names = list(self.epochs[0]) if self.epochs else []
        head = "".join(f"<th>{name.replace('_', ' ')}</th>" for name in names)
        rows = "".join(
            "<tr>" + "".join(f"<td>{epoch[name]:.6g}</td>" for name in names) + "</tr>"
            for epoch in self.epochs
        )
        caption = f"{self.config.loss_name}, {self.status} {self.message}"
        return f"<table><caption>{caption}</caption><tr>{head}</tr>{rows}</table>"


def train_seconds(histories: list[History]) -> float:
    """Return the wall time during which at least one of the runs was training.

    >>> train_seconds([History(RunConfig(), spans=[(0, 2), (5, 6)]),
    ...                History(RunConfig(), spans=[(1, 3)])])
    4.0
    """
    total, until = 0.0, float("-inf")
    for start, end in sorted(span for history in histories for span in history.spans):
        total += max(0, end - max(start, until))
        until = max(until, end)
    return total


def save_json(histories: list[History], path: Path | str) -> None:
    """Write runs as JSON: `{"train_seconds": …, "runs": [{"config": …, "epochs": […]}, …]}`."""
    content = {
        "train_seconds": train_seconds(histories),
        "runs": [history.as_dict() for history in histories],
    }
    Path(path).write_text(json.dumps(content, indent=1, allow_nan=False) + "\n")
