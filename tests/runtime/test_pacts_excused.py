"""What a pact requires no rule of the route may excuse: the shadow would not see it break."""

import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shadow_runtime.candidate import candidate
from shadow_runtime.compare import AllBut, Rules, Tolerance
from shadow_runtime.http import Request, Response
from shadowctl.pacts import assert_pacts_kept
from shadowctl.pacts.excused import excused
from shadowctl.pacts.files import interactions
from tests.runtime.pact_files import JSON, v2, v3, v4, write

TYPE = {"match": "type"}
ORDER = {
    "id": "7",
    "total": 12.5,
    "tags": ["new", "paid"],
    "note": None,
    "at": "2026-01-05T09:00:00Z",
    "items": [{"name": "a pen", "price": 3}],
}
LOOSE = {
    "$.total": {"match": "number"},
    "$.tags": {"match": "type", "min": 1},
    "$.tags[*]": TYPE,
    "$.at": {"match": "regex", "regex": r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)"},
    "$.items": {"match": "type", "min": 1},
    "$.items[*].name": TYPE,
    "$.items[*].price": {"match": "integer"},
}


def found(tmp_path: Path, pact: Any, rules: Rules) -> list[str]:
    """The names of the rules that excuse what the pact requires."""
    [interaction] = interactions(write(tmp_path, pact))
    return [line.partition(": ")[0] for line in excused(interaction, rules, timeout_s=10)]


EXCUSED: dict[str, tuple[Any, Rules, str]] = {
    "a member that is left out": (v4(ORDER), Rules(ignore=["$.total"]), "ignore $.total"),
    "one of which any type will do": (
        v4(ORDER, rules=LOOSE),
        Rules(ignore=["$.total"]),
        "ignore $.total",
    ),
    "in whatever element": (
        v4(ORDER, rules=LOOSE),
        Rules(ignore=["$.items[*].name"]),
        "ignore $.items[*].name",
    ),
    "at any depth": (v4(ORDER, rules=LOOSE), Rules(ignore=["$.**.price"]), "ignore $.**.price"),
    "the whole body": (v4(ORDER, rules=LOOSE), Rules(ignore=["$"]), "ignore $"),
    "a value that is there in any form": (
        v4(ORDER),
        Rules(present=["$.id"]),
        "present $.id",
    ),
    "a number that may be another": (
        v4(ORDER),
        Rules(numeric={"$.total": Tolerance(absolute=0.01)}),
        "numeric $.total",
    ),
    "a number that is small beside it": (
        v4({"ratio": 1e-9}),
        Rules(numeric={"$.ratio": Tolerance(relative=1e-6)}),
        "numeric $.ratio",
    ),
    "a fraction of a whole number": (
        v4(ORDER, rules=LOOSE),
        Rules(numeric={"$.items[*].price": Tolerance(absolute=0.5)}),
        "numeric $.items[*].price",
    ),
    "a text for a number": (
        v4(ORDER, rules=LOOSE),
        Rules(as_number=["$.total"]),
        "as_number $.total",
    ),
    "a number for a text": (v4(ORDER), Rules(as_number=["$.id"]), "as_number $.id"),
    "a time that may be another": (
        v4(ORDER),
        Rules(timestamps={"$.at": timedelta(seconds=2)}),
        "timestamps $.at",
    ),
    "a time in another form": (
        v4(ORDER),
        Rules(timestamps={"$.at": timedelta(0)}),
        "timestamps $.at",
    ),
    "an order": (v4(ORDER), Rules(unordered=["$.tags"]), "unordered $.tags"),
    "an order of objects": (
        v4({"items": [{"id": 1}, {"id": 2}]}),
        Rules(keyed={"$.items": "id"}),
        "keyed $.items",
    ),
    "a case": (
        v4(ORDER),
        Rules(fold=["$.items[*].name"]),
        "fold $.items[*].name",
    ),
    "a form that is wider": (
        v4({"id": "A-17"}, rules={"$.id": {"match": "regex", "regex": "A-.*"}}),
        Rules(shape={"$.id": "[A-Z]-[0-9]+"}),
        "shape $.id",
    ),
    "a form that is wider in another way": (
        v4({"next": "abc"}, rules={"$.next": {"match": "regex", "regex": "[a-z]+"}}),
        Rules(shape={"$.next": "cursor"}),
        "shape $.next",
    ),
    "a body under an equal status": (
        v4(
            ORDER,
            matchingRules={"status": {"matchers": [{"match": "statusCode", "status": [200, 202]}]}},
        ),
        Rules(equal_statuses={(200, 202): ["$.id"]}),
        "equal_statuses 200, 202",
    ),
    "a cursor": (v4({"next": "abc"}), Rules(shape={"$.next": "cursor"}), "shape $.next"),
    "a null that must be there": (v4(ORDER), Rules(null_is_absent=True), "null_is_absent"),
    "an empty list that must be there": (
        v4({"tags": []}),
        Rules(empty_is_absent=["$.tags"]),
        "empty_is_absent $.tags",
    ),
    "an element more": (v4(ORDER), Rules(extra_allowed=["$.tags"]), "extra_allowed $.tags"),
    "a status": (
        v4(ORDER),
        Rules(equal_statuses=[{200, 203}]),
        "equal_statuses 200, 203",
    ),
    "a status without its body": (
        v4(ORDER),
        Rules(equal_statuses={(200, 204): []}),
        "equal_statuses 200, 204",
    ),
    "a media type": (
        v4(ORDER, headers={"Content-Type": ["application/json"]}),
        Rules(ignore=["headers.content-type"]),
        "ignore headers.content-type",
    ),
    "a header that has any value": (
        v4(ORDER, headers={"ETag": ["1"]}),
        Rules(headers=["etag"], present=["headers.etag"]),
        "present headers.etag",
    ),
    "a header that is not compared": (
        v4(ORDER, headers={"ETag": ["1"]}),
        Rules(),
        "a header that is not compared",
    ),
    "a header that is left out": (
        v4(ORDER, headers={"ETag": ["1"]}),
        Rules(headers=AllBut("etag")),
        "a header that is not compared",
    ),
    "a text": (v4("seven", kind="text/plain"), Rules(ignore=["$"]), "ignore $"),
    "of version 2": (
        v2({"status": 200, "headers": JSON, "body": ORDER}),
        Rules(ignore=["$.id"]),
        "ignore $.id",
    ),
    "of version 3": (
        v3(
            {
                "status": 200,
                "headers": JSON,
                "body": ORDER,
                "matchingRules": {"body": {"$.id": {"matchers": [TYPE]}}},
            }
        ),
        Rules(ignore=["$.id"]),
        "ignore $.id",
    ),
}


