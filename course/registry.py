"""Named choices: look-up, parameters in the name, and errors that name the nearest entries."""

from __future__ import annotations

import difflib
import functools
import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Generic, Protocol, TypeVar


class Named(Protocol):
    """What a registry holds: anything with a name and the function it stands for."""

    @property
    def name(self) -> str: ...

    @property
    def function(self) -> Callable[..., Any]: ...


E = TypeVar("E", bound=Named)


class UnknownName(KeyError):
    """A name that no registry entry has; the message lists what there is."""

    def __str__(self) -> str:
        return self.args[0]


class Registry(Mapping[str, E], Generic[E]):
    """A read-mostly mapping from name to entry, in the order of registration.

    >>> from course.losses import LOSSES
    >>> LOSSES["mse"].name
    'mse'
    >>> LOSSES["msee"]
    Traceback (most recent call last):
    course.registry.UnknownName: unknown loss 'msee'; nearest: mse, rmse, msle. There are: ...
    """

    def __init__(self, kind: str, entries: list[E]) -> None:
        self.kind = kind
        self._entries = {entry.name: entry for entry in entries}

    def __getitem__(self, name: str) -> E:
        try:
            return self._entries[name]
        except (KeyError, TypeError):
            raise UnknownName(unknown(self.kind, name, list(self._entries))) from None

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, entry: E) -> None:
        """Add an entry of your own; a name that is taken raises `ValueError`."""
        if entry.name in self._entries:
            raise ValueError(f"{self.kind} {entry.name!r} exists already; choose another name")
        self._entries[entry.name] = entry

    def resolve(self, spec: str) -> tuple[E, Callable[..., Any]]:
        """Return the entry and its function for a spec such as `"huber:delta=0.5"`.

        >>> from course.losses import LOSSES
        >>> entry, lp3 = LOSSES.resolve("lp:p=3")
        >>> entry.name, lp3.keywords
        ('lp', {'p': 3.0})
        """
        name, _, text = spec.partition(":")
        entry = self[name.strip()]
        if not text:
            return entry, entry.function
        allowed = parameters(entry.function)
        chosen = {}
        for part in text.split(","):
            key, equals, value = (piece.strip() for piece in part.partition("="))
            if key not in allowed:
                takes = ", ".join(allowed) or "no parameters"
                raise ValueError(f"{self.kind} {name!r} has no parameter {key!r}; it takes {takes}")
            try:
                chosen[key] = float(value)
            except ValueError:
                given = value if equals else "nothing"
                raise ValueError(
                    f"{self.kind} {name!r}: {key} must be a number, got {given!r}; "
                    f"write for example {name}:{key}={allowed[key]}"
                ) from None
        return entry, functools.partial(entry.function, **chosen)


def parameters(function: Callable[..., Any]) -> dict[str, float]:
    """Return a function's keyword parameters with numeric defaults: δ, p, slopes, momenta.

    Torch's built-in functions show no signature and have none.
    """
    try:
        signature = inspect.signature(function)
    except ValueError:
        return {}
    return {
        name: parameter.default
        for name, parameter in signature.parameters.items()
        if isinstance(parameter.default, (int, float)) and not isinstance(parameter.default, bool)
    }


def unknown(kind: str, name: object, names: list[str]) -> str:
    """Return the message for an unknown name: the nearest ones, then the whole list."""
    near = difflib.get_close_matches(str(name), names, n=3, cutoff=0.5)
    hint = f"nearest: {', '.join(near)}. " if near else ""
    return f"unknown {kind} {name!r}; {hint}There are: {', '.join(names)}"
