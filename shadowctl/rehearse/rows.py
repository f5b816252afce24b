"""The lines of a rehearsal's table, on the screen and in a report."""

from analysis.simulation.rehearsal import Rehearsed
from shadowctl.rehearse import words


def rows(rehearsed: Rehearsed) -> dict[str, str]:
    """What is said of one canary, under the name of the line."""
    outcome, scenario = rehearsed.outcome, rehearsed.canary.scenario
    return {
        "rolled back": words.percent(outcome.rolled_back),
        "first to act": acted(rehearsed),
        "all back after, p50": words.minutes(outcome.minutes_p50),
        "all back after, p95": words.minutes(outcome.minutes_p95),
        "requests with an error, mean": words.count(outcome.errors),
        "requests with an error, p95": words.count(outcome.errors_p95),
        "users who saw one, mean": words.count(outcome.users),
        "answered by control instead, mean": words.count(outcome.fallbacks),
        "wrong answers served, mean": words.count(outcome.wrong),
        f"false rollbacks in {scenario.minutes} min": words.percent(rehearsed.false_rollbacks),
    }


def acted(rehearsed: Rehearsed) -> str:
    """Which guards took rollouts back, the busiest first."""
    by = sorted(rehearsed.outcome.by.items(), key=lambda each: -each[1])
    said = [f"{name} {words.percent(share)}" for name, share in by if share]
    return ", ".join(said) or "nobody"