@pytest.mark.parametrize(("pact", "rules", "rule"), EXCUSED.values(), ids=EXCUSED)
def test_a_rule_that_excuses_what_a_pact_requires_is_named(
    tmp_path: Path, pact: Any, rules: Rules, rule: str
) -> None:
    assert rule in found(tmp_path, pact, rules)


FINE: dict[str, tuple[Any, Rules]] = {
    "no rule": (v4(ORDER), Rules()),
    "a member that no consumer reads": (v4(ORDER), Rules(ignore=["$.generated_at"])),
    "an order that means nothing to them either": (
        v4(ORDER, rules=LOOSE),
        Rules(unordered=["$.tags", "$.items"]),
    ),
    "a number of which any will do": (
        v4(ORDER, rules=LOOSE),
        Rules(numeric={"$.total": Tolerance(absolute=0.01)}),
    ),
    "a time of which any will do": (
        v4(ORDER, rules=LOOSE),
        Rules(timestamps={"$.at": timedelta(seconds=2)}),
    ),
    "a cursor of which any will do": (
        v4({"next": "abc"}, rules={"$.next": TYPE}),
        Rules(shape={"$.next": "cursor"}),
    ),
    "a member more": (v4(ORDER), Rules(extra_allowed=["$"])),
    "a header that is compared": (v4(ORDER, headers={"ETag": ["1"]}), Rules(headers=["etag"])),
    "a header that copies go without": (v4(ORDER, headers={"Set-Cookie": ["a=1"]}), Rules()),
    "an answer without a body": (v4(status=204), Rules(ignore=["$.id"])),
    "a body of which nothing is required": (
        {**v4(), "interactions": [{**v4()["interactions"][0], "response": {"status": 200}}]},
        Rules(ignore=["$"]),
    ),
    "a number that Pact reads as another": (
        v4({"a": 1.9674071520432887e-59}),
        Rules(ignore=["$.another"]),
    ),
    "a status that nobody is equal to": (v4(ORDER), Rules(equal_statuses=[{404, 410}])),
}


@pytest.mark.parametrize(("pact", "rules"), FINE.values(), ids=FINE)
def test_a_rule_that_excuses_what_no_consumer_needs_is_let_pass(
    tmp_path: Path, pact: Any, rules: Rules
) -> None:
    assert found(tmp_path, pact, rules) == []


def test_a_pact_of_a_thousand_elements_is_looked_through_in_seconds(tmp_path: Path) -> None:
    some = [{"id": number, "name": f"pen {number}", "price": number / 7} for number in range(1_000)]
    body = {"items": some, "by_id": {f"{each['id']}": each for each in some}}
    rules = Rules(ignore=["$.items[*].name"], numeric={"$.by_id.*.price": Tolerance(absolute=1)})
    started = time.monotonic()
    assert found(tmp_path, v4(body), rules) == ["ignore $.items[*].name", "numeric $.by_id.*.price"]
    assert time.monotonic() - started < 60  # on a busy machine; every place would take far longer


def test_what_the_rules_of_the_candidate_excuse_fails_the_test_of_the_route(
    tmp_path: Path,
) -> None:
    @candidate(rules=Rules(ignore=["$.total"]))
    def new(_: Request) -> Response:
        return Response.json({"id": "7", "total": 12.5})

    file = write(tmp_path, v4({"id": "7", "total": 12.5}, rules={"$.total": {"match": "number"}}))
    with pytest.raises(AssertionError) as raised:
        assert_pacts_kept(new.__wrapped__, new, file, answers="GET /orders/{id}")
    what, line = str(raised.value).splitlines()
    assert what == "the rules excuse what 'a wish' (app-orders.json) requires"
    assert line == "    ignore $.total: $: Actual map is missing the following keys: total"


_NAMES = st.sampled_from("abc")
_LEAVES = (
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(-9, 9) | st.text("xyz", max_size=3)
)
_BODIES = st.dictionaries(
    _NAMES,
    st.recursive(
        _LEAVES,
        lambda each: st.lists(each, max_size=2) | st.dictionaries(_NAMES, each, max_size=2),
        max_leaves=4,
    ),
    min_size=1,
    max_size=3,
)


@settings(max_examples=30)
@given(body=_BODIES, data=st.data())
def test_whatever_a_pact_says_to_the_letter_no_rule_may_leave_out(
    tmp_path_factory: pytest.TempPathFactory, body: dict[str, Any], data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from(sorted(body)))
    folder = tmp_path_factory.mktemp("pact")
    assert found(folder, v4(body), Rules(ignore=[f"$.{name}"])) == [f"ignore $.{name}"]
    assert found(folder, v4(body), Rules(ignore=["$.another"])) == []
