"""Markdown that reads well as plain text: padded tables, and lines of 100 columns."""

import textwrap
from collections.abc import Iterable, Sequence

_WIDTH = 100
_NO_BREAK = "\N{NO-BREAK SPACE}"


def paragraph(text: str, *, first: str = "", rest: str = "") -> str:
    """`text` in lines that break at no percentage."""
    kept = text.replace(" %", f"{_NO_BREAK}%")
    filled = textwrap.fill(
        kept,
        _WIDTH,
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return filled.replace(_NO_BREAK, " ")


def bullets(items: Iterable[str]) -> str:
    """A list, an item a line."""
    return "\n".join(paragraph(item, first="- ", rest="  ") for item in items)


def table(align: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table whose columns are aligned by `<` or `>`.

    Example:
        >>> print(table("<>", ["stage", "requests"], [["shadow", "0"]]))
        | stage  | requests |
        |--------|---------:|
        | shadow |        0 |
    """
    lines = [head, *rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    columns = list(zip(align, widths, strict=True))
    rule = "|".join("-" * (width + 1) + ("-" if to == "<" else ":") for to, width in columns)
    first, *others = (
        " | ".join(f"{cell:{to}{width}}" for cell, (to, width) in zip(line, columns, strict=True))
        for line in lines
    )
    return "\n".join([f"| {first} |", f"|{rule}|", *(f"| {other} |" for other in others)])


def document(*parts: str) -> str:
    """Parts with an empty line between them."""
    return "\n\n".join(parts)
