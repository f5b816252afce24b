"""What holds for any two answers and any rules."""

import json
import random
from datetime import timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from shadow_runtime.compare import Kind, Rules, Tolerance, Verdict, compare
from shadow_runtime.http import Response
from tests.runtime.compared import of

KEYS = st.sampled_from(["id", "name", "tags", "price", "at", "a b"]) | st.text(max_size=3)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(min_value=-2, max_value=2)
    | st.integers()
    | st.floats()
    | st.sampled_from(["", "Ada", "ADA ", "2024-01-01T00:00:00Z", "2024-01-01T00:00:01+00:00"])
    | st.text(max_size=4)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
PATHS = st.lists(
    st.sampled_from([".id", ".name", ".tags", ".price", ".at", ".*", ".**", "[*]", "[0]"]),
    max_size=3,
).map(lambda steps: "$" + "".join(steps))
SOME_PATHS = st.lists(PATHS, max_size=2)
RULES = st.builds(
    Rules,
    ignore=SOME_PATHS,
    unordered=SOME_PATHS,
    keyed=st.dictionaries(PATHS, st.sampled_from(["id", "name"]), max_size=1),
    numeric=st.dictionaries(
        PATHS, st.sampled_from([Tolerance(absolute=1), Tolerance(relative=0.1)]), max_size=2
    ),
    timestamps=st.dictionaries(PATHS, st.just(timedelta(seconds=5)), max_size=1),
    fold=SOME_PATHS,
    null_is_absent=st.booleans(),
    equal_statuses=st.sampled_from([[], [{200, 204}]]),
    data_keys=SOME_PATHS,
    clear=SOME_PATHS,
    cap=st.integers(min_value=1, max_value=9) | st.just(50),
)
CONTENT_TYPES = st.sampled_from(["application/json", "application/problem+json", "text/plain"])
BODIES = (
    VALUES.map(json.dumps)
    | st.text(max_size=10)
    | st.binary(max_size=10)
    | st.sampled_from(["[" * 5000, "[" * 800 + "]" * 800, "nul", "NaN", "9" * 5000, "-"])
)
RESPONSES = st.builds(
    Response,
    status=st.sampled_from([200, 204, 404, 500]),
    headers=st.dictionaries(st.just("Content-Type"), CONTENT_TYPES),
    body=BODIES,
)
SWAPPED = {Kind.MISSING: Kind.EXTRA, Kind.EXTRA: Kind.MISSING}


def shuffled(value: Any, dice: random.Random) -> Any:
    """The same value for who ignores the order of members, lists, and how numbers are written."""
    match value:
        case list():
            return dice.sample([shuffled(v, dice) for v in value], k=len(value))
        case dict():
            return {k: shuffled(value[k], dice) for k in dice.sample(list(value), k=len(value))}
        case int() if not isinstance(value, bool) and abs(value) < 2**50:
            return float(value)
    return value


@given(RESPONSES, RESPONSES, RULES)
def test_comparing_never_raises_and_always_renders(
    control: Response, candidate: Response, rules: Rules
) -> None:
    comparison = compare(control, candidate, rules)
    assert len(comparison.differences) <= rules.cap
    assert comparison.agrees <= (not comparison.differences)
    assert set(comparison.excused_by) <= set(rules.names)
    assert all(d.line(b"key").isprintable() for d in comparison.differences)
    assert comparison.fingerprint


@given(RESPONSES, RULES)
def test_an_answer_never_differs_from_itself(response: Response, rules: Rules) -> None:
    assert compare(response, response, rules).differences == ()


@given(VALUES, RULES)
def test_a_value_written_differently_never_differs_from_itself(value: Any, rules: Rules) -> None:
    control = Response.json(value)
    body = " " + json.dumps(value, indent=1, sort_keys=True)
    candidate = Response(status=200, headers=control.headers, body=body)
    assert compare(control, candidate, rules).verdict is Verdict.MATCHED


@given(VALUES, VALUES)
def test_without_rules_equal_is_what_json_calls_equal(control: Any, candidate: Any) -> None:
    alike = of(control, candidate, Rules()).agrees
    assert alike == (canonical(control) == canonical(candidate))


@given(VALUES, VALUES, RULES)
def test_swapping_the_sides_swaps_the_differences(
    control: Any, candidate: Any, rules: Rules
) -> None:
    there, back = of(control, candidate, rules), of(candidate, control, rules)
    assert there.verdict == back.verdict
    if not there.capped and not rules.numeric and not rules.timestamps:
        assert sorted((d.folded_path, d.kind) for d in there.differences) == sorted(
            (d.folded_path, SWAPPED.get(d.kind, d.kind)) for d in back.differences
        )


@given(VALUES, st.randoms(use_true_random=False), RULES)
def test_order_never_matters_where_every_list_is_unordered(
    value: Any, dice: random.Random, rules: Rules
) -> None:
    unordered = Rules(unordered=["$.**"], fold=rules.fold, numeric=rules.numeric)
    assert of(value, shuffled(value, dice), unordered).agrees


@given(st.lists(st.floats(min_value=0, max_value=9), max_size=9), st.data())
def test_numbers_within_tolerance_match_in_any_order(numbers: list[float], data: Any) -> None:
    near = [n + data.draw(st.floats(min_value=-0.9, max_value=0.9)) for n in numbers]
    moved = data.draw(st.permutations(near))
    rules = Rules(unordered=["$"], numeric={"$[*]": Tolerance(absolute=1)})
    assert of(numbers, moved, rules).agrees


@given(VALUES, VALUES, st.sampled_from(["id", "name", "tags"]))
def test_an_ignored_path_never_appears(control: Any, candidate: Any, key: str) -> None:
    differences = of(control, candidate, Rules(ignore=[f"$.**.{key}"], cap=1000)).differences
    assert not [d for d in differences if key in d.steps]


@given(VALUES, VALUES, RULES)
def test_rules_only_ever_excuse(control: Any, candidate: Any, rules: Rules) -> None:
    if of(control, candidate, Rules()).agrees:
        assert of(control, candidate, rules).agrees


def canonical(value: Any) -> Any:
    """An independent idea of JSON's equality."""
    match value:
        case bool() | None | str():
            return (type(value).__name__, value)
        case int() | float():
            return "number", str(value) if value != value else value
        case list():
            return [canonical(v) for v in value]
    return {k: canonical(v) for k, v in value.items()}
