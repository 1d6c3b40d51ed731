"""The part of a submission that one name depends on, read from its source alone."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable
from functools import lru_cache

from IPython.core.inputtransformer2 import TransformerManager

from course.forbidden import Rules, forbidden_in

WATCHERS = re.compile(
    r"(course\.(forbidden|drivers|grading|hidden|judge)|torch\.(overrides|utils\._python_dispatch)"
    r"|(sys|threading)\.(setprofile|settrace))\b"
)
"""What watches a student's calls: no cell has a reason to touch it."""

BELOW_THE_SURFACE = re.compile(r"torch\.(_C|_ops|ops|library)\b")
"""Where torch's functions can be had without being watched."""

BY_TEXT = {"eval", "exec", "globals", "locals", "vars", "get_ipython", "compile", "__import__"}
"""Functions that find a name by its text."""


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
        for _, text, _, _ in _statements(cell):
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
    statements = [part for cell in cells for part in _statements(cell)]
    needed, wanted = set(), {name}
    while wanted:
        needed |= wanted
        found = [used for _, text, binds, used in statements if binds & wanted]
        wanted = set().union(*found) - needed
    chosen = [text for imports, text, binds, _ in statements if imports or binds & needed]
    return "\n".join(chosen)


def binds(cell: str) -> set[str]:
    """The names that a cell gives a value or changes.

    >>> sorted(binds("import math\na = [b]\na[0] = math.pi"))
    ['a', 'math']
    """
    return set().union(*(names for _, _, names, _ in _statements(cell)))


def uses(cell: str) -> set[str]:
    """The names that a cell may use: all its words, if it looks names up by their text.

    >>> sorted(uses("c = a + 'b'")), sorted(uses("c = eval('b')"))
    (['a'], ['b', 'c', 'eval'])
    """
    used = set().union(*(names for _, _, _, names in _statements(cell)))
    return set(re.findall(r"\w+", cell)) if used & BY_TEXT or "%" in cell else used


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
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            bound |= {(item.asname or item.name).partition(".")[0] for item in node.names}
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            bound.add(node.id)
        elif isinstance(node, (ast.Attribute, ast.Subscript)) and isinstance(node.ctx, ast.Store):
            bound |= {inner.id for inner in ast.walk(node) if isinstance(inner, ast.Name)}
    return bound
