"""What an operator would do, by what is known of a route."""

from judge import Verdict
from operations.dataset_function import DatasetStatus, command
from operations.dataset_needs import next_step
from shadow_runtime.contract import STAGE_NAMES, Stage
from shadowctl.status.seen import Status, lacking


def next_steps(status: Status) -> list[str]:
    """What an operator would type now, the likeliest first."""
    there = " --local" if status.is_embedded else ""
    return [f"shadowctl {step}{there}" for step in _steps(status)]


def _of_its_dataset(status: Status) -> str:
    """What leads its dataset to where the next stage needs it; empty where it is."""
    following = Stage.of(STAGE_NAMES[status.stage.rank + 1], percent=1)
    dataset = status.dataset
    if dataset is None or not lacking(dataset, following):
        return ""
    step = f"{command(dataset.name)} status"
    if isinstance(dataset, DatasetStatus):
        step = next_step(dataset)
    return step.removeprefix("shadowctl ")


def _steps(status: Status) -> list[str]:
    route, verdict = status.asked, status.judgement.verdict
    is_exposed = Stage.SHADOW < status.stage < Stage.COMPLETE
    why = [f"diffs {route}", f"traces {route}"]
    if not status.deployed.is_ours:
        return [f"off {route}"]
    if status.red or verdict is Verdict.FAIL:
        return [f"off {route}", *why] if is_exposed else why
    if any(guard.faults for guard in status.guards):
        return [f"off {route}"] if is_exposed else []
    if status.running:
        return [f"status {route} --watch"]
    if status.stage == Stage.COMPLETE:
        return [f"finish {route}"]
    if status.stage == Stage.OFF < status.ceiling:
        return [f"stage {route} shadow"]
    if verdict is Verdict.PASS:
        if status.stage < status.ceiling and (step := _of_its_dataset(status)):
            return [step]
        share = " --percent 1" if status.is_open else ""
        return [f"promote {route}{share}"] if status.stage < status.ceiling else []
    return why if status.needed is None else [f"status {route} --watch"]
