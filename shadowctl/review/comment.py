"""The comment: what matters first, what is long last and folded, as much as GitHub takes."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from shadowctl.diff import DiffError, cdk_diff
from shadowctl.review.findings import Finding
from shadowctl.review.markdown import CUT, MOST, bullets, code, cut, fenced, folded, visible
from shadowctl.review.security import findings
from shadowctl.review.sides import Became, Reviewed, Side
from shadowctl.review.users import Exposure, exposures
from shadowctl.synthesis import SynthesisError

MARK = "<!-- shadow-canary-review -->"
"""By which the comment is found again, to be replaced."""

_PLAYED = 12
"""Routes whose chances are played: five seconds each."""

_ROOM = 2_000
"""For what follows a text that is cut."""


@dataclass(frozen=True, slots=True)
class Told:
    """All that is said of a stack."""

    stack: Reviewed
    findings: Sequence[Finding]
    exposures: Sequence[Exposure]

    @property
    def path(self) -> str:
        """In the app."""
        return self.stack.pair.path

    @property
    def grave(self) -> list[Finding]:
        """What a reviewer must see."""
        return [each for each in self.findings if not each.is_expected]

    @property
    def expected(self) -> list[Finding]:
        """What comes with what is new."""
        return [each for each in self.findings if each.is_expected]

    @property
    def moved(self) -> list[Exposure]:
        """The routes whose users meet something else."""
        return [each for each in self.exposures if not each.is_same]


def told(stack: Reviewed) -> Told:
    """What is said of a stack; of one whose code alone changed, nothing but that."""
    if stack.became in (Became.SAME, Became.CODE):
        return Told(stack, [], exposures(stack.pair.before, stack.pair.after))
    pair = stack.pair
    return Told(stack, findings(pair), exposures(pair.before, pair.after))


def comment(base: Side, head: Side, stacks: Sequence[Told]) -> str:
    """The comment as Markdown."""
    for side in (base, head):
        if side.failure:
            return _failed(side)
    changed = [each for each in stacks if each.stack.became is not Became.SAME]
    if not changed:
        return f"{MARK}\n## Nothing that is deployed changes\n"
    parts = [MARK, f"## {_headline(changed)}", *_security(changed), *_notes(base, head)]
    loud = [one for each in changed for one in each.moved]
    parts += [part for each in changed for part in _stack(each, is_played=len(loud) <= _PLAYED)]
    if len(loud) > _PLAYED:
        parts += [f"{len(loud)} routes change at once: `shadowctl plan` has the chances of each."]
    quiet = [_line(each) for each in changed if not _is_loud(each)]
    if quiet:
        parts += ["### Nothing changes for users"] if len(quiet) < len(changed) else []
        parts += [bullets(quiet)]
    text = cut("\n\n".join(parts), most=MOST - _ROOM)
    for each in changed:
        if each.expected:
            inside = bullets(f"**{one.kind}** {one.said}" for one in each.expected)
            summary = f"What comes with what is new in <code>{escape(visible(each.path))}</code>: "
            text += _fitting(text, f"{summary}{len(each.expected)}", inside)
    for each in changed:
        if each.stack.became is not Became.CODE:
            text += _diff(text, each)
    return f"{text}\n"


def _failed(side: Side) -> str:
    """Where there is nothing to compare: why, and what it does not mean."""
    return "\n\n".join(
        [
            MARK,
            f"## {code(side.source)} does not synthesize: nothing was reviewed",
            "What this changes for users and for security is **not known**.",
            fenced(side.failure, most=MOST // 2),
        ]
    )


def _headline(changed: Sequence[Told]) -> str:
    grave = sum(len(each.grave) for each in changed)
    moved = [one for each in changed for one in each.moved]
    if not grave and not moved:
        return "Nothing changes for users"
    exposed = [one for one in moved if one.more_users]
    said = [f"{grave} to security"] if grave else []
    said += [f"{one.users_in_words} of {code(one.name)}" for one in exposed]
    said += [f"guards or dates of {code(one.name)}" for one in moved if not one.more_users]
    return f"Changes: {', '.join(said[:6])}{' …' if len(said) > 6 else ''}"


def _notes(base: Side, head: Side) -> Iterator[str]:
    if base.library and head.library and base.library != head.library:
        yield (
            f"aws-cdk-lib moves from {code(base.library)} to {code(head.library)}; both sides were "
            "made with the one installed here, so what the library itself changes is not shown."
        )
    if new := [each for each in head.warnings if each not in base.warnings]:
        yield "### Synthesis warns of it"
        yield bullets(map(code, new))


def _security(changed: Sequence[Told]) -> Iterator[str]:
    grave = [(each.path, one) for each in changed for one in each.grave]
    grave.sort(key=lambda found: found[1].kind.place)
    if grave:
        yield f"### Security: look at {'this' if len(grave) == 1 else f'these {len(grave)}'} first"
        yield bullets(f"**{one.kind}** in {code(path)}: {one.said}" for path, one in grave)


def _is_loud(told: Told) -> bool:
    return bool(told.moved) or told.stack.became in (Became.REMOVED, Became.RENAMED)


def _stack(told: Told, *, is_played: bool) -> Iterator[str]:
    if not _is_loud(told):
        return
    yield f"### {code(told.path)}{_what(told.stack)}"
    if note := _NOTES.get(told.stack.became):
        yield note
    for each in told.moved:
        if len(told.exposures) > 1:
            yield f"#### {code(each.name)}"
        yield each.told(is_played=is_played)


_NOTES = {
    Became.REMOVED: (
        "A deploy leaves the stack as it is: only `cdk destroy`, with the commit before checked "
        "out, removes it. Until then it serves, and its guards act."
    ),
    Became.RENAMED: (
        "To CloudFormation this is a new stack: the old one stays beside it until it is destroyed, "
        "and the new one's flag starts at `off`."
    ),
}


def _what(stack: Reviewed) -> str:
    if stack.became is Became.RENAMED and stack.before:
        was = stack.before
        return f": renamed, it was {code(was.path or was.name)} ({code(was.name)})"
    return {Became.ADDED: ": new", Became.REMOVED: ": removed"}.get(stack.became, "")


def _line(told: Told) -> str:
    """A stack of which users notice nothing, in one line."""
    stack = told.stack
    if stack.became is not Became.CODE:
        kinds = ", ".join(f"{n} {code(kind)}" for kind, n in stack.changed_types().items())
        new = "new: " if stack.became is Became.ADDED else ""
        return f"{code(told.path)}: {new}{kinds or 'outputs, parameters or metadata alone'}"
    if (
        not stack.code
        and not stack.layers
        and stack.after
        and stack.after.all("AWS::CloudFormation::Stack")
    ):
        return f"{code(told.path)}: only what is nested in it"
    functions = f", of {', '.join(map(code, stack.code))}" if stack.code else ""
    if stack.layers:
        functions += f", and the packages of {', '.join(map(code, stack.layers))}"
    shifts = [one.sides[1].shift.description for one in told.exposures if one.sides[1]]
    by = f"; a new version takes over by {' and '.join(dict.fromkeys(shifts))}" if shifts else ""
    return f"{code(told.path)}: code only{functions}{by}"


def _diff(text: str, told: Told) -> str:
    if len(text) > MOST - _LEAST - 3 * len(CUT):  # none that would be thrown away is made
        return "" if text.endswith(CUT) else CUT
    stack = told.stack
    try:
        diff = cdk_diff(stack.before, stack.after, name=told.path)
    except (DiffError, SynthesisError) as error:
        return f"\n\nNo `cdk diff` of {code(told.path)}: {code(error)}"
    summary = f"<code>cdk diff</code> of <code>{escape(visible(told.path))}</code>"
    lines = len(diff.splitlines())
    return _fitting(text, f"{summary}, {lines} lines", diff, is_code=True)


def _fitting(text: str, summary: str, inside: str, *, is_code: bool = False) -> str:
    """A fold with as much inside as there is room for after `text`."""
    room = MOST - len(text) - len(folded(summary, "")) - 2 * len(CUT)
    if room < _LEAST:
        return "" if text.endswith(CUT) else CUT
    shown = fenced(inside, most=room) if is_code else cut(inside, most=room)
    return f"\n\n{folded(summary, shown)}"


_LEAST = 500
"""Characters of a fold that is worth to be opened."""
