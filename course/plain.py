"""Plain data: the only values that pass between a student's code and the code that judges it.

Numbers, strings, booleans, None, lists, tuples, dicts with string keys, and tensors.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch


class NotPlain(TypeError):
    """A value that is no plain data."""


def copy(value: Any) -> Any:
    """Copy plain data, with tensors cut loose from autograd and from their subclass.

    >>> copy([torch.ones(2, requires_grad=True), "a"])
    [tensor([1., 1.]), 'a']
    """
    if isinstance(value, torch.Tensor):
        return value.detach().as_subclass(torch.Tensor).clone()
    if value is None or type(value) in (bool, int, float, str):
        return value
    if isinstance(value, tuple):
        return tuple(copy(item) for item in value)
    if isinstance(value, list):
        return [copy(item) for item in value]
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {key: copy(item) for key, item in value.items()}
    kind = type(value)
    name = (
        kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
    )
    raise NotPlain(f"the result is a {name}; expected a tensor (or numbers, lists, tuples of them)")


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Walk plain data and yield each tensor, number, string or None with its path.

    >>> list(leaves((1, {"a": 2.0})))
    [('[0]', 1), ("[1]['a']", 2.0)]
    """
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, f"{path}[{key!r}]")
    elif isinstance(value, (list, tuple)):
        for index, item in enumerate(value):
            yield from leaves(item, f"{path}[{index}]")
    else:
        yield path, value


def to_json(value: Any) -> Any:
    """Write plain data as JSON values, exactly: a decoded tensor has the same bits.

    >>> from_json(to_json((1, torch.tensor([0.1, math.inf]))))
    (1, tensor([0.1000,    inf]))
    """
    if isinstance(value, torch.Tensor):
        numbers = [_number(x) for x in value.flatten().tolist()]
        dtype = str(value.dtype).removeprefix("torch.")
        return {"tensor": dtype, "shape": list(value.shape), "values": numbers}
    if isinstance(value, tuple):
        return {"tuple": [to_json(item) for item in value]}
    if isinstance(value, list):
        return [to_json(item) for item in value]
    if isinstance(value, dict):
        return {"dict": {key: to_json(item) for key, item in value.items()}}
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": str(value)}
    return value


def from_json(value: Any) -> Any:
    """Read what `to_json` wrote."""
    if isinstance(value, list):
        return [from_json(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "tensor" in value:
        dtype = getattr(torch, value["tensor"])
        numbers = [float(x) if isinstance(x, str) else x for x in value["values"]]
        return torch.tensor(numbers, dtype=dtype).reshape(value["shape"])
    if "tuple" in value:
        return tuple(from_json(item) for item in value["tuple"])
    if "float" in value:
        return float(value["float"])
    return {key: from_json(item) for key, item in value["dict"].items()}


def _number(x: float | int | bool) -> float | int | bool | str:
    return str(x) if isinstance(x, float) and not math.isfinite(x) else x
