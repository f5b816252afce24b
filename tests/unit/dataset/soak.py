"""Many histories, drawn by seed: of the protocol, and of what is left of it without one rule.

`python -m tests.unit.dataset.soak 20000` prints a table; `make soak` does.
"""

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from random import Random
from typing import Any
from unittest.mock import patch

from dataset.register import Lease, Phase
from tests.unit.dataset.machine import ENDS, FATES, Histories
from tests.unit.dataset.play import ENVIRONMENTS, PEOPLE, RULES
from tests.unit.dataset.world import Violated

STEPS = 14
"""Of a history: what goes wrong is to be found before later writes mend it."""


_TROUBLES = (
    (1, "wait", "ok"),
    (1, "stumble", "refused"),
    (1, "die", "refused"),
    (2, "wait", "ok"),
    (2, "die", "refused"),
    (3, "fail", "refused"),
)
"""Where it hurts most: at the intent, at the effect, at the copy."""


def _how(random: Random) -> dict[str, Any]:
    after, end, fate = random.randrange(4), random.choice(ENDS), random.choice(FATES)
    if random.random() < 0.5:
        after, end, fate = random.choice(_TROUBLES)
    return {"after": after, "end": end, "fate": fate}


def _write(machine: Histories, random: Random) -> None:
    route = random.choice(("update", "update", "update", "transfer", "delete"))
    user, env = random.choice(PEOPLE), random.choice(ENVIRONMENTS)
    machine.write(user=user, route=route, env=env, **_how(random))


def _again(machine: Histories, random: Random) -> None:
    if machine.play.failed:
        env, number = random.choice(ENVIRONMENTS), random.randrange(4)
        machine.write_again(env=env, number=number, **_how(random))


def _read(machine: Histories, random: Random) -> None:
    machine.read(
        user=random.choice(PEOPLE),
        env=random.choice(ENVIRONMENTS),
        look_first=random.random() < 0.2,
        meanwhile=random.randrange(4),
    )


def _go_on(machine: Histories, random: Random) -> None:
    if machine.world.tasks:
        machine.go_on(number=random.randrange(4), **_how(random))


def _land(machine: Histories, random: Random) -> None:
    if machine.world.landings:
        machine.land(number=random.randrange(4))


def _deliver(machine: Histories, random: Random) -> None:
    if machine.world.queue:
        machine.deliver(number=random.randrange(4), **_how(random))


def _wait(machine: Histories, random: Random) -> None:
    machine.wait(seconds=random.choice((1.0, 2.0, 5.0, 6.0)))


def _flag(machine: Histories, random: Random) -> None:
    machine.flag(env=random.choice(ENVIRONMENTS), user=random.choice(PEOPLE))


def _move(machine: Histories, random: Random) -> None:
    machine.move(number=random.randrange(4), **{**_how(random), "after": random.randrange(25)})


def _switch(machine: Histories, random: Random) -> None:
    verified, meanwhile = random.random() < 0.7, random.choice((3, 4, 20, 22, 24))
    machine.switch(verified=verified, meanwhile=meanwhile, **_how(random))


def _rehearse(machine: Histories, random: Random) -> None:
    route = random.choice(("update", "transfer", "delete"))
    machine.rehearse(user=random.choice(PEOPLE), route=route)


def _operate(machine: Histories, random: Random) -> None:
    what = random.choice(("backfill", "verify", "sweep"))
    machine.operate(what=what, **_how(random))


Action = Callable[[Histories, Random], None]
ACTIONS: dict[Action, int] = {
    **{_write: 6, _go_on: 6, _deliver: 5, _read: 4, _wait: 3, _again: 3},
    **{_move: 2, _switch: 2, _land: 2, _flag: 1, _rehearse: 1, _operate: 1},
}
"""What may come next, and how often it does."""


def history(seed: int, without: str = "", *, of: type[Histories] = Histories) -> str:
    """The invariant that a history violates, such as `I1`; empty where all hold."""
    random = Random(seed)
    machine = type("Without", (of,), {"without": without})()
    phase = random.choice((Phase.OFF, Phase.SYNCED, Phase.SYNCED, Phase.SWITCHED))
    exposed = tuple(random.random() < 0.6 for _ in range(4))
    never = patch.object(Lease, "covers", lambda *_: True)
    with never if without == "1: a write begins within its lease" else nullcontext():
        try:
            machine.begin(phase=phase, exposed=exposed)
            for action in random.choices([*ACTIONS], [*ACTIONS.values()], k=STEPS):
                action(machine, random)
                machine.control_holds_what_was_acknowledged()
            machine.teardown()
        except Violated as violated:
            return violated.invariant
    return ""


def violations(without: str, histories: int) -> Counter[str]:
    """How many histories violate which invariant, each counted for the first one."""
    return Counter(filter(None, (history(seed, without) for seed in range(histories))))


def table(histories: int) -> Iterator[str]:
    """A row a rule: how many histories go wrong without it, what does, and in which one first."""
    yield f"| without | of {histories:,} histories go wrong | violates | first seed of each |"
    yield "|---|---|---|---|"
    for rule in ("", *RULES):
        wrong = [(s, i) for s in range(histories) if (i := history(s, rule))]
        first = {invariant: seed for seed, invariant in reversed(wrong)}
        names = ", ".join(sorted(first)) or "nothing"
        seeds = ", ".join(f"{i} {seed}" for i, seed in sorted(first.items()))
        yield f"| {rule or '(nothing: the protocol)'} | {len(wrong):,} | {names} | {seeds} |"


if __name__ == "__main__":
    for row in table(int(sys.argv[1])):
        sys.stdout.write(f"{row}\n")
        sys.stdout.flush()
