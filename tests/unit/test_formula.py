"""Metric math gives what CloudWatch's guide says, above all where datapoints are missing."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.metric_math import Formula, UnsupportedError


def series(text: str) -> np.ndarray:
    """Datapoints; `-` is a missing one."""
    return np.array([math.nan if point == "-" else float(point) for point in text.split()])


def evaluated(formula: str, **of: str) -> list[float]:
    given = {name: series(text) for name, text in of.items()}
    return list(Formula.parse(formula).evaluate(given))


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("a < b", "0 0 1 0"),
        ("a >= 30", "1 0 0 0"),
        ("a > 15 AND b > 15", "1 0 0 0"),
        ("a - b", "10 20 -20 0"),
        ("a / b", "1.5 - 0 -"),
        ("b / a", f"{2 / 3} 0 - -"),
        ("b + 1", "21 - 21 -"),
        ("1 - b", "-19 - -19 -"),
        ("-b", "-20 - -20 -"),
        ("b == b", "1 - 1 -"),
        ("b > 30 OR a > 15", "1 1 0 0"),
        ("b > 30 || a > 15 && b > 1", "1 0 0 0"),
        ("a ^ -1", f"{1 / 30} 0.05 - -"),
    ],
)
def test_a_missing_operand_counts_as_0_where_the_other_series_has_a_point(
    formula: str, expected: str
) -> None:
    found = evaluated(formula, a="30 20 0 0", b="20 - 20 -")
    assert found == pytest.approx(series(expected).tolist(), nan_ok=True)


def test_what_is_missing_in_both_series_stays_missing() -> None:
    assert evaluated("a + b", a="1 -", b="- -") == pytest.approx([1, math.nan], nan_ok=True)


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("IF(c, a, b)", "30 0 20 - -"),
        ("IF(c, 5, b)", "5 5 20 - -"),
        ("IF(c, a, 5)", "30 0 5 5 -"),
        ("IF(c, a)", "30 0 - - -"),
        ("IF(c - 1, a, b)", "0 0 0 0 -"),
    ],
)
def test_if_drops_and_zeroes_as_the_guide_does(formula: str, expected: str) -> None:
    found = evaluated(formula, c="1 1 0 0 -", a="30 - 0 0 30", b="0 0 20 - 20")
    assert found == pytest.approx(series(expected).tolist(), nan_ok=True)


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("FILL(b, 7)", "7 1 7 -2.5 7"),
        ("FILL(b, -1)", "-1 1 -1 -2.5 -1"),
        ("FILL(b, REPEAT)", "- 1 1 -2.5 -2.5"),
        ("FILL(none, 0)", "- - - - -"),
        ("ABS(b)", "- 1 - 2.5 -"),
        ("CEIL(b)", "- 1 - -2 -"),
        ("FLOOR(b)", "- 1 - -3 -"),
        ("MAX([a, b])", "0 1 3 4 -"),
        ("MIN([a, b])", "0 1 3 -2.5 -"),
        ("SUM([a, b, none])", "0 2 3 1.5 -"),
        ("AVG([a, b])", "0 1 1.5 0.75 -"),
        ("b + TIME_SERIES(0)", "0 1 0 -2.5 0"),
        ("none + TIME_SERIES(2 * 3)", "6 6 6 6 6"),
        ("IF(none + TIME_SERIES(0) >= 1 AND none >= 1, 5 / none, 0)", "0 0 0 0 0"),
    ],
)
def test_functions_know_missing_points(formula: str, expected: str) -> None:
    found = evaluated(formula, a="0 1 3 4 -", b="- 1 - -2.5 -", none="- - - - -")
    assert found == pytest.approx(series(expected).tolist(), nan_ok=True)


NAMES = ("a", "b", "c")
numbers = st.integers(0, 9).map(str)
sums = st.recursive(
    numbers | st.sampled_from(NAMES),
    lambda inner: (
        st.tuples(inner, st.sampled_from("+-*"), inner).map(" ".join)
        | inner.map("({})".format)
        | inner.map("-({}) ^ 2".format)
        | inner.map("2 * -{}".format)
    ),
    max_leaves=8,
)
comparisons = st.tuples(sums, st.sampled_from(["<", "<=", ">", ">=", "==", "!="]), sums)


@given(
    (sums | comparisons.map(" ".join)).filter(lambda text: any(name in text for name in NAMES)),
    st.tuples(*[st.integers(-5, 5)] * len(NAMES)),
)
def test_operators_bind_as_in_arithmetic(text: str, values: tuple[int, ...]) -> None:
    given = dict(zip(NAMES, values, strict=True))
    expected = eval(text.replace("^", "**"), {}, given)
    arrays = {name: np.array([float(value)]) for name, value in given.items()}
    assert Formula.parse(text).evaluate(arrays).tolist() == [float(expected)]


@pytest.mark.parametrize(
    ("formula", "expected"),
    [
        ("a OR b AND c", "1"),
        ("(a OR b) AND c", "0"),
        ("a + 1 > b * 2 AND a", "1"),
        ("2 ^ 3 ^ 2 + 0 * a", "512"),
        ("-a ^ 2", "-1"),
        ("2 * -a", "-2"),
        ("a < b < c", "0"),
        ("a - b - 1", "0"),
        (".5 * a + 1.25", "1.75"),
    ],
)
def test_and_binds_more_than_or_and_powers_from_the_right(formula: str, expected: str) -> None:
    assert evaluated(formula, a="1", b="0", c="0") == series(expected).tolist()


@pytest.mark.parametrize(
    ("formula", "complaint"),
    [
        ("RATE(m1)", "'RATE' at 0"),
        ("1 + SEARCH(x)", "'SEARCH' at 4"),
        ("METRICS()", "'METRICS' at 0"),
        ("ANOMALY_DETECTION_BAND(m1)", "'ANOMALY_DETECTION_BAND' at 0"),
        ("FILL(m1, LINEAR)", "'LINEAR' at 9"),
        ("FILL(m1, m2)", "'FILL' at 0"),
        ("if(m1, 1, 2)", "'if' at 0"),
        ("AND(m1, m2)", "'AND' at 0"),
        ("IF(m1)", "it takes series"),
        ("IF(1 > 2, m1)", "not number, series"),
        ("IF(m1, REPEAT)", "not series, REPEAT"),
        ("SUM(m1)", "it takes array of series, not series"),
        ("TIME_SERIES(m1)", "it takes number, not series"),
        ("SUM([m1, 1])", "'[' at 4"),
        ("[m1, m2] * 2", "'*' at 9"),
        ("[m1]", "of kind array"),
        ("1 + 1", "of kind number"),
        ("Errors", "'Errors' at 0"),
        ("m1 +", "the end at 4"),
        ("m1 m2", "'m2' at 3"),
        ("100m1", "'m1' at 3"),
        ("(m1", "the end at 3"),
        ("m1)", "')' at 2"),
        ("IF(m1, 1", "the end at 8"),
        ("m1 ! m2", "'!' at 3"),
        ("m1 = 2", "'=' at 3"),
        ("", "the end at 0"),
    ],
)
def test_fails_by_name_and_position_where_it_would_have_to_guess(
    formula: str, complaint: str
) -> None:
    with pytest.raises(UnsupportedError) as error:
        Formula.parse(formula)
    assert complaint in str(error.value)


points = st.floats(-1e6, 1e6) | st.just(math.nan)
grids = st.lists(st.lists(points, min_size=4, max_size=4), min_size=1, max_size=5).map(np.array)


@given(grids, grids)
@pytest.mark.parametrize(
    "formula", ["IF(a >= b AND b > 0, a / b, a ^ 2)", "FILL(a, REPEAT) - MAX([a, b])"]
)
def test_many_series_at_once_are_as_one_after_the_other(
    formula: str, a: np.ndarray, b: np.ndarray
) -> None:
    a, b = a[: len(b)], b[: len(a)]
    parsed = Formula.parse(formula)
    together = parsed.evaluate({"a": a, "b": b})
    each = [parsed.evaluate({"a": x, "b": y}) for x, y in zip(a, b, strict=True)]
    np.testing.assert_array_equal(together, np.array(each))


@given(grids, grids)
def test_no_formula_gives_an_infinity(a: np.ndarray, b: np.ndarray) -> None:
    a, b = a[: len(b)], b[: len(a)]
    assert not np.isinf(Formula.parse("a / b + b ^ a ^ 2").evaluate({"a": a, "b": b})).any()


def test_a_formula_names_its_metrics() -> None:
    text = "IF(requests + skipped >= 10, 100 * (faults + skipped) / (requests + skipped), 0)"
    assert Formula.parse(text).names == {"requests", "skipped", "faults"}
