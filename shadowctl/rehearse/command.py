"""`shadowctl rehearse`: reads templates, simulates, and says what came of it."""

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console, RenderableType

from analysis.rollout import Rollout
from analysis.simulation.canaries import SimulatedCanary
from analysis.simulation.ramp import SimulatedRamp
from analysis.simulation.rehearsal import (
    Curves,
    OnSimulated,
    Rehearsal,
    RehearsedCanary,
    canaries,
    curves,
)
from analysis.simulation.scenario import RehearsalError, Scenario
from analysis.template import Stack, TemplateError
from analysis.traffic import Traffic
from shadowctl.rehearse.report.page import page
from shadowctl.rehearse.screen import shown
from shadowctl.screen import Steps
from shadowctl.synthesis import app_folder, check_out, synthesize

HERE = "this branch"


def rehearse(
    progress: Console,
    stack: str,
    scenario: Scenario,
    *,
    assembly: Path | None,
    traffic: Mapping[str, Any],
    compare: str | None,
    report: Path | None,
) -> tuple[list[RenderableType], dict[str, Any]]:
    """Rehearses the rollout of `stack`: what came of it, for people and for machines.

    `traffic` holds what is expected instead of what the template says, by the names of
    `Traffic`; the template that it is compared with has the same.

    Raises:
        SynthesisError: there is no template.
        TemplateError: a template does not say all.
        RehearsalError: it says what cannot be played, or the report has no folder to stand in.
    """
    if report is not None and not report.parent.is_dir():
        raise RehearsalError(f"there is no folder {report.parent} for the report; make it first")
    with Steps(progress) as steps:
        steps.report("reading", "" if assembly else "synthesizing the working tree")
        rollouts = {HERE: _expecting(traffic, stack, assembly)}
        if compare is not None:
            steps.report("reading", compare)
            same = rollouts[HERE].traffic
            rollouts[compare] = _of_source(stack, compare, traffic=same)
        played = [[*canaries(rollout, scenario)] for rollout in rollouts.values()]
        heard = _heard(steps, played, with_curves=report is not None)
        rehearsals = [
            Rehearsal(
                source,
                rollout,
                [RehearsedCanary.of(canary, heard) for canary in each],
                [curves(canary, heard) for canary in each if report],
                SimulatedRamp.played(rollout, scenario),
            )
            for (source, rollout), each in zip(rollouts.items(), played, strict=True)
        ]
    if report is not None:
        report.write_text(page(rehearsals, scenario), encoding="utf-8")
    told: list[RenderableType] = [*shown(rehearsals, scenario)]
    if report is not None:
        told.append(f"report: {report}")
    return told, {"rehearsals": [rehearsal.as_json() for rehearsal in rehearsals]}


def _expecting(traffic: Mapping[str, Any], stack: str, assembly: Path | None) -> Rollout:
    whole = Traffic(**traffic) if {"requests_per_day", "users"} <= traffic.keys() else None
    read = (
        Rollout.load(assembly, stack, traffic=whole)
        if assembly
        else _of_this_tree(stack, traffic=whole)
    )
    return replace(read, traffic=replace(read.traffic, **traffic))


def _heard(
    steps: Steps, played: Sequence[Sequence[SimulatedCanary]], *, with_curves: bool
) -> OnSimulated:
    """Counts rollouts on the screen."""
    canary = [each for some in played for each in some]
    total = sum(2 * each.scenario.rollouts + with_curves * Curves.rollouts() for each in canary)
    done = 0

    def report(more: int) -> None:
        nonlocal done
        done += more
        steps.count("rehearsing", done, total)

    return report


def _of_this_tree(stack: str, *, traffic: Traffic | None) -> Rollout:
    """The rollout of the working tree.

    Raises:
        SynthesisError: it does not synthesize.
        TemplateError: something is missing in the template.
    """
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder, "cdk.out")
        synthesize(app_folder(), out)
        return Rollout.load(out, stack, traffic=traffic)


def _of_source(stack: str, source: str, *, traffic: Traffic | None) -> Rollout:
    """The rollout of `source`: an assembly's folder, a template, or a commit.

    Raises:
        SynthesisError: it is none of these, or does not synthesize.
        TemplateError: something is missing in the template.
    """
    path = Path(source)
    if path.is_dir():
        return Rollout.load(path, stack, traffic=traffic)
    if path.is_file():
        return Rollout.of(Stack(stack, _template(path)), traffic=traffic)
    with tempfile.TemporaryDirectory() as folder:
        checkout, out = Path(folder, "source"), Path(folder, "cdk.out")
        check_out(source, checkout)
        synthesize(checkout, out)
        return Rollout.load(out, stack, traffic=traffic)


def _template(path: Path) -> Any:
    try:
        return json.loads(path.read_text())
    except ValueError as error:
        raise TemplateError(
            f"{path} is no template ({error}); name an assembly's folder, a template in JSON or a "
            "commit"
        ) from error
