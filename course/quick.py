"""Quick mode for the lectures: `COURSE_QUICK=1` trains on a subset, and says so."""

from __future__ import annotations

import os

QUICK = os.environ.get("COURSE_QUICK", "") not in ("", "0")
SUBSET = 2000


def train_size() -> int | None:
    """Return how many training images to use: a subset in quick mode, None (all) otherwise."""
    return SUBSET if QUICK else None


def epochs(full: int) -> int:
    """Return the number of epochs to train: at most 2 in quick mode."""
    return min(full, 2) if QUICK else full


def note() -> str:
    """Return the sentence that says a figure was measured on a subset; empty in a full run."""
    if not QUICK:
        return ""
    return f"Quick mode: trained on the first {SUBSET:,} images only, for at most 2 epochs."
