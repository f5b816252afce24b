"""The paths that rules are written with: `$.user.name`, `$.items[*].id`, `$.**.updated_at`."""

import re
from enum import Enum


class Wild(Enum):
    """A step that stands for many."""

    ONE = "*"
    INDEX = "[*]"
    DEEP = "**"


Step = str | int | Wild
Pattern = tuple[Step, ...]

_ROOT = re.compile(r"\$|status|headers(?=\.)")
_STEP = re.compile(
    r'\.(?P<wild>\*\*?)|\.(?P<name>[^.\[\]"*]+)|\[(?P<index>\d+|\*)\]|\["(?P<quoted>[^"]+)"\]'
)


def parse(path: str) -> Pattern:
    """The steps of `path`, the root first.

    Raises:
        ValueError: anything that is no path.
    """
    root = _ROOT.match(path) if isinstance(path, str) else None
    if root is None:
        raise _no_path(path)
    steps: list[Step] = [root[0]]
    end = root.end()
    while end < len(path):
        step = _STEP.match(path, end)
        if step is None:
            raise _no_path(path)
        steps.append(_step(step))
        end = step.end()
    return tuple(steps)


def reach(pattern: Pattern, offset: int) -> tuple[int, ...]:
    """Every offset that stands where `offset` stands: `**` may stand for no step at all."""
    offsets = [offset]
    while offsets[-1] < len(pattern) and pattern[offsets[-1]] is Wild.DEEP:
        offsets.append(offsets[-1] + 1)
    return tuple(offsets)


def advance(pattern: Pattern, offset: int, step: str | int) -> tuple[int, ...]:
    """The offsets that taking `step` at `offset` leads to; none where the pattern ends."""
    if offset == len(pattern):
        return ()
    wanted = pattern[offset]
    if wanted is Wild.DEEP:
        return reach(pattern, offset)
    takes = wanted is Wild.ONE or (wanted is Wild.INDEX and isinstance(step, int)) or wanted == step
    return reach(pattern, offset + 1) if takes else ()


def _step(match: re.Match[str]) -> Step:
    if match["wild"]:
        return Wild(match["wild"])
    if match["index"]:
        return Wild.INDEX if match["index"] == "*" else int(match["index"])
    return match["name"] or match["quoted"]


def _no_path(path: object) -> ValueError:
    return ValueError(
        f"{path!r} is no path; write $.user.name or $.items[*].id, .* for any one step, "
        '.** for any depth, ["a.b"] for an odd key, headers.etag for a header'
    )
