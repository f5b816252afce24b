"""What each rule of a comparison excuses, and what it does not."""

import re
from datetime import UTC, timedelta, timezone
from typing import Any

import pytest

from shadow_runtime.compare import Rules, StaleRules, Tolerance, compare
from tests.runtime.compared import found, of, text


@pytest.mark.parametrize(
    "path",
    [
        "$",
        "$.**",
        "$.user",
        "$.user.**",
        "$.user.tags",
        "$.user.tags[1]",
        "$.user.tags[*]",
        "$.user.tags.*",
        "$.*.tags",
        "$.**.tags",
        "$.**.tags[1]",
        "$.**.**[1]",
        '$["user"].tags',
    ],
)
def test_a_path_reaches_what_it_says(path: str) -> None:
    rules = Rules(ignore=[path])
    assert found({"user": {"tags": [1, 2]}}, {"user": {"tags": [1, 9]}}, rules) == []


@pytest.mark.parametrize(
    "path",
    ["$.use", "$.user.tags[0]", "$[*].tags", "$.tags", "$.user.*.*.*", '$.user.tags["1"]'],
)
def test_a_path_reaches_nothing_else(path: str) -> None:
    control, candidate = {"a": 1, "user": {"tags": [1, 2]}}, {"a": 1, "user": {"tags": [1, 9]}}
    assert found(control, candidate, Rules(ignore=[path])) == ["$.user.tags[1] value"]


def test_an_odd_key_can_be_named() -> None:
    assert found({"a.b": 1}, {"a.b": 2}, Rules(ignore=['$["a.b"]'])) == []


def test_an_ignored_value_may_be_missing() -> None:
    assert found({"at": {"x": 1}}, {}, Rules(ignore=["$.at"])) == []


def test_ignored_elements_may_be_more_or_fewer() -> None:
    assert found([1, 2], [1], Rules(ignore=["$[*]"])) == []


def test_a_tolerance_is_reckoned_in_decimals() -> None:
    rules = Rules(numeric={"$[*]": Tolerance(absolute=0.01), "$.r": Tolerance(relative=0.1)})
    near = [(1, 1.01), (0.3, 0.29), (19.99, 20), (0, -0.01), (10**400, 10**400)]
    assert of([x for x, _ in near], [y for _, y in near], rules).agrees
    assert found([1, 10**400], [1.010001, 10**400 + 1], rules) == ["$[0] value", "$[1] value"]
    assert of({"r": 10}, {"r": 9}, rules).agrees
    assert not of({"r": 10}, {"r": 8.99}, rules).agrees


def test_numbers_may_be_apart_by_a_tolerance() -> None:
    rules = Rules(
        numeric={"$.a": Tolerance(absolute=0.5), "$.r": Tolerance(relative=0.1)},
    )
    assert found({"a": 1, "r": 100}, {"a": 1.5, "r": 109.0}, rules) == []
    assert found({"a": 1, "r": 100}, {"a": 1.6, "r": 120}, rules) == ["$.a value", "$.r value"]


@pytest.mark.parametrize("other", [True, "1", None, [1]])
def test_a_tolerance_is_for_numbers_alone(other: Any) -> None:
    assert found({"a": 1}, {"a": other}, Rules(numeric={"$.a": Tolerance(absolute=5)})) == [
        "$.a type"
    ]


@pytest.mark.parametrize(
    ("candidate", "is_near"),
    [
        ("2024-05-01T10:00:02Z", True),
        ("2024-05-01T12:00:00+02:00", True),
        ("2024-05-01T10:00:03Z", False),
        ("2024-05-01T10:00:00", False),
        ("yesterday", False),
    ],
)
def test_times_may_be_apart_by_a_span(candidate: str, is_near: bool) -> None:
    rules = Rules(timestamps={"$.at": timedelta(seconds=2)})
    assert of({"at": "2024-05-01T10:00:00Z"}, {"at": candidate}, rules).agrees is is_near


@pytest.mark.parametrize(
    ("control", "candidate", "microseconds", "is_near"),
    [
        ("10:00:00.123456789Z", "10:00:00.123456788Z", 0, False),
        ("10:00:00.123456789Z", "11:00:00.123456789+01:00", 0, True),
        ("10:00:00.1234567Z", "10:00:00.123456700Z", 0, True),
        ("10:00:00.123456999Z", "10:00:00.123458Z", 1, False),
        ("10:00:00.123457Z", "10:00:00.123458000Z", 1, True),
    ],
)
def test_times_are_told_apart_to_the_nanosecond(
    control: str, candidate: str, microseconds: int, is_near: bool
) -> None:
    rules = Rules(timestamps={"$": timedelta(microseconds=microseconds)})
    assert of(f"2024-05-01T{control}", f"2024-05-01T{candidate}", rules).agrees is is_near


