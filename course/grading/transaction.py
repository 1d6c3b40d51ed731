"""What nbgrader writes about a submission in many commits, in one: all of it or nothing."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property

import nbgrader.api
import sqlalchemy
from sqlalchemy.pool import StaticPool


class OneTransaction:
    """`with transaction():` makes one transaction of all that gradebooks do in the block.

    Only for SQLite; another database keeps its many transactions.
    """

    def __init__(self, url: str) -> None:
        self.url = sqlalchemy.make_url(url)

    @contextmanager
    def __call__(self) -> Iterator[None]:
        if self.url.get_backend_name() != "sqlite":
            yield
            return
        usual = nbgrader.api.create_engine
        nbgrader.api.create_engine = lambda *args, **kwargs: self._engine
        try:
            yield
            self._connection.really_commit()
        except BaseException:
            self._connection.really_rollback()
            raise
        finally:
            nbgrader.api.create_engine = usual

    @cached_property
    def _connection(self) -> _Connection:
        path = self.url.database or ":memory:"
        return sqlite3.connect(path, factory=_Connection, check_same_thread=False)

    @cached_property
    def _engine(self) -> sqlalchemy.Engine:
        """One engine for all: it remembers how its statements are written."""
        return sqlalchemy.create_engine(
            self.url, creator=lambda: self._connection, poolclass=StaticPool
        )


class _Connection(sqlite3.Connection):
    """Stays open, and leaves the end of a transaction to its owner."""

    def commit(self) -> None: ...

    def rollback(self) -> None: ...

    def close(self) -> None: ...

    def really_commit(self) -> None:
        super().commit()

    def really_rollback(self) -> None:
        super().rollback()
