"""The doctor mends whatever comes, and the wire reads whatever comes."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import nbformat
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from course.grading import wire
from course.grading.blueprint import Blueprint, Part
from course.grading.doctor import Hopeless, mend, read
from course.grading.limits import Limits


def part(name: str, kind: str = "code", **settings: object) -> Part:
    defaults = {"source": f"# {name}", "checksum": "0", "locked": False, "grade": False}
    defaults |= {"solution": False, "task": False, "points": 0.0}
    return Part(name=name, kind=kind, **{**defaults, **settings})


PLAN = Blueprint(
    (
        part("mse", solution=True, source="def mse(a, b):\n    raise NotImplementedError()"),
        part("test_mse", grade=True, locked=True, points=2.0, source="assert mse(1, 1) == 0"),
        part("mae", solution=True, source="def mae(a, b):\n    raise NotImplementedError()"),
        part("test_mae", grade=True, locked=True, points=1.0, source="assert mae(1, 1) == 0"),
        part("explain", "markdown", grade=True, solution=True, points=3.0, source="Explain."),
    ),
    {"name": "python3", "display_name": "Python 3", "language": "python"},
)


def release() -> dict:
    cells = []
    for p in PLAN.parts:
        cells.append(
            {"cell_type": p.kind, "metadata": {"nbgrader": p.metadata()}, "source": p.source}
        )
        if p.kind == "code":
            cells[-1] |= {"outputs": [], "execution_count": None}
    return {"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 4}


def names(notebook: dict) -> list[str]:
    return [cell["metadata"].get("nbgrader", {}).get("grade_id", "") for cell in notebook["cells"]]


def mended(content: dict | bytes) -> tuple[dict, list[str]]:
    raw = content if isinstance(content, bytes) else json.dumps(content).encode()
    notebook, repairs = mend(raw, PLAN, Limits())
    nbformat.validate(nbformat.from_dict(notebook))
    locked = {p.name: p.source for p in PLAN.parts if p.locked}
    for name, cell in zip(names(notebook), notebook["cells"]):
        if name in locked:
            assert cell["source"] == locked[name]
    assert [name for name in names(notebook) if name] == [p.name for p in PLAN.parts] or repairs
    assert sorted(name for name in names(notebook) if name) == sorted(p.name for p in PLAN.parts)
    return notebook, repairs


def test_a_release_needs_no_repair() -> None:
    notebook, repairs = mended(release())
    assert repairs == []
    again, repairs = mended(notebook)
    assert (again, repairs) == (notebook, [])


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "latin-1"])
def test_encodings(encoding: str) -> None:
    data = release()
    data["cells"][0]["source"] = "# Größe"
    notebook, _ = mended(json.dumps(data, ensure_ascii=False).encode(encoding))
    assert notebook["cells"][0]["source"] == "# Größe"


def test_an_old_format_is_read() -> None:
    cells = [{**cell, "input": cell["source"], "prompt_number": 1} for cell in release()["cells"]]
    for cell in cells:
        del cell["source"]
    old = {"worksheets": [{"cells": cells}], "nbformat": 3, "nbformat_minor": 0, "metadata": {}}
    notebook, repairs = mended(old)
    assert "old format" in repairs[0]
    assert [name for name in names(notebook) if name] == [p.name for p in PLAN.parts]


def test_split_solutions_keep_all_code_and_text() -> None:
    data = release()
    first, second = copy.deepcopy(data["cells"][0]), copy.deepcopy(data["cells"][0])
    first["source"], second["source"] = "def helper(): pass", "def mse(a, b): return helper()"
    text = copy.deepcopy(data["cells"][-1])
    data["cells"][-1]["source"], text["source"] = "First.", "Second."
    data["cells"][0:1] = [first, second]
    data["cells"].append(text)
    notebook, repairs = mended(data)
    sources = [cell["source"] for cell in notebook["cells"]]
    assert sources[:2] == [first["source"], second["source"]]
    assert sources[-1] == "First.\n\nSecond."
    assert len(repairs) == 2


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"", "empty"),
        (b"  \n", "empty"),
        (b"hello", "no valid JSON at line 1"),
        (b'{"cells": [', "no valid JSON"),
        (b"[]", "holds a JSON list"),
        (b"{}", "no list of cells"),
        (b'{"cells": []}', "no cells"),
        (b"[" * 200_000, "no usable JSON"),
        (b'{"cells": [' + b"{}," * 6000 + b"{}]}", "6,001 cells"),
    ],
)
def test_what_is_no_notebook_is_named(raw: bytes, said: str) -> None:
    with pytest.raises(Hopeless, match=said):
        mended(raw)


def test_what_is_no_plain_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "mse.ipynb"
    with pytest.raises(Hopeless, match="no notebook was handed in"):
        read(path, Limits())
    path.write_bytes(b"12345678")
    assert read(path, Limits()) == b"12345678"
    with pytest.raises(Hopeless, match="at most 0 MB"):
        read(path, Limits(notebook=7))
    (tmp_path / "link.ipynb").symlink_to(path)
    with pytest.raises(Hopeless, match="is a link"):
        read(tmp_path / "link.ipynb", Limits())


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=8,
)


@given(st.data())
@settings(max_examples=400, deadline=None)
def test_mutated_notebooks_are_mended_or_named(data: st.DataObject) -> None:
    """Values deep inside a released notebook are replaced, dropped or doubled at random."""
    notebook = release()
    for _ in range(data.draw(st.integers(1, 5))):
        target: object = notebook
        while isinstance(target, (dict, list)) and target:
            keys = list(target) if isinstance(target, dict) else list(range(len(target)))
            key = data.draw(st.sampled_from(keys))
            if isinstance(target[key], (dict, list)) and target[key] and data.draw(st.booleans()):
                target = target[key]
                continue
            action = data.draw(st.sampled_from(["replace", "drop", "double", "move"]))
            if action == "replace":
                target[key] = data.draw(json_values)
            elif action == "drop":
                del target[key]
            elif isinstance(target, list) and action == "double":
                target.append(copy.deepcopy(target[key]))
            elif isinstance(target, list):
                target.insert(data.draw(st.integers(0, len(target))), target.pop(key))
            break
    try:
        mended(notebook)
    except Hopeless as problem:
        assert str(problem)


@given(st.binary(max_size=200), st.integers(0, 2000), st.integers(0, 2000))
@settings(max_examples=300, deadline=None)
def test_damaged_bytes_are_mended_or_named(noise: bytes, start: int, length: int) -> None:
    raw = json.dumps(release()).encode()
    try:
        mended(raw[:start] + noise + raw[start + length :])
    except Hopeless as problem:
        assert str(problem)


tensors = st.builds(
    lambda dtype, shape: torch.ones(shape).to(dtype),
    st.sampled_from(list(wire.DTYPES.values())),
    st.lists(st.integers(0, 3), max_size=4),
)
plain_data = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | tensors,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=10,
)


def same(a: object, b: object) -> bool:
    if isinstance(a, torch.Tensor):
        return isinstance(b, torch.Tensor) and a.dtype == b.dtype and torch.equal(a, b)
    if isinstance(a, (list, tuple)):
        return type(a) is type(b) and len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    return type(a) is type(b) and a == b


@given(plain_data)
@settings(deadline=None)
def test_plain_data_comes_through_the_wire_unchanged(value: object) -> None:
    assert same(value, wire.unpack(wire.pack(value)))


@given(plain_data, st.binary(min_size=1, max_size=20), st.integers(8, 200))
@settings(max_examples=300, deadline=None)
def test_damaged_frames_are_malformed_or_plain(value: object, noise: bytes, place: int) -> None:
    frame = bytearray(wire.pack(value))
    frame[place : place + len(noise)] = noise[: max(0, len(frame) - place)]
    try:
        wire.pack(wire.unpack(bytes(frame)))
    except wire.Malformed as problem:
        assert str(problem)


@pytest.mark.parametrize("value", [object(), {1: 2}, {1, 2}, b"bytes", lambda: None, 1j])
def test_nothing_else_is_sent(value: object) -> None:
    with pytest.raises(TypeError):
        wire.pack(value)
