"""The rows that a write leaves: compared by column, by the route's rules, and never shown."""

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shadow_runtime.compare import Rules, Tolerance, Verdict, compare
from shadow_runtime.http import Response
from tests.strategies import json_values

OK = Response.json({"id": "ada"})
ADA = {"name": "Ada", "plan": "team", "seen_at": "2026-01-01T00:00:00Z", "credit": 1.0}
ROWS = st.dictionaries(st.sampled_from(["a", "b", "c"]), json_values)


def differing(rules: Rules, *, control: Any = ADA, **changes: Any) -> list[str]:
    candidate = None if "none" in changes else {**ADA, **changes}
    found = compare(OK, OK, rules, [(control, candidate)])
    return sorted(difference.line() for difference in found.differences)


def test_a_column_that_differs_is_a_mismatch_though_the_answers_are_alike() -> None:
    assert compare(OK, OK, Rules(), [(ADA, dict(ADA))]).verdict is Verdict.MATCHED
    assert differing(Rules(), name="Eva", credit=2) == [
        "$rows.credit value float ≠ int",
        "$rows.name value str(3) ≠ str(3)",
    ]


def test_a_row_that_one_side_alone_has_is_a_difference_and_none_on_both_is_none() -> None:
    assert differing(Rules(), none=True) == ["$rows missing dict(4) ≠ absent"]
    assert differing(Rules(), control=None) == ["$rows extra absent ≠ dict(4)"]
    assert compare(OK, OK, Rules(), [(None, None)]).agrees


def test_of_several_records_each_is_compared() -> None:
    pairs = [(ADA, ADA), (ADA, {**ADA, "plan": "free"}), (ADA, None)]
    found = compare(OK, OK, Rules(), pairs)
    assert [each.path for each in found.differences] == ["$rows.plan", "$rows"]


RULES = {
    "ignore": Rules(ignore=["$rows.name"]),
    "fold": Rules(fold=["$rows.name"]),
    "shape": Rules(shape={"$rows.*": "[A-Za-z]+"}),
    "numeric": Rules(numeric={"$rows.credit": Tolerance(absolute=0.5)}),
    "timestamps": Rules(timestamps={"$rows.*_at": timedelta(seconds=5)}),
    "extra_allowed": Rules(extra_allowed=["$rows.more"]),
    "null_is_absent": Rules(null_is_absent=["$rows.**"]),
}
CHANGES: dict[str, dict[str, Any]] = {
    "ignore": {"name": "Eve"},
    "fold": {"name": "ADA"},
    "shape": {"name": "Eve"},
    "numeric": {"credit": 1.25},
    "timestamps": {"seen_at": "2026-01-01T00:00:04Z"},
    "extra_allowed": {"more": 1},
    "null_is_absent": {"more": None},
}


@pytest.mark.parametrize("kind", RULES)
def test_rules_hold_for_columns(kind: str) -> None:
    assert differing(Rules(), **CHANGES[kind])
    assert not differing(RULES[kind], **CHANGES[kind])


def test_a_rule_of_the_body_is_none_of_the_rows() -> None:
    assert differing(Rules(ignore=["$.**.name"], null_is_absent=True), name="Eve", more=None)
    other = Response.json({"id": "ada", "name": "Eve"})
    found = compare(Response.json({"id": "ada"}), other, Rules(ignore=["$rows.**"]), [(ADA, ADA)])
    assert found.places == {"$.name"}


def test_a_candidate_that_fails_is_an_error_whatever_it_left() -> None:
    failed = Response.error(500, "")
    assert compare(OK, failed, Rules(), [(ADA, ADA)]).verdict is Verdict.CANDIDATE_ERRORED


def test_rows_are_never_in_what_may_be_written() -> None:
    found = compare(OK, OK, Rules(), [(ADA, {**ADA, "name": "Eve"})])
    told = json.dumps([difference.record(b"key") for difference in found.differences])
    assert "Ada" not in told
    assert "Eve" not in told


@pytest.mark.parametrize("path", ["$rowsx.name", "$rows name", "$rows.", "rows.name", "$row.name"])
def test_what_is_no_path_of_a_column_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="is no path"):
        Rules(ignore=[path])


def test_rows_are_no_body_that_a_status_brings() -> None:
    with pytest.raises(ValueError, match="only bodies are compared"):
        Rules(equal_statuses={(404, 410): ["$rows.name"]})


@given(ROWS, ROWS)
def test_rows_agree_exactly_where_their_json_does(control: Any, candidate: Any) -> None:
    found = compare(OK, OK, Rules(), [(control, candidate)])
    bodies = compare(Response.json(control), Response.json(candidate), Rules())
    assert found.agrees == bodies.agrees
    assert {place.replace("$rows", "$", 1) for place in found.places} == bodies.places
