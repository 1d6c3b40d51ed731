"""Shared by all tests: one data cache for the session, apart from the user's own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session", autouse=True)
def session_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Unpack MNIST once per test session, also for the processes that tests start."""
    folder = tmp_path_factory.mktemp("cache")
    before = os.environ.get("COURSE_CACHE")
    os.environ["COURSE_CACHE"] = str(folder)
    yield folder
    if before is None:
        del os.environ["COURSE_CACHE"]
    else:
        os.environ["COURSE_CACHE"] = before
