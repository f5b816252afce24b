"""The judge says PASS or FAIL only when what was counted proves it, and says why in words."""

import math
import re
from bisect import bisect_left
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from judge import Counts, Result, Scores, Tolerances, Verdict, judge, pairs_needed

PASS, FAIL, INCONCLUSIVE = Verdict


def of(
    pairs: float = 0,
    mismatches: float = 0,
    *,
    noise: float = 0,
    share: float = 0,
    asked: Scores = Scores(0),  # noqa: B008 - it does not change
    **others: Any,
) -> Counts:
    """Pairs of which so many differ, and so many of control alone, asked again for a share."""
    compared = (Scores(pairs, mismatches, noise, share),)
    return Counts(compared=compared, asked=asked, **others)


def parity(counts: Counts, **tolerances: float) -> Result:
    """What is found about the pairs alone."""
    [result] = judge(counts, Tolerances(**tolerances)).results
    return result


def test_without_data_it_is_inconclusive_and_never_a_pass() -> None:
    assert judge(Counts()).verdict is INCONCLUSIVE
    assert judge(of(0)).verdict is INCONCLUSIVE
    assert judge(of(0, share=1), Tolerances(mismatch_percent=60)).verdict is INCONCLUSIVE


@pytest.mark.parametrize("tolerance", [0.01, 0.1, 1, 20])
def test_as_many_pairs_pass_as_are_said_to_be_needed_and_no_fewer(tolerance: float) -> None:
    needed = pairs_needed(tolerance)
    assert parity(of(needed), mismatch_percent=tolerance).verdict is PASS
    assert parity(of(needed - 1), mismatch_percent=tolerance).verdict is INCONCLUSIVE
    for share in (1, 0.001):
        assert parity(of(needed, share=share), mismatch_percent=tolerance).verdict is PASS


def test_as_many_are_needed_as_the_decision_record_says() -> None:
    assert [pairs_needed(tolerance) for tolerance in (0.01, 0.1, 1)] == [35_038, 3_503, 349]
    assert pairs_needed(0.1, mismatch_percent=0.02) == 7_890
    assert pairs_needed(0.1, alpha=0.01) == 5_263