def test_folded_text_may_differ_in_case_and_space() -> None:
    rules = Rules(fold=["$.name"])
    assert of({"name": " Ada\tLovelace"}, {"name": "ADA LOVELACE"}, rules).agrees
    assert not of({"name": "Ada L"}, {"name": "AdaL"}, rules).agrees


def test_null_may_be_absent_at_any_depth() -> None:
    control, candidate = {"a": {"b": None}, "c": 1}, {"a": {}, "c": 1, "d": None}
    assert of(control, candidate, Rules(null_is_absent=True)).agrees
    assert found(control, candidate, Rules()) == ["$.d extra", "$.a.b missing"]
    assert found({"a": None}, {"a": 0}, Rules(null_is_absent=True)) == ["$.a type"]


@pytest.mark.parametrize(
    ("rules", "is_excused"),
    [
        ({"null_is_absent": ["$.a"]}, {"null": True, "[]": False, '""': False, "0": False}),
        ({"null_is_absent": ["$.b"]}, {"null": False}),
        ({"empty_is_absent": ["$.a"]}, {"null": False, "[]": True, "{}": True, '""': True}),
        ({"empty_is_absent": True}, {"[]": True, '{"x": ""}': True, '{"x": 0}': False}),
        ({"empty_is_absent": True}, {'[""]': False, "false": False, '" "': False}),
        ({"null_is_absent": True, "empty_is_absent": True}, {'{"x": null}': True}),
        ({"empty_is_absent": ["$.a"], "ignore": ["$.a.at"]}, {'{"at": 1}': True}),
    ],
)
def test_nothing_may_be_absent_where_a_rule_says_so(
    rules: dict[str, Any], is_excused: dict[str, bool]
) -> None:
    for value, expected in is_excused.items():
        control, candidate = text(f'{{"a": {value}}}'), text("{}")
        assert compare(control, candidate, Rules(**rules)).agrees is expected
        assert compare(candidate, control, Rules(**rules)).agrees is expected


def test_two_sorts_of_nothing_are_alike_where_both_are_absent() -> None:
    rules = Rules(null_is_absent=["$.a"], empty_is_absent=["$.a"])
    assert of({"a": None}, {"a": []}, rules).excused_by == set(rules.names)
    assert found({"a": None}, {"a": []}, Rules(null_is_absent=True)) == ["$.a type"]


def test_a_value_that_must_be_present_may_be_any_of_its_type() -> None:
    rules = Rules(present=["$.id", "$.rows"])
    assert of({"id": 1, "rows": [1]}, {"id": 2.5, "rows": []}, rules).agrees
    assert found({"id": 1}, {"id": "1"}, rules) == ["$.id type"]
    assert found({"id": 1}, {"id": None}, rules) == ["$.id type"]
    assert found({"id": 1}, {}, rules) == ["$.id missing"]
    assert found({}, {"id": 1}, rules) == ["$.id extra"]


@pytest.mark.parametrize(
    ("shape", "control", "same", "other"),
    [
        (
            "uuid",
            "0e984725-c51c-4bf4-9960-e1c80e27aba0",
            "0E984725-C51C-4BF4-9960-000000000000",
            "7",
        ),
        ("url", "https://a.example/x?sig=1", "https://b.example/y", "/x"),
        ("cursor", "eyJpZCI6MX0=", "bm9uZQ", "two words"),
        (r"ord_\d+", "ord_1", "ord_22", "ord_22 "),
        (re.compile("[a-z]+", re.IGNORECASE), "abc", "XYZ", "x1"),
    ],
)
def test_texts_may_be_any_of_one_shape(
    shape: str | re.Pattern[str], control: str, same: str, other: str
) -> None:
    rules = Rules(shape={"$.a": shape})
    assert of({"a": control}, {"a": same}, rules).excused_by == set(rules.names)
    assert found({"a": control}, {"a": other}, rules) == ["$.a value"]
    assert found({"a": control}, {"a": 1}, rules) == ["$.a type"]
    assert found({"a": control}, {}, rules) == ["$.a missing"]


@pytest.mark.parametrize(
    ("control", "candidate", "agrees"),
    [
        ('"12.50"', "12.5", True),
        ("12.5", '"1.25e1"', True),
        ('"5"', '"5.0"', True),
        ('"007"', "7", True),
        ('"12.52"', "12.5", True),
        ('"12.6"', "12.5", False),
        ('"12,5"', "12.5", False),
        ('"12.5 "', "12.5", False),
        ('"NaN"', "NaN", False),
        ("true", '"1"', False),
    ],
)
def test_a_number_in_a_string_may_be_that_number(
    control: str, candidate: str, agrees: bool
) -> None:
    rules = Rules(as_number=["$"], numeric={"$": Tolerance(absolute=0.02)})
    assert compare(text(control), text(candidate), rules).agrees is agrees
    assert not compare(text(control), text(candidate)).agrees


