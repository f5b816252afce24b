"""Markdown of texts that others chose: none of them is a mention, a link, or markup of a page's."""

import re
from collections.abc import Iterable

MOST = 65_536
"""Characters of a comment on GitHub, which refuses a longer one."""

_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
_LONGEST = 500
CUT = (
    "\n\n… cut here: GitHub takes no longer comment. `shadowctl review --json` has every finding, "
    "`shadowctl diff` what changes in a stack."
)


def code(value: object) -> str:
    r"""`value` as a span of code, in one line, with what can't be seen made visible.

    Example:
        >>> print(code("@all"), code("a`b"), code("<b>" + chr(10)))
        `@all` `` a`b `` `<b>\u000a`
    """
    told = visible(str(value))
    if len(told) > _LONGEST:
        told = f"{told[:_LONGEST]}…"
    fence = "`" * (1 + max(map(len, re.findall("`+", told)), default=0))
    space = " " if "`" in told or not told.strip() else ""
    return f"{fence}{space}{told or ' '}{space}{fence}"


def listed(values: Iterable[object], *, most: int = 100) -> str:
    """Several, as code, with commas between them."""
    told = [*values]
    shown = ", ".join(map(code, told[:most]))
    return f"{shown} and {len(told) - most} more" if len(told) > most else shown


def cut(text: str, *, most: int) -> str:
    """`text`, or as many of its lines as there is room for, and that it is cut."""
    if len(text) <= most:
        return text
    return f"{text[: most - len(CUT)].rpartition(chr(10))[0]}{CUT}"


def fenced(text: str, *, most: int) -> str:
    """`text` as a block of code that nothing in it ends, cut where it is over `most` characters."""
    seen = "\n".join(visible(line) for line in text.split("\n"))
    fence = "`" * max(3, 1 + max(map(len, re.findall("`+", seen)), default=0))
    room = most - len(f"{fence}diff\n\n{fence}")
    if len(seen) <= room:
        return f"{fence}diff\n{seen}\n{fence}"
    return f"{fence}diff\n{seen[: room - len(CUT)].rpartition(chr(10))[0]}\n{fence}{CUT}"


def visible(text: str) -> str:
    """`text` with what can't be seen, and what would turn its direction, written out."""
    return _UNSEEN.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def folded(summary: str, inside: str) -> str:
    """What is opened by who wants it; `summary` is code and words of ours."""
    return f"<details><summary>{summary}</summary>\n\n{inside}\n\n</details>"


def bullets(items: Iterable[str]) -> str:
    """A list, an item a line: a comment has no columns to keep."""
    return "\n".join(f"- {item}" for item in items)