def least_fail(percent: float, *, share: float = 0) -> int:
    """The pairs after which it fails, where so many percent differ."""
    at = range(1, 100_000)
    return at[
        bisect_left(
            at, True, key=lambda n: parity(of(n, n * percent // 100, share=share)).verdict is FAIL
        )
    ]


def test_it_fails_as_soon_as_the_decision_record_says() -> None:
    assert [least_fail(percent) for percent in (1, 5)] == [400, 80]
    assert [least_fail(percent, share=1) for percent in (1, 5)] == [600, 120]


@given(st.integers(0, 3), st.integers(1, 10**9))
def test_three_mismatches_are_an_accident_however_few_the_pairs(bad: int, pairs: int) -> None:
    assert parity(of(max(bad, pairs), bad)).verdict is not FAIL


def test_four_mismatches_out_of_four_are_none() -> None:
    assert parity(of(4, 4)).verdict is FAIL


def test_a_fail_over_noise_that_nobody_measured_says_so() -> None:
    found = parity(of(1_000, 12))
    assert found.verdict is FAIL
    assert found.message.endswith("; control's own noise was not measured")


def test_what_control_does_alone_as_often_is_no_mismatch() -> None:
    found = parity(of(100_000, 600, noise=600, share=1))
    assert found.verdict is INCONCLUSIVE
    assert found.low_percent < 0 < found.high_percent


def test_one_of_the_copies_drawn_stands_for_all() -> None:
    found = parity(of(100_000, 600, noise=60, share=0.1))
    assert found.verdict is INCONCLUSIVE
    assert found.low_percent < 0 < found.high_percent


def test_a_comparison_that_is_mostly_noise_never_passes() -> None:
    many = 10_000
    [found] = judge(of(many, share=1, hidden=many)).results
    assert found.high_percent < Tolerances().mismatch_percent
    assert found.verdict is INCONCLUSIVE
    assert "in 10,000 of 10,000 pairs control differs from itself too" in found.message
    assert "leave out what is noisy by a rule" in found.message
    assert judge(of(many, share=1, hidden=many // 3)).verdict is PASS


def test_a_route_whose_users_are_all_on_control_is_judged_by_parity_alone() -> None:
    judgement = judge(of(6_000))
    assert [result.criterion for result in judgement.results] == ["parity"]
    assert judgement.verdict is PASS


FAULTS: dict[str, tuple[Scores, Verdict]] = {
    "none": (Scores(1_000, share=1), PASS),
    "as many as control alone": (Scores(1_000, worse=60, better=60, share=1), INCONCLUSIVE),
    "more than control": (Scores(1_000, worse=60, better=6, share=1), FAIL),
    "fewer than control": (Scores(1_000, better=6, share=1), PASS),
}


@pytest.mark.parametrize(("asked", "verdict"), FAULTS.values(), ids=FAULTS)
def test_faults_are_held_against_controls_of_the_same_requests(
    asked: Scores, verdict: Verdict
) -> None:
    judgement = judge(of(6_000, asked=asked))
    assert [result.criterion for result in judgement.results] == ["parity", "faults"]
    assert judgement.results[1].verdict is verdict
    assert judgement.verdict is verdict, "parity passes, so faults decide"


def test_one_finding_that_fails_fails_the_route() -> None:
    assert judge(Counts(asked=Scores(100, worse=100))).verdict is FAIL
    assert judge(of(1_000, 100, asked=Scores(1_000))).verdict is FAIL


def test_where_control_was_not_asked_for_what_the_candidate_answers_it_is_said() -> None:
    judgement = judge(of(6_000, asked=Scores(100, worse=50)))
    assert judgement.message.endswith("; control was not asked for what the candidate answers")


def test_a_hundred_thousand_refusals_prove_nothing() -> None:
    judgement = judge(of(100_000, refused=100_000))
    assert [result.verdict for result in judgement.results] == [PASS, INCONCLUSIVE]
    assert judgement.verdict is INCONCLUSIVE
    assert judgement.results[1].message == (
        "INCONCLUSIVE: 0 of 100,000 pairs have content (0 empty, 100,000 refused); "
        "about 3,600 with content and none suspect would pass"
    )


def test_a_pass_takes_as_many_pairs_with_content_as_if_there_were_no_others() -> None:
    needed = pairs_needed(0.1)
    assert judge(of(needed + 90, empty=40, refused=50)).verdict is PASS
    assert judge(of(needed + 89, empty=40, refused=50)).verdict is INCONCLUSIVE


@given(st.integers(0, 10**6), st.integers(0, 10**6), st.integers(0, 10**4), st.integers(0, 10**4))
def test_refusals_never_turn_a_verdict_into_a_pass(
    content: int, refused: int, bad: int, unsettled: int
) -> None:
    bad = min(bad, content)
    alone = judge(of(content, bad))
    diluted = judge(
        of(
            content + refused,
            bad,
            refused=refused,
            first_sights=min(unsettled, content),
            unsettled=min(unsettled, content),
        )
    )
    assert alone.verdict is PASS or diluted.verdict is not PASS


def test_first_sights_fail_nobody_and_have_a_bound_of_their_own() -> None:
    judgement = judge(of(10_000, first_sights=500))
    assert judgement.verdict is PASS
    assert judgement.message.endswith(
        "; 500 differed at first sight alone (0 unsettled), at most 5.9 %"
    )


def test_where_control_may_not_be_asked_twice_what_differs_neither_fails_nor_passes() -> None:
    judgement = judge(of(10_000, first_sights=500, unsettled=500))
    assert judgement.verdict is INCONCLUSIVE
    assert judge(of(10_000, first_sights=1, unsettled=1)).verdict is PASS


def test_evidence_of_too_few_hours_passes_nothing() -> None:
    counts, day = of(10_000, hours=3), Tolerances(minimum_hours=24)
    assert judge(counts, day).verdict is INCONCLUSIVE
    assert judge(counts, day).message.endswith("; of 3 hours, and 24 are asked for")
    assert judge(replace(counts, hours=24), day).verdict is PASS
    bad = of(10_000, 500, hours=3)
    assert judge(bad, day).verdict is FAIL, "what is bad is so at once"


WORDS: dict[str, tuple[dict[str, Any], str]] = {
    "nothing": ({}, "INCONCLUSIVE: no pairs yet; about 3,600 good ones would pass"),
    "a pass": (
        {"pairs": 6_000},
        "PASS: 0 of 6,000 pairs differ; at most 0.059 % (95 % sure), tolerance 0.1 %",
    ),
    "a fail": (
        {"pairs": 1_000, "mismatches": 360, "noise": 60, "share": 1},
        "FAIL: 360 of 1,000 pairs differ, control alone in 60 of 1,000; "
        "at least 23 % more (95 % sure), tolerance 0.1 %",
    ),
    "a few more": (
        {"pairs": 3_000},
        "INCONCLUSIVE: 0 of 3,000 pairs differ; at most 0.12 % (95 % sure), tolerance 0.1 %; "
        "about 510 more pairs at these rates decide",
    ),
    "too near": (
        {"pairs": 100_000, "mismatches": 100},
        "INCONCLUSIVE: 100 of 100,000 pairs differ; between 0.069 % and 0.14 % (each 95 % sure), "
        "tolerance 0.1 %; at these rates no number of pairs decides",
    ),
}


@pytest.mark.parametrize(("counted", "words"), WORDS.values(), ids=WORDS)
def test_it_speaks_in_sentences(counted: dict[str, Any], words: str) -> None:
    assert judge(of(**counted)).message == words


def test_bounds_in_words_are_rounded_outwards() -> None:
    just_over = pairs_needed(0.1) - 1
    assert "at most 0.11 %" in parity(of(just_over)).message
    assert "at most 0.10 %" in parity(of(just_over + 1)).message


@pytest.mark.parametrize(("bad", "share"), [(0, 0), (2, 0), (3, 0), (2, 0.1), (5, 1)])
def test_as_many_more_pairs_decide_as_the_words_say(bad: int, share: float) -> None:
    found = re.search(r"about ([\d,]+) more pairs", parity(of(1_000, bad, share=share)).message)
    assert found, "one that is not decided yet"
    more = int(found[1].replace(",", ""))
    for times, is_decided in ((1 + more / 1_000, True), (1 + 0.8 * more / 1_000, False)):
        later = of(1_000 * times, bad * times, share=share)
        assert (parity(later).verdict is not INCONCLUSIVE) is is_decided


@pytest.mark.parametrize(("bad", "share"), [(0, 0), (2, 0), (3, 0), (2, 0.1), (5, 1)])
def test_that_number_is_there_for_machines_too(bad: int, share: float) -> None:
    more = parity(of(1_000, bad, share=share)).needed
    assert more
    for needed, is_decided in ((more, True), (more - 1, False)):
        times = 1 + needed / 1_000
        later = of(1_000 * times, bad * times, share=share)
        assert (parity(later).verdict is not INCONCLUSIVE) is is_decided


def test_where_it_is_decided_none_are_needed_and_where_no_number_decides_none_is_said() -> None:
    assert [result.needed for result in judge(of(6_000)).results] == [0]
    assert [result.needed for result in judge(of(6_000, 60)).results] == [0]
    assert parity(of()).needed == pairs_needed(0.1)
    assert judge(of(6_000, hidden=5_000)).results[0].needed is None
    content = judge(of(6_000, empty=5_000)).results[1]
    assert content.needed == pairs_needed(0.1) - 1_000


REFUSED: dict[str, dict[str, Any]] = {
    "total=-1": {"compared": (Scores(-1),)},
    "total=2, worse=3": {"compared": (Scores(2, worse=3),)},
    "worse=1, better=2": {"compared": (Scores(2, worse=1, better=2, share=1),)},
    "worse=-1": {"asked": Scores(1, worse=-1)},
    "total=nan": {"compared": (Scores(math.nan),)},
    "a share is from 0 to 1": {"compared": (Scores(1, share=5),)},
    "empty=3 and pairs=2": {"compared": (Scores(2),), "empty": 3},
    "hidden=3 and pairs=2": {"compared": (Scores(2),), "hidden": 3},
    "unsettled=1 and first_sights=0": {"compared": (Scores(2),), "unsettled": 1},
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
    both = raw * noise // total
    risen = of(total, raw - both, noise=noise - both, share=1, hidden=both)
    assert parity(risen).verdict is FAIL


def test_2_in_10_000_without_any_noise_fail_in_time_that_diffy_hides_for_ever() -> None:
    found = []
    for total in (10_000, 300_000, 100_000_000):
        assert hidden_by_diffy(total // 5_000, 0, total)
        clean = of(total, total // 5_000, share=1)
        found.append(parity(clean, mismatch_percent=0.01).verdict)
    assert found == [INCONCLUSIVE, FAIL, FAIL]