@pytest.mark.parametrize(
    ("control", "candidate", "agrees"),
    [
        ("5", "5.0", False),
        ("5", "5e0", False),
        ("5.0", "5.00", True),
        ("5", "6", True),
        ("5", "5.5", False),
        ('"2024-01-01T00:00:00.000Z"', '"2024-01-01T00:00:01.000Z"', True),
        ('"2024-01-01T00:00:00.000Z"', '"2024-01-01T00:00:00Z"', False),
        ('"2024-01-01T00:00:00Z"', '"2024-01-01T01:00:00+01:00"', True),
        ('"2024-01-01T00:00Z"', '"2024-01-01T00:00:00Z"', False),
        ('"2024-01-01"', '"2024-01-01T00:00:00"', False),
    ],
)
def test_how_a_number_or_a_time_is_written_counts_where_a_rule_is_strict(
    control: str, candidate: str, agrees: bool
) -> None:
    lenient: dict[str, Any] = {
        "numeric": {"$": Tolerance(absolute=1)},
        "timestamps": {"$": timedelta(seconds=1)},
    }
    strict = Rules(strict=["$"], **lenient)
    assert compare(text(control), text(candidate), strict).agrees is agrees
    assert compare(text(control), text(candidate), Rules(**lenient)).agrees


def test_strictness_shows_what_kind_of_number_it_is() -> None:
    (difference,) = compare(text("[5]"), text("[5.0]"), Rules(strict=["$.**"])).differences
    assert str(difference) == "$[0] value int ≠ float"


@pytest.mark.parametrize(
    ("path", "control", "candidate", "agrees"),
    [
        ("$", {"a": 1}, {"a": 1, "b": 2}, True),
        ("$.b", {"a": 1}, {"a": 1, "b": 2}, True),
        ("$.a", {"a": 1}, {"a": 1, "b": 2}, False),
        ("$.**", {"a": {"x": 1}}, {"a": {"x": 1, "y": {}}, "b": []}, True),
        ("$", {"a": 1, "b": 2}, {"a": 1}, False),
        ("$", {"a": 1}, {"a": 2, "b": 2}, False),
        ("$", [1, 2], [1, 2, 3], True),
        ("$", [1, 2], [1, 3, 2], False),
        ("$[*]", [1, 2], [1, 2, 3], True),
        ("$[*]", [{"a": 1}], [{"a": 1, "b": 2}], True),
    ],
)
def test_the_candidate_may_add_where_a_rule_says_so(
    path: str, control: Any, candidate: Any, agrees: bool
) -> None:
    comparison = of(control, candidate, Rules(extra_allowed=[path]))
    assert comparison.agrees is agrees
    assert not agrees or comparison.excused_by == {f"extra_allowed {path}"}


@pytest.mark.parametrize("order", [{"unordered": ["$"]}, {"keyed": {"$": "id"}}])
def test_the_candidate_may_add_elements_anywhere_if_their_order_means_nothing(
    order: dict[str, Any],
) -> None:
    control = [{"id": i} for i in range(40)]
    candidate = [{"id": i, "new": True} for i in range(50)][::-1]
    rules = Rules(extra_allowed=["$", "$[*]"], **order)
    assert of(control, candidate, rules).agrees
    assert not of(candidate, control, rules).agrees


def test_times_without_a_zone_are_of_the_zone_that_a_rule_names() -> None:
    at = {"$.at": timedelta(0)}
    local, utc = {"at": "2024-07-01T12:00:00"}, {"at": "2024-07-01T10:00:00Z"}
    berlin = timezone(timedelta(hours=2))
    assert of(local, utc, Rules(timestamps=at, zone=berlin)).agrees
    assert of(local, local, Rules(timestamps=at, zone=berlin)).agrees
    assert not of(local, utc, Rules(timestamps=at, zone=UTC)).agrees
    assert not of(local, utc, Rules(timestamps=at)).agrees


