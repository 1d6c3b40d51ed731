"""The part of a submission that one name depends on, read from its source alone."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from functools import lru_cache

from course.forbidden import Rules, forbidden_in
from course.grading.names import statements

WATCHERS = re.compile(
    r"(course\.(forbidden|drivers|grading|hidden|judge)|torch\.(overrides|utils\._python_dispatch)"
    r"|(sys|threading)\.(setprofile|settrace))\b"
)
"""What watches a student's calls: no cell has a reason to touch it."""

BELOW_THE_SURFACE = re.compile(r"torch\.(_C|_ops|ops|library)\b")
"""Where torch's functions can be had without being watched."""


@lru_cache(maxsize=1000)
def forbidden(name: str, cells: tuple[str, ...], rules: Rules) -> str | None:
    """The first forbidden thing in what a name depends on, or in what could hide such a thing."""
    source = relevant_source(name, cells)
    return (
        mentioned(cells, WATCHERS)
        or mentioned((source,), BELOW_THE_SURFACE)
        or forbidden_in(source, rules)
    )


@lru_cache(maxsize=1000)
def mentioned(cells: tuple[str, ...], pattern: re.Pattern[str]) -> str | None:
    """The first import or attribute in these cells that a pattern fits.

    >>> mentioned(("sys.setprofile(None)",), WATCHERS)
    'sys.setprofile'
    >>> mentioned(("torch.ones(2)",), WATCHERS)
    """
    for cell in cells:
        for _, text, _, _ in statements(cell):
            for node in ast.walk(ast.parse(text)):
                found = next((name for name in _mentions(node) if pattern.match(name)), None)
                if found:
                    return found
    return None


def _mentions(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [item.name for item in node.names]
    if isinstance(node, ast.ImportFrom):
        return [f"{node.module}.{item.name}" for item in node.names]
    return [ast.unparse(node)] if isinstance(node, ast.Attribute) else []


def relevant_source(name: str, cells: Iterable[str]) -> str:
    """All imports, and every top-level statement that defines `name` or something it uses.

    >>> cells = ["import torch\\nb = 1", "def f(): return g()", "def g(): return b", "c = 2"]
    >>> print(relevant_source("f", cells))
    import torch
    b = 1
    def f():
        return g()
    def g():
        return b
    """
    parts = [part for cell in cells for part in statements(cell)]
    needed, wanted = set(), {name}
    while wanted:
        needed |= wanted
        found = [used for _, text, binds, used in parts if binds & wanted]
        wanted = set().union(*found) - needed
    chosen = [text for imports, text, binds, _ in parts if imports or binds & needed]
    return "\n".join(chosen)
