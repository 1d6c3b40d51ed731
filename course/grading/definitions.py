"""The part of a submission that one name depends on, read from its source alone."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from functools import lru_cache

from IPython.core.inputtransformer2 import TransformerManager

from course.forbidden import Rules, forbidden_in

MACHINERY = re.compile(
    r"(course\.(forbidden|drivers|grading|hidden|judge)|torch\.(_C|_ops|ops|overrides|library)"
    r"|torch\.utils\._python_dispatch|(sys|threading)\.(setprofile|settrace))\b"
)
"""What no solution needs and what would get around the rules."""


@lru_cache(maxsize=1000)
def forbidden(name: str, cells: tuple[str, ...], rules: Rules) -> str | None:
    """The first forbidden thing in what a name depends on, or in what could hide such a thing."""
    return meddling(cells) or forbidden_in(relevant_source(name, cells), rules)


@lru_cache(maxsize=1000)
def meddling(cells: tuple[str, ...]) -> str | None:
    """What these cells use of the machinery that watches calls, or of torch below its surface.

    >>> meddling(("import sys\nsys.setprofile(None)",))
    'sys.setprofile'
    >>> meddling(("import torch\ntorch.ones(2)",))
    """
    for cell in cells:
        for _, text, _, _ in _statements(cell):
            for node in ast.walk(ast.parse(text)):
                found = next((name for name in _mentions(node) if MACHINERY.match(name)), None)
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
    statements = [part for cell in cells for part in _statements(cell)]
    needed, wanted = set(), {name}
    while wanted:
        needed |= wanted
        found = [used for _, text, binds, used in statements if binds & wanted]
        wanted = set().union(*found) - needed
    chosen = [text for imports, text, binds, _ in statements if imports or binds & needed]
    return "\n".join(chosen)


@lru_cache(maxsize=10_000)
def _statements(cell: str) -> list[tuple[bool, str, frozenset[str], frozenset[str]]]:
    """(is an import, source, names bound, names used) of each top-level statement."""
    try:
        tree = ast.parse(TransformerManager().transform_cell(cell))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    parts = []
    for statement in tree.body:
        imports = isinstance(statement, (ast.Import, ast.ImportFrom))
        names = [node for node in ast.walk(statement) if isinstance(node, ast.Name)]
        used = frozenset(node.id for node in names if isinstance(node.ctx, ast.Load))
        parts.append((imports, ast.unparse(statement), frozenset(_bound(statement)), used))
    return parts


def _bound(statement: ast.stmt) -> set[str]:
    """The names that a top-level statement gives a value or changes."""
    if isinstance(statement, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
        return {statement.name}
    bound = set()
    for node in ast.walk(statement):
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            bound.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            bound.add(node.id)
        elif isinstance(node, (ast.Attribute, ast.Subscript)) and isinstance(node.ctx, ast.Store):
            bound |= {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}
    return bound
