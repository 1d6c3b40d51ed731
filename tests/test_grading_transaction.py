"""What nbgrader writes about a submission is written together or not at all."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from nbgrader.api import Gradebook

from course.grading.transaction import OneTransaction
from tests import classroom


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("PATH", classroom.environment(tmp_path)["PATH"])
    url = f"sqlite:///{tmp_path}/gradebook.db"
    with Gradebook(url) as book:
        book.add_student("before")
    return url


def students(url: str) -> set[str]:
    with Gradebook(url) as book:
        return {student.id for student in book.students}


def test_all_of_it(url: str) -> None:
    transaction = OneTransaction(url)
    for names in (("a", "b"), ("c",)):
        with transaction():
            for name in names:
                with Gradebook(url) as book:
                    book.add_student(name)
            with Gradebook(url) as book:
                assert set(names) <= {student.id for student in book.students}
    assert students(url) == {"before", "a", "b", "c"}


def test_or_nothing(url: str) -> None:
    transaction = OneTransaction(url)
    with pytest.raises(KeyboardInterrupt), transaction():
        with Gradebook(url) as book:
            book.add_student("lost")
        raise KeyboardInterrupt
    assert students(url) == {"before"}
    with transaction(), Gradebook(url) as book:
        book.add_student("kept")
    assert students(url) == {"before", "kept"}


def test_nothing_is_seen_before_the_end(url: str, tmp_path: Path) -> None:
    outside = sqlite3.connect(tmp_path / "gradebook.db")
    with OneTransaction(url)():
        with Gradebook(url) as book:
            book.add_student("soon")
        assert outside.execute("select count(*) from student").fetchone() == (1,)
    assert outside.execute("select count(*) from student").fetchone() == (2,)
