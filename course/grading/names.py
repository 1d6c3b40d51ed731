"""The names that a cell binds and uses, read from its source alone."""

from __future__ import annotations

import ast
import re
import symtable
from functools import lru_cache

from IPython.core.inputtransformer2 import TransformerManager

BY_TEXT = {"eval", "exec", "globals", "locals", "vars", "get_ipython", "compile", "__import__"}
"""Functions that find a name by its text."""


def binds(cell: str) -> set[str]:
    """The names that a cell gives a value or changes.

    >>> sorted(binds("import math; a = [b]; a[0] = math.pi"))
    ['a', 'math']
    """
    return set().union(*(names for _, _, names, _ in statements(cell)))


def uses(cell: str) -> set[str]:
    """The names that a cell may use: all its words, if it looks names up by their text.

    >>> sorted(uses("c = a + 'b'")), sorted(uses("def f(x): return x + y"))
    (['a'], ['y'])
    >>> sorted(uses("c = eval('b')"))
    ['b', 'c', 'eval']
    """
    used = set().union(*(names for _, _, _, names in statements(cell)))
    return set(re.findall(r"\w+", cell)) if used & BY_TEXT or "%" in cell else used


def only_defines(cell: str) -> bool:
    """Whether a cell does nothing but define functions, classes and constants.

    >>> only_defines("def f(x, factor=2): return factor * x"), only_defines("y = f(1)")
    (True, False)
    """
    tree = _parsed(cell)
    return tree is not None and all(map(_is_definition, tree.body))


def _is_definition(statement: ast.stmt) -> bool:
    if isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
        return not statement.decorator_list
    plain = isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Constant)
    return plain and all(isinstance(target, ast.Name) for target in statement.targets)


@lru_cache(maxsize=10_000)
def _parsed(cell: str) -> ast.Module | None:
    try:
        return ast.parse(TransformerManager().transform_cell(cell))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None


@lru_cache(maxsize=10_000)
def statements(cell: str) -> list[tuple[bool, str, frozenset[str], frozenset[str]]]:
    """(is an import, source, names bound, names used) of each top-level statement."""
    parts = []
    for statement in getattr(_parsed(cell), "body", []):
        imports = isinstance(statement, (ast.Import, ast.ImportFrom))
        text = ast.unparse(statement)
        used = _used(symtable.symtable(text, "<cell>", "exec")) | _changed(statement)
        parts.append((imports, text, frozenset(_bound(statement)), frozenset(used)))
    return parts


def _used(table: symtable.SymbolTable) -> set[str]:
    """The names of the notebook that code looks up: not the parameters and locals of functions."""
    top = table.get_type() == "module"
    symbols = [symbol for symbol in table.get_symbols() if symbol.is_referenced()]
    used = {symbol.get_name() for symbol in symbols if top or symbol.is_global()}
    return used.union(*map(_used, table.get_children()))


def _changed(statement: ast.stmt) -> set[str]:
    """The names in `a += 1` and the like, which `symtable` does not call referenced."""
    targets = [n.target for n in ast.walk(statement) if isinstance(n, ast.AugAssign)]
    return {target.id for target in targets if isinstance(target, ast.Name)}


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
