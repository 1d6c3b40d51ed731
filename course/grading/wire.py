"""The wire between tester and sandbox: frames of plain data, capped in size, never pickled.

A frame is two lengths, a JSON tree and the raw bytes of its tensors. What a sandbox sent is
read as if it were hostile: anything unexpected is `Malformed`.
"""

from __future__ import annotations

import json
import math
import socket
import struct
import time
from collections.abc import Callable
from typing import Any

import torch

LENGTHS = struct.Struct("!II")
MAX_TREE = 8 << 20
MAX_BYTES = 64 << 20
MAX_DIMENSIONS = 16

DTYPES: dict[str, torch.dtype] = {
    str(dtype).removeprefix("torch."): dtype
    for dtype in (
        *(torch.float16, torch.bfloat16, torch.float32, torch.float64),
        *(torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64, torch.bool),
        *(torch.complex64, torch.complex128),
    )
}


class WireError(Exception):
    """The other side can no longer be talked to."""


class Malformed(WireError):
    """The bytes that came are no frame of plain data."""


class Closed(WireError):
    """The other side is gone."""


class Late(WireError):
    """The time to answer is over."""


class Reference:
    """A stand-in for an object that stays on the other side, by number."""

    def __init__(self, number: int) -> None:
        self.number = number


def pack(value: Any) -> bytes:
    """Write plain data as one frame.

    Raises TypeError for anything else and ValueError when it is too large.

    >>> unpack(pack({"a": (1, torch.tensor([0.5, -1.0]))}))
    {'a': (1, tensor([ 0.5000, -1.0000]))}
    """
    buffers: list[bytes] = []
    tree = json.dumps(_tree(value, buffers)).encode()
    size = sum(map(len, buffers))
    if len(tree) > MAX_TREE or size > MAX_BYTES:
        raise ValueError(f"{len(tree) + size:,} bytes are too much to send")
    return LENGTHS.pack(len(tree), size) + tree + b"".join(buffers)


def unpack(frame: bytes, resolve: Callable[[int], Any] | None = None) -> Any:
    """Read one whole frame; `resolve` gives the object of a reference's number."""
    (length, size), body = LENGTHS.unpack_from(frame), frame[LENGTHS.size :]
    if len(body) != length + size:
        raise Malformed("a frame of another length than it says")
    try:
        return _value(json.loads(body[:length]), memoryview(bytearray(body[length:])), resolve)
    except (ValueError, TypeError, KeyError, IndexError, RuntimeError, OverflowError) as problem:
        raise Malformed(f"a frame that cannot be read ({type(problem).__name__})") from None


def send(sock: socket.socket, value: Any, deadline: float = math.inf) -> None:
    """Send plain data before the deadline (a `time.monotonic()`)."""
    _wait_until(sock, deadline)
    try:
        sock.sendall(pack(value))
    except TimeoutError:
        raise Late("the answer's time is over") from None
    except OSError as problem:
        raise Closed(str(problem)) from None


def receive(
    sock: socket.socket, deadline: float = math.inf, resolve: Callable[[int], Any] | None = None
) -> Any:
    """Receive plain data before the deadline (a `time.monotonic()`)."""
    head = _exactly(sock, LENGTHS.size, deadline)
    length, size = LENGTHS.unpack(head)
    if length > MAX_TREE or size > MAX_BYTES:
        raise Malformed(f"a frame of {length + size:,} bytes")
    return unpack(head + _exactly(sock, length + size, deadline), resolve)


def _exactly(sock: socket.socket, count: int, deadline: float) -> bytes:
    parts = bytearray()
    while len(parts) < count:
        _wait_until(sock, deadline)
        try:
            part = sock.recv(min(count - len(parts), 1 << 20))
        except TimeoutError:
            raise Late("no answer in time") from None
        except OSError as problem:
            raise Closed(str(problem)) from None
        if not part:
            raise Closed("the other side is gone")
        parts += part
    return bytes(parts)


def _wait_until(sock: socket.socket, deadline: float) -> None:
    if deadline == math.inf:
        return sock.settimeout(None)
    left = deadline - time.monotonic()
    if left <= 0:
        raise Late("no answer in time")
    return sock.settimeout(left)


def _tree(value: Any, buffers: list[bytes]) -> Any:
    kind = type(value)
    if value is None or kind in (bool, int, float, str):
        return value
    if kind is list:
        return [_tree(item, buffers) for item in value]
    if kind is tuple:
        return {"tuple": [_tree(item, buffers) for item in value]}
    if kind is dict:
        if not all(type(key) is str for key in value):
            raise TypeError("a dict on the wire has strings as keys")
        return {"dict": {key: _tree(item, buffers) for key, item in value.items()}}
    if isinstance(value, Reference):
        return {"reference": value.number}
    if isinstance(value, torch.Tensor):
        return {"tensor": _tensor(value, buffers)}
    raise TypeError(f"a {kind.__module__}.{kind.__qualname__} is no plain data")


def _tensor(tensor: torch.Tensor, buffers: list[bytes]) -> list:
    name = str(tensor.dtype).removeprefix("torch.")
    if name not in DTYPES:
        raise TypeError(f"a tensor of dtype {name} is no plain data")
    plain = tensor.detach().as_subclass(torch.Tensor).cpu().resolve_conj().resolve_neg()
    flat = plain.contiguous().reshape(-1)
    data = flat.view(torch.uint8).numpy().tobytes() if flat.numel() else b""
    start = sum(map(len, buffers))
    buffers.append(data)
    return [name, list(tensor.shape), start, len(data)]


def _value(tree: Any, data: memoryview, resolve: Callable[[int], Any] | None) -> Any:
    if isinstance(tree, list):
        return [_value(item, data, resolve) for item in tree]
    if not isinstance(tree, dict):
        return tree
    ((kind, content),) = tree.items()
    if kind == "tuple" and isinstance(content, list):
        return tuple(_value(item, data, resolve) for item in content)
    if kind == "dict" and isinstance(content, dict):
        return {key: _value(item, data, resolve) for key, item in content.items()}
    if kind == "tensor":
        return _read_tensor(*content, data=data)
    if kind == "reference" and resolve:
        return resolve(content)
    raise ValueError(kind)


def _read_tensor(
    name: str, shape: list, start: int, size: int, *, data: memoryview
) -> torch.Tensor:
    dtype = DTYPES[name]
    numbers = [start, size, *shape]
    if len(shape) > MAX_DIMENSIONS or not all(type(n) is int and n >= 0 for n in numbers):
        raise ValueError("shape")
    if math.prod(shape) * dtype.itemsize != size or start + size > len(data):
        raise ValueError("size")
    if not size:
        return torch.empty(shape, dtype=dtype)
    raw = torch.frombuffer(data[start : start + size], dtype=torch.uint8).clone()
    return raw.view(dtype).reshape(shape).clone()
