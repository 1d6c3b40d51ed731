"""Tables for the lectures, formulas included."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from IPython.display import Markdown


def markdown_table(header: Sequence[str], rows: Iterable[Sequence[object]]) -> Markdown:
    """Return a Markdown table that JupyterLab shows with its formulas set.

    >>> print(markdown_table(["loss", "value"], [["mse", 0.5]]).data)
    | loss | value |
    |---|---|
    | mse | 0.5 |
    """
    lines = ["| " + " | ".join(map(str, cells)) + " |" for cells in (header, *rows)]
    return Markdown("\n".join([lines[0], "|" + "---|" * len(header), *lines[1:]]))


def formula(latex: str) -> str:
    """Return LaTeX as inline mathematics that survives in a table, where a bar ends the cell.

    >>> formula("|z|")
    '$\\\\vert z\\\\vert $'
    """
    return f"${latex.replace('|', chr(92) + 'vert ')}$"
