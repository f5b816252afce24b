"""The judge says PASS or FAIL only when what was counted proves it, and says why in words."""

import math
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judge import Counts, Result, Tolerances, Verdict, judge, pairs_needed

PASS, FAIL, INCONCLUSIVE = Verdict


def parity(counts: Counts, **tolerances: float) -> Result:
    """What is found about the pairs alone."""
    [result] = judge(counts, Tolerances(**tolerances)).results
    return result


def test_without_data_it_is_inconclusive_and_never_a_pass() -> None:
    assert judge(Counts()).verdict is INCONCLUSIVE
    assert judge(Counts(noise_pairs=100_000)).verdict is INCONCLUSIVE
    noise = Counts(noise_pairs=100_000, noise=45_000)
    assert parity(noise, mismatch_percent=60).verdict is INCONCLUSIVE


@pytest.mark.parametrize("tolerance", [0.01, 0.1, 1, 20])
def test_as_many_pairs_pass_as_are_said_to_be_needed_and_no_fewer(tolerance: float) -> None:
    needed = pairs_needed(tolerance)
    assert parity(Counts(pairs=needed), mismatch_percent=tolerance).verdict is PASS
    assert parity(Counts(pairs=needed - 1), mismatch_percent=tolerance).verdict is INCONCLUSIVE
    quiet = Counts(pairs=needed, noise_pairs=needed)
    assert parity(quiet, mismatch_percent=tolerance).verdict is PASS


def test_as_many_are_needed_as_the_decision_record_says() -> None:
    assert [pairs_needed(tolerance) for tolerance in (0.01, 0.1, 1)] == [48_764, 4_876, 487]
    assert pairs_needed(0.1, mismatch_percent=0.02) == 10_459
    assert pairs_needed(0.1, alpha=0.01) == 6_625


@given(st.integers(0, 3), st.integers(1, 10**9))
def test_three_mismatches_are_an_accident_however_few_the_pairs(bad: int, pairs: int) -> None:
    assert parity(Counts(pairs=max(bad, pairs), mismatches=bad)).verdict is not FAIL


def test_four_mismatches_out_of_four_are_none() -> None:
    assert parity(Counts(pairs=4, mismatches=4)).verdict is FAIL


def test_a_fail_over_noise_that_nobody_measured_says_so() -> None:
    found = parity(Counts(pairs=1_000, mismatches=12))
    assert found.verdict is FAIL
    assert found.message.endswith("; control's own noise was not measured")


def test_what_control_does_too_is_no_mismatch() -> None:
    found = parity(Counts(pairs=100_000, mismatches=600, noise_pairs=100_000, noise=600))
    assert found.verdict is INCONCLUSIVE
    assert found.low_percent < 0 < found.high_percent


def test_while_noise_is_hardly_measured_it_may_explain_what_differs() -> None:
    assert parity(Counts(pairs=1_000, mismatches=12, noise_pairs=50)).verdict is INCONCLUSIVE
    assert parity(Counts(pairs=14_000, mismatches=168, noise_pairs=700)).verdict is FAIL


def test_a_comparison_that_is_mostly_noise_never_passes() -> None:
    many = 10_000_000
    found = parity(Counts(pairs=many, mismatches=many, noise_pairs=many, noise=many))
    assert found.high_percent < Tolerances().mismatch_percent
    assert found.verdict is INCONCLUSIVE
    assert "control differs from itself too often; leave out what is noisy" in found.message


def test_a_route_whose_users_are_all_on_control_is_judged_by_parity_alone() -> None:
    judgement = judge(Counts(pairs=6_000, control_requests=6_000, control_faults=600))
    assert [result.criterion for result in judgement.results] == ["parity"]
    assert judgement.verdict is PASS


FAULTS: dict[str, tuple[dict[str, int], Verdict]] = {
    "none": ({}, PASS),
    "as many as control's": ({"candidate_faults": 60, "control_faults": 6_000}, INCONCLUSIVE),
    "more than control's": ({"candidate_faults": 60, "control_faults": 600}, FAIL),
    "fewer than control's": ({"candidate_faults": 0, "control_faults": 600}, PASS),
}


@pytest.mark.parametrize(("faults", "verdict"), FAULTS.values(), ids=FAULTS)
def test_faults_are_held_against_controls(faults: dict[str, int], verdict: Verdict) -> None:
    asked = Counts(pairs=6_000, candidate_requests=1_000, control_requests=100_000)
    judgement = judge(replace(asked, **faults))
    assert [result.criterion for result in judgement.results] == ["parity", "faults"]
    assert judgement.results[1].verdict is verdict
    assert judgement.verdict is verdict, "parity passes, so faults decide"


