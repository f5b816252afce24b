"""`shadowctl review`: two commits, or two assemblies, as one comment."""

from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

from shadowctl.review.comment import Told, comment, told
from shadowctl.review.sides import reviewed, side_of


def review(base: str, head: str) -> tuple[str, dict[str, Any], bool]:
    """The comment on what `head` changes, the same for machines, and whether both synthesize.

    Raises:
        SynthesisError: a side is no commit and no folder.
    """
    with ExitStack() as rooms:
        before, after = (rooms.enter_context(side_of(each)) for each in (base, head))
        failed = [each for each in (before, after) if each.failure]
        stacks = [] if failed else [told(each) for each in reviewed(before, after)]
        markdown = comment(before, after, stacks)
    document = {
        "base": base,
        "head": head,
        "error": failed[0].failure if failed else None,
        "stacks": [_stack(each) for each in stacks],
        "markdown": markdown,
    }
    return markdown, document, not failed


def _stack(told: Told) -> Mapping[str, Any]:
    stack = told.stack
    either = stack.after or stack.before
    return {
        "stack": either.name if either else "",
        "path": told.path,
        "is_nested": bool(either and either.nested),
        "became": stack.became,
        "findings": [
            {"kind": each.kind, "said": each.said, "is_expected": each.is_expected}
            for each in told.findings
        ],
        "routes": [
            {
                "route": each.name,
                "is_same": each.is_same,
                "more_users": each.more_users,
                "ceilings": [str(side.ceiling) if side else None for side in each.sides],
            }
            for each in told.exposures
        ],
    }
