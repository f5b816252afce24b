"""`shadowctl rehearse`: reads templates, plays, and says what came of it."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from analysis.rollout.rollout import Rollout
from analysis.simulation.canary import Canary
from analysis.simulation.curves import Curves, curves
from analysis.simulation.errors import RehearsalError
from analysis.simulation.playing import Report
from analysis.simulation.rehearsal import Rehearsed, canaries
from analysis.simulation.scenario import Scenario
from analysis.traffic import Traffic
from shadowctl.rehearse import sources
from shadowctl.rehearse.act import Act
from shadowctl.rehearse.report.page import page
from shadowctl.rehearse.screen import shown
from shadowctl.screen import Steps

HERE = "this branch"


def rehearse(
    console: Console,
    stack: str,
    scenario: Scenario,
    *,
    assembly: Path | None,
    traffic: Mapping[str, Any],
    compare: str | None,
    report: Path | None,
    as_json: bool,
) -> None:
    """Rehearses the rollout of `stack`, and prints what came of it.

    `traffic` holds what is expected instead of what the template says, by the names of
    `Traffic`; the template that it is compared with has the same.

    Raises:
        SynthesisError: there is no template.
        RolloutError: a template does not say all.
        RehearsalError: it says what cannot be played, or the report has no folder to stand in.
    """
    if report is not None and not report.parent.is_dir():
        raise RehearsalError(f"there is no folder {report.parent} for the report; make it first")
    with Steps(Console(stderr=True)) as steps:
        steps.report("reading", "" if assembly else "synthesizing the working tree")
        rollouts = {HERE: _expecting(traffic, stack, assembly)}
        if compare is not None:
            steps.report("reading", compare)
            same = rollouts[HERE].traffic
            rollouts[compare] = sources.found(stack, compare, traffic=same)
        played = [[*canaries(rollout, scenario)] for rollout in rollouts.values()]
        heard = _heard(steps, played, with_curves=report is not None)
        acts = [
            Act(
                source,
                rollout,
                [Rehearsed.of(canary, heard) for canary in each],
                [curves(canary, heard) for canary in each if report],
            )
            for (source, rollout), each in zip(rollouts.items(), played, strict=True)
        ]
    if report is not None:
        report.write_text(page(acts, scenario), encoding="utf-8")
    if as_json:
        console.print_json(data=[act.as_json() for act in acts])
        return
    for part in shown(acts, scenario):
        console.print(part, soft_wrap=isinstance(part, str))
    if report is not None:
        console.print(f"report: {report}", soft_wrap=True)


def _expecting(traffic: Mapping[str, Any], stack: str, assembly: Path | None) -> Rollout:
    whole = Traffic(**traffic) if len(traffic) == len(fields(Traffic)) else None
    read = (
        Rollout.load(assembly, stack, traffic=whole)
        if assembly
        else sources.here(stack, traffic=whole)
    )
    return replace(read, traffic=replace(read.traffic, **traffic))


def _heard(steps: Steps, played: Sequence[Sequence[Canary]], *, with_curves: bool) -> Report:
    """Counts rollouts on the screen."""
    canary = [each for some in played for each in some]
    total = sum(2 * each.scenario.rollouts + with_curves * Curves.rollouts() for each in canary)
    done = 0

    def report(more: int) -> None:
        nonlocal done
        done += more
        steps.count("rehearsing", done, total)

    return report