def test_one_finding_that_fails_fails_the_route() -> None:
    assert judge(Counts(candidate_requests=100, candidate_faults=100)).verdict is FAIL
    bad_pairs = Counts(pairs=1_000, mismatches=100, candidate_requests=1_000)
    assert judge(bad_pairs).verdict is FAIL


def test_control_that_was_asked_nothing_is_said_to_be() -> None:
    judgement = judge(Counts(pairs=6_000, candidate_requests=100, candidate_faults=50))
    assert judgement.message.endswith("; control was asked nothing meanwhile")


def test_a_hundred_thousand_refusals_prove_nothing() -> None:
    judgement = judge(Counts(pairs=100_000, refused=100_000))
    assert [result.verdict for result in judgement.results] == [PASS, INCONCLUSIVE]
    assert judgement.verdict is INCONCLUSIVE
    assert judgement.results[1].message == (
        "INCONCLUSIVE: 0 of 100,000 pairs have content (0 empty, 100,000 refused); "
        "about 4,900 with content and none suspect would pass"
    )


def test_a_pass_takes_as_many_pairs_with_content_as_if_there_were_no_others() -> None:
    needed = pairs_needed(0.1)
    assert judge(Counts(pairs=needed + 90, empty=40, refused=50)).verdict is PASS
    assert judge(Counts(pairs=needed + 89, empty=40, refused=50)).verdict is INCONCLUSIVE


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**4), st.integers(0, 10**4))
def test_refusals_never_turn_a_verdict_into_a_pass(
    content: int, refused: int, bad: int, unsettled: int
) -> None:
    bad = min(bad, content)
    alone = judge(Counts(pairs=content, mismatches=bad))
    diluted = judge(
        Counts(
            pairs=content + refused,
            refused=refused,
            mismatches=bad,
            first_sights=min(unsettled, content),
            unsettled=min(unsettled, content),
        )
    )
    assert alone.verdict is PASS or diluted.verdict is not PASS


def test_first_sights_fail_nobody_and_have_a_bound_of_their_own() -> None:
    judgement = judge(Counts(pairs=10_000, first_sights=500))
    assert judgement.verdict is PASS
    assert judgement.message.endswith(
        "; 500 differed at first sight alone (0 unsettled), at most 5.9 %"
    )


def test_where_control_may_not_be_asked_twice_what_differs_neither_fails_nor_passes() -> None:
    judgement = judge(Counts(pairs=10_000, first_sights=500, unsettled=500))
    assert judgement.verdict is INCONCLUSIVE
    assert judge(Counts(pairs=10_000, first_sights=1, unsettled=1)).verdict is PASS


def test_evidence_of_too_few_hours_passes_nothing() -> None:
    counts, day = Counts(pairs=10_000, hours=3), Tolerances(minimum_hours=24)
    assert judge(counts, day).verdict is INCONCLUSIVE
    assert judge(counts, day).message.endswith("; of 3 hours, and 24 are asked for")
    assert judge(replace(counts, hours=24), day).verdict is PASS
    bad = replace(counts, mismatches=500)
    assert judge(bad, day).verdict is FAIL, "what is bad is so at once"


WORDS: dict[str, tuple[dict[str, int], str]] = {
    "nothing": ({}, "INCONCLUSIVE: no pairs yet; about 4,900 good ones would pass"),
    "a pass": (
        {"pairs": 6_000},
        "PASS: 0 of 6,000 pairs differ; at most 0.082 % (95 % sure), tolerance 0.1 %",
    ),
    "a fail": (
        {"pairs": 1_000, "mismatches": 900, "noise_pairs": 1_000, "noise": 600},
        "FAIL: 900 of 1,000 pairs differ, 600 of 1,000 of control with itself; "
        "at least 20 % more (95 % sure), tolerance 0.1 %",
    ),
    "a few more": (
        {"pairs": 4_000},
        "INCONCLUSIVE: 0 of 4,000 pairs differ; at most 0.13 % (95 % sure), tolerance 0.1 %; "
        "about 880 more pairs at these rates decide",
    ),
    "too near": (
        {"pairs": 100_000, "mismatches": 100},
        "INCONCLUSIVE: 100 of 100,000 pairs differ; between 0.068 % and 0.15 % (95 % sure), "
        "tolerance 0.1 %; at these rates no number of pairs decides",
    ),
}


@pytest.mark.parametrize(("counted", "words"), WORDS.values(), ids=WORDS)
def test_it_speaks_in_sentences(counted: dict[str, int], words: str) -> None:
    assert judge(Counts(**counted)).message == words


