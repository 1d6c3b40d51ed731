"""Put one small fault at a time into a function's source."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass

OPERATORS = {
    ast.Add: [ast.Sub],
    ast.Sub: [ast.Add],
    ast.Mult: [ast.Div],
    ast.Div: [ast.Mult],
    ast.Pow: [ast.Mult],
    ast.MatMult: [ast.Mult],
    ast.FloorDiv: [ast.Div],
    ast.Mod: [ast.FloorDiv],
}
COMPARISONS = {
    ast.Lt: [ast.LtE, ast.Gt],
    ast.LtE: [ast.Lt, ast.GtE],
    ast.Gt: [ast.GtE, ast.Lt],
    ast.GtE: [ast.Gt, ast.LtE],
    ast.Eq: [ast.NotEq],
    ast.NotEq: [ast.Eq],
    ast.Is: [ast.IsNot],
    ast.IsNot: [ast.Is],
}
SWAPS = {"mean": "sum", "sum": "mean", "max": "min", "min": "max", "exp": "expm1", "log": "log1p"}


@dataclass(frozen=True)
class Mutant:
    """A module with one fault in it: where, and what was changed to what."""

    tree: ast.Module
    function: str
    line: int
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.function}:{self.line}: {self.before} → {self.after}"


def mutants(tree: ast.Module) -> Iterator[Mutant]:
    """Yield a copy of a module of functions and classes for each fault that fits into it.

    >>> [str(m) for m in mutants(ast.parse("def f(x): return x + 1"))]
    ['f:1: x + 1 → x - 1', 'f:1: 1 → 2', 'f:1: 1 → 0']
    """
    for position, node in enumerate(tree.body):
        count = len(list(ast.walk(node)))
        for index in range(count):
            original = _nth(node, index)
            for change in changes(original):
                mutated = deepcopy(tree)
                replace(mutated.body[position], index, change)
                ast.fix_missing_locations(mutated)
                line = getattr(original, "lineno", node.lineno)
                yield Mutant(mutated, node.name, line, _text(original), _text(change))


def changes(node: ast.AST) -> Iterator[ast.AST]:
    """The faults for one node of the syntax tree."""
    if isinstance(node, ast.BinOp):
        for other in OPERATORS.get(type(node.op), []):
            yield _with(node, op=other())
    elif isinstance(node, ast.Compare):
        for other in COMPARISONS.get(type(node.ops[0]), []):
            yield _with(node, ops=[other(), *node.ops[1:]])
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.Not)):
        yield node.operand
    elif isinstance(node, ast.BoolOp):
        yield _with(node, op=ast.And() if isinstance(node.op, ast.Or) else ast.Or())
    elif isinstance(node, ast.Constant):
        yield from _constants(node)
    elif isinstance(node, ast.Call):
        yield from _calls(node)
    elif isinstance(node, ast.AugAssign):
        for other in OPERATORS.get(type(node.op), []):
            yield _with(node, op=other())
    elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        yield ast.Pass()


def _constants(node: ast.Constant) -> Iterator[ast.AST]:
    if isinstance(node.value, bool):
        yield ast.Constant(not node.value)
    elif isinstance(node.value, (int, float)):
        yield ast.Constant(node.value + 1)
        yield ast.Constant(node.value / 2 if isinstance(node.value, float) else node.value - 1)


def _calls(node: ast.Call) -> Iterator[ast.AST]:
    if not isinstance(node.func, ast.Attribute):
        return
    method, owner = node.func.attr, node.func.value
    on_module = isinstance(owner, ast.Name) and owner.id in ("torch", "math")
    if on_module and node.args:
        yield node.args[0]
    elif not on_module:
        yield owner
    if method in SWAPS:
        yield _with(node, func=_with(node.func, attr=SWAPS[method]))
    for index in range(len(node.keywords)):
        yield _with(node, keywords=node.keywords[:index] + node.keywords[index + 1 :])


def replace(root: ast.AST, index: int, change: ast.AST) -> None:
    """Put `change` in the place of the node number `index` below `root`."""
    target = _nth(root, index)
    for parent in ast.walk(root):
        for name, value in ast.iter_fields(parent):
            if value is target:
                setattr(parent, name, change)
                return
            if isinstance(value, list):
                for place, item in enumerate(value):
                    if item is target:
                        value[place] = change
                        return


def _nth(root: ast.AST, index: int) -> ast.AST:
    return list(ast.walk(root))[index]


def _with(node: ast.AST, **fields: object) -> ast.AST:
    return type(node)(**{**dict(ast.iter_fields(node)), **fields})


def _text(node: ast.AST) -> str:
    return ast.unparse(ast.fix_missing_locations(deepcopy(node)))
