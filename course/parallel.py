"""Advance several streams of work side by side, and hand out what they yield in one thread."""

from __future__ import annotations

import contextlib
import itertools
import queue
import threading
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

import torch

T = TypeVar("T")
Turns = queue.PriorityQueue[tuple[int, int]]
"""(turns had, index) of every stream that waits for its next turn."""


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """Let torch use one thread for each operation of this Python thread.

    The networks of this course are so small that two cores do better on a run each than
    together on one: nothing waits, and no core reads weights that the other has just written.
    It also makes a run the same to the bit, alone or in company.

    >>> with one_thread():
    ...     torch.get_num_threads()
    1
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def interleave(streams: Sequence[Iterator[T]], workers: int) -> Iterator[T]:
    """Yield what the streams yield, in the calling thread, while `workers` threads advance them.

    The stream with the fewest turns goes next, so all keep pace. One worker means no thread at
    all: the streams take turns in the calling thread. An exception in a stream ends all and is
    raised here.

    >>> list(interleave([iter("ab"), iter("cde")], workers=1))
    ['a', 'c', 'b', 'd', 'e']
    >>> sorted(interleave([iter("ab"), iter("cde")], workers=2))
    ['a', 'b', 'c', 'd', 'e']
    """
    turns: Turns = queue.PriorityQueue()
    for index in range(len(streams)):
        turns.put((0, index))
    with one_thread():
        if workers == 1:
            yield from _advance(streams, turns)
        else:
            yield from _in_threads(streams, turns, workers)


def _advance(streams: Sequence[Iterator[T]], turns: Turns) -> Iterator[T]:
    """Give turns until every stream is exhausted or in another worker's hands."""
    with contextlib.suppress(queue.Empty):
        while True:
            turn, index = turns.get_nowait()
            for event in itertools.islice(streams[index], 1):
                turns.put((turn + 1, index))
                yield event


def _in_threads(streams: Sequence[Iterator[T]], turns: Turns, workers: int) -> Iterator[T]:
    events: queue.SimpleQueue[tuple[str, Any]] = queue.SimpleQueue()
    ended = threading.Event()

    def work() -> None:
        torch.set_num_threads(1)
        try:
            for event in _advance(streams, turns):
                events.put(("event", event))
                if ended.is_set():
                    break
        except BaseException as error:
            events.put(("error", error))
        events.put(("done", None))

    threads = [threading.Thread(target=work, daemon=True) for _ in range(workers)]
    for thread in threads:
        thread.start()
    try:
        working = workers
        while working:
            kind, content = events.get()
            if kind == "error":
                raise content
            if kind == "event":
                yield content
            else:
                working -= 1
    finally:
        ended.set()
        for thread in threads:
            thread.join()