def test_bounds_in_words_are_rounded_outwards() -> None:
    just_over = pairs_needed(0.1) - 1
    assert "at most 0.11 %" in parity(Counts(pairs=just_over)).message
    assert "at most 0.10 %" in parity(Counts(pairs=just_over + 1)).message


@pytest.mark.parametrize(("bad", "noise_pairs"), [(0, 0), (2, 0), (3, 0), (2, 1), (8, 40)])
def test_as_many_more_pairs_decide_as_the_words_say(bad: int, noise_pairs: int) -> None:
    counts = {"pairs": 1_000, "mismatches": bad, "noise_pairs": noise_pairs}
    found = re.search(r"about ([\d,]+) more pairs", parity(Counts(**counts)).message)
    assert found, "one that is not decided yet"
    more = int(found[1].replace(",", ""))
    for times, is_decided in ((1 + more / 1_000, True), (1 + 0.8 * more / 1_000, False)):
        later = {name: round(count * times) for name, count in counts.items()}
        assert (parity(Counts(**later)).verdict is not INCONCLUSIVE) is is_decided


REFUSED: dict[str, dict[str, Any]] = {
    "pairs=-1": {"pairs": -1},
    "mismatches=3 and pairs=2": {"pairs": 2, "mismatches": 3},
    "noise=1 and noise_pairs=0": {"noise": 1},
    "candidate_faults=-1": {"candidate_requests": 1, "candidate_faults": -1},
    "control_faults=2": {"control_requests": 1, "control_faults": 2},
    "pairs=nan": {"pairs": math.nan},
}


@pytest.mark.parametrize(("words", "counted"), REFUSED.items(), ids=REFUSED)
def test_fails_on_counts_that_nothing_can_have(words: str, counted: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=words):
        Counts(**counted)


@pytest.mark.parametrize("percent", [0, 100, -1, 250, math.nan])
def test_fails_on_a_tolerance_that_is_no_percentage(percent: float) -> None:
    for name in ("mismatch_percent", "fault_percent"):
        with pytest.raises(ValueError, match=f"{name} is a percentage .* got {percent!r}"):
            Tolerances(**{name: percent})
    with pytest.raises(ValueError, match=f"got a tolerance of {percent!r}"):
        pairs_needed(percent)


@pytest.mark.parametrize("alpha", [0, 1, 5, math.nan])
def test_fails_on_an_alpha_that_is_no_chance(alpha: float) -> None:
    with pytest.raises(ValueError, match=f"over 0 and under 1; got {alpha!r}"):
        Tolerances(alpha=alpha)
    with pytest.raises(ValueError, match=f"over 0 and under 1; got {alpha!r}"):
        pairs_needed(0.1, alpha=alpha)


@pytest.mark.parametrize(
    ("mismatch_percent", "words"), [(0.1, "over the mismatches"), (0.09999, "a billion pairs")]
)
def test_fails_where_no_number_of_pairs_would_pass(mismatch_percent: float, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        pairs_needed(0.1, mismatch_percent=mismatch_percent)


def hidden_by_diffy(raw: int, noise: int, total: int) -> bool:
    """Whether Diffy leaves out a field with so many differences, of candidate and of control.

    JoinedDifferences.scala of twitter-archive/diffy, with the defaults of DiffyServiceModule.scala:
    threshold.relative 20.0, threshold.absolute 0.03, both in percent.
    """
    relative = 100 * abs(raw - noise) / (raw + noise)
    absolute = 100 * abs(raw - noise) / total
    return not (raw > noise and relative > 20 and absolute > 0.03)


@pytest.mark.parametrize("times", [1, 10, 1_000])
def test_a_rise_of_30_points_on_a_noisy_field_fails_that_diffy_hides(times: int) -> None:
    raw, noise, total = 180 * times, 120 * times, 200 * times
    assert hidden_by_diffy(raw, noise, total)
    risen = Counts(pairs=total, mismatches=raw, noise_pairs=total, noise=noise)
    assert parity(risen).verdict is FAIL


def test_2_in_10_000_without_any_noise_fail_in_time_that_diffy_hides_for_ever() -> None:
    found = []
    for total in (10_000, 300_000, 100_000_000):
        assert hidden_by_diffy(total // 5_000, 0, total)
        clean = Counts(pairs=total, mismatches=total // 5_000, noise_pairs=total)
        found.append(parity(clean, mismatch_percent=0.01).verdict)
    assert found == [INCONCLUSIVE, FAIL, FAIL]
