"""What one submission may use."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limits:
    """Time in seconds, memory and disk in bytes."""

    cell: float = 10.0
    call: float = 10.0
    submission: float = 60.0
    grace: float = 2.0
    """After a limit code is interrupted; after this much more it is killed."""
    memory: int = 2 << 30
    disk: int = 64 << 20
    processes: int = 64
    output: int = 200_000
    """Characters of output, of text and pictures together, that are kept of one cell."""
    cells: int = 5000
    notebook: int = 32 << 20
    files: int = 16 << 20