@pytest.mark.parametrize(
    ("path", "name", "is_reached"),
    [
        ("$.**.*_at", "created_at", True),
        ("$.**.*_at", "_at", True),
        ("$.**.*_at", "created_at_all", False),
        ("$.**.x-*", "x-id", True),
        ("$.**.*id*", "order_ids", True),
        ("$.**.a*c*e", "abcde", True),
        ("$.**.a*c*e", "abcdef", False),
        ('$.**["*_at"]', "created_at", False),
        ('$.**["*_at"]', "*_at", True),
        ("$.**.*.*", "odd.key\n", True),
    ],
)
def test_a_pattern_names_every_member_that_it_fits(path: str, name: str, is_reached: bool) -> None:
    rules = Rules(ignore=[path])
    assert of({"a": {name: 1, "b": [7]}}, {"a": {name: 2, "b": [7]}}, rules).agrees is is_reached


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (r'$["a\"b"]', 'a"b'),
        (r"$['a\'b']", "a'b"),
        (r"$['a\"b']".replace("\\", ""), 'a"b'),
        (r'$["a\\b"]', r"a\b"),
        (r'$["\u00e9\n"]', "é\n"),
        (r'$["\ud83d\ude00"]', "😀"),
        ('$["a.b [*]"]', "a.b [*]"),
        ("$['']", ""),
        (r'$["\/"]', "/"),
    ],
)
def test_a_quoted_name_is_read_as_jsonpath_reads_it(path: str, name: str) -> None:
    assert of({name: 1}, {name: 2}, Rules(ignore=[path])).agrees


def test_an_ignored_index_ignores_that_index_alone() -> None:
    rules = Rules(ignore=["$[4]"])
    assert found([1, 2, 3, 4, 5], [1, 2, 3, 4, 9], rules) == []
    assert found([1, 2, 3, 4], [1, 2, 3, 4, 5], rules) == []
    assert found([1, 2, 3, 4], [1, 2, 3, 4, 5, 6, 7, 8], rules) == ["$ size"]
    assert found([1, 2, 3, 4, 5, 6], [1, 2, 3, 4, 9, 7], rules) == ["$[5] value"]
    assert found([1, 2, 3, 4], [1, 9, 3, 4, 4], rules) == ["$[1] value"]


@pytest.mark.parametrize(
    ("members", "control", "candidate", "agrees"),
    [
        (("sku", "size"), {"sku": 1, "size": "s"}, {"size": "s", "sku": 1.0}, True),
        ("owner.id", {"owner": {"id": 1}}, {"owner": {"id": 1}}, True),
        (["owner.id", "n"], {"owner": {"id": 1}, "n": 2}, {"owner": {"id": 1}, "n": 2}, True),
        ('["odd.key"]', {"odd.key": 1}, {"odd.key": 1}, True),
    ],
)
def test_objects_may_be_told_apart_by_several_members_and_nested_ones(
    members: Any, control: Any, candidate: Any, agrees: bool
) -> None:
    others = [{**control, "n": n, "size": n, "owner": {"id": -n}, "odd.key": n} for n in (7, 8)]
    rules = Rules(keyed={"$": members})
    comparison = of([control, *others], [*others[::-1], candidate], rules)
    assert comparison.excused_by == {"keyed $"}
    wrong = [{**others[0], "wrong": 1}, candidate, others[1]]
    assert found([control, *others], wrong, rules) == ["$[1].wrong extra"]


def test_ids_may_be_written_in_another_way_where_a_rule_says_so() -> None:
    control, candidate = ([{"id": i, "n": i} for i in ids] for ids in ([1, 2], ["2", "1"]))
    rules = Rules(keyed={"$": "id"}, as_number=["$[*].*"])
    assert of(control, candidate, rules).agrees
    assert found(control, candidate, Rules(keyed={"$": "id"}))[0] == "$[0] missing"


def test_a_member_that_no_element_has_is_reported() -> None:
    rules = Rules(keyed={"$.items": "uid", "$.rows": "id"})
    control, candidate = ({"items": [{"id": 1}, {"id": 2}], "rows": [{"id": n}]} for n in (1, 2))
    comparison = of(control, {**candidate, "items": control["items"][::-1]}, rules)
    assert comparison.unusable == {"keyed $.items: no element has uid"}
    assert {f"{d.path} {d.kind}" for d in comparison.differences} >= {"$.items order"}
    usage = StaleRules(rules).add(comparison)
    assert usage.after(1) == ("keyed $.items: no element has uid", "keyed $.rows")


def test_keys_in_the_answers_never_make_the_rules_grow() -> None:
    rules = Rules(ignore=["$.**.at"])
    of({f"k{i}": {"at": i} for i in range(500)}, {f"k{i}": {"at": -i} for i in range(500)}, rules)
    scopes = rules.scope._by_ends.values()
    assert len(scopes) < 6
    assert all(len(scope._next) < 4 for scope in scopes)


def test_places_where_the_same_rules_hold_share_one_scope() -> None:
    below = Rules(ignore=["$.**.at"]).scope.step("$")
    assert below.step("x") is below.step("y").step(3).step("z") is not below.step("at")
