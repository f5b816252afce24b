"""A rule that could not work is refused, with what was found and what to write."""

import re
from datetime import UTC, timedelta
from typing import Any

import pytest

from shadow_runtime.compare import AllBut, Rules, Tolerance


@pytest.mark.parametrize(
    ("rules", "complaint"),
    [
        ({"ignore": "$.a"}, r"ignore takes several texts, got '\$.a'; write \['\$.a'\]"),
        ({"ignore": [1]}, "ignore takes texts, got 1"),
        ({"ignore": ["a.b"]}, r"ignore: 'a.b' is no path; write \$.user.name"),
        ({"fold": ["$.a["]}, "fold: .* is no path"),
        ({"keyed": ["$.a"]}, "keyed takes what to apply by path"),
        ({"keyed": {"$.a": None}}, "without one use unordered"),
        ({"numeric": {"$.a": 0.1}}, r"write Tolerance\(absolute=0.1\)"),
        ({"timestamps": {"$.a": 2}}, "a span of time is a timedelta of 0 or more, got 2"),
        ({"timestamps": {"$.a": timedelta(-1)}}, "timedelta of 0 or more"),
        ({"equal_statuses": [200, 204]}, r"groups of two statuses or more.* got 200"),
        ({"equal_statuses": [{200}]}, "groups of two"),
        ({"cap": 0}, "cap is a number of differences, 1 or more, got 0"),
        ({"cap": True}, "cap is a number"),
        ({"headers": "etag"}, "headers takes several texts"),
        ({"headers": ["Set-Cookie"]}, "set-cookie may hold a credential .* leave it out"),
        ({"headers": ["authorization"]}, "authorization may hold a credential"),
        ({"headers": ["*"]}, r"'\*' is no name of a header; write 'etag', or AllBut"),
        ({"headers": ["etag "]}, "'etag ' is no name of a header"),
        ({"headers": [""]}, "'' is no name of a header"),
        ({"ignore": ["headers.etag"]}, "no such header is compared; name it in headers="),
        ({"ignore": ["headers.a.b"], "headers": ["a"]}, "no such header is compared"),
        ({"headers": AllBut("date"), "ignore": ["headers.date"]}, "no such header is compared"),
        ({"ignore": ["headers.set-cookie"], "headers": AllBut()}, "no such header is compared"),
        ({"fold": ["headers.content-type"]}, "fold is never consulted for headers; use clear, ign"),
        (
            {"numeric": {"headers.age": Tolerance(absolute=1)}},
            "numeric is never consulted for headers",
        ),
        (
            {"timestamps": {"headers.date": timedelta(1)}},
            "timestamps is never consulted for headers",
        ),
        ({"unordered": ["headers.vary"]}, "unordered is never consulted"),
        ({"null_is_absent": ["headers.etag"]}, "null_is_absent is never consulted"),
        ({"numeric": {"status": Tolerance(absolute=4)}}, "numeric is never consulted for status"),
        ({"clear": ["status"]}, "clear is never consulted for status; use ignore"),
        ({"ignore": ["status.x"]}, "'status.x' is no path"),
        ({"ignore": ["$.a "]}, r"'\$.a ' is no path; .* \[\"a b\"\] for an odd key"),
        ({"ignore": [" $.a"]}, "is no path"),
        ({"ignore": ["$.a b"]}, "is no path"),
        ({"ignore": ["$.a\t"]}, "is no path"),
        ({"ignore": ["$ .a"]}, "is no path"),
        ({"ignore": ["$..a"]}, "is no path"),
        ({"ignore": ["$.a[-1]"]}, "is no path"),
        ({"ignore": ["$.a[01]"]}, "is no path"),
        ({"ignore": ["$.a**b"]}, "is no path"),
        ({"ignore": [r'$["\x"]']}, "is no path"),
        ({"ignore": [r'$["\ud800"]']}, "is no path"),
        ({"ignore": ['$["a\nb"]']}, "is no path"),
        ({"ignore": [r'$["\'"]']}, "is no path"),
        ({"ignore": [r"$['\"']"]}, "is no path"),
        ({"keyed": {"$": ()}}, r"the name of a member, or several, got \(\); without one use"),
        ({"keyed": {"$": "id "}}, "'id ' names no member; write id, owner.id"),
        ({"keyed": {"$": "a.*"}}, "names no member"),
        ({"keyed": {"$": ["id", 1]}}, "1 names no member"),
        ({"shape": ["$.a"]}, "shape takes what to apply by path"),
        ({"shape": {"$.a": "guid"}}, "'guid' is no shape; write uuid, url, cursor or a regular"),
        ({"shape": {"$.a": "("}}, "no regular expression for texts"),
        ({"shape": {"$.a": re.compile(b"a+")}}, "no regular expression for texts"),
        ({"shape": {"$.a": 5}}, "no regular expression for texts"),
        ({"zone": UTC}, "zone is a tzinfo .* for the paths of timestamps="),
        ({"zone": "UTC", "timestamps": {"$.a": timedelta(1)}}, "zone is a tzinfo .* got 'UTC'"),
        ({"null_is_absent": "$.a"}, "null_is_absent takes several texts"),
        ({"empty_is_absent": None}, "empty_is_absent takes several texts"),
        ({"equal_statuses": [{200, 500}]}, "statuses from 100 to 499, got 500: a fault"),
        ({"equal_statuses": [{200, 99}]}, "from 100 to 499, got 99"),
        ({"equal_statuses": {(404, 410): "$.code"}}, "takes several texts, got"),
        ({"equal_statuses": {(404, 410): ["code"]}}, "'code' is no path"),
        ({"equal_statuses": {(404, 410): ["headers.etag"]}}, r"only bodies are compared.*\$.code"),
        ({"equal_statuses": 200}, "equal_statuses takes groups of statuses, got 200"),
    ],
)
def test_a_rule_that_could_not_work_is_refused_with_a_remedy(
    rules: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        Rules(**rules)


@pytest.mark.parametrize(
    "tolerance", [{}, {"absolute": -1}, {"relative": 1}, {"absolute": float("inf")}]
)
def test_a_tolerance_that_makes_no_sense_is_refused(tolerance: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="tolerance"):
        Tolerance(**tolerance)


def test_all_headers_but_what_is_no_name_are_refused() -> None:
    with pytest.raises(ValueError, match=r"'x y' is no name of a header"):
        AllBut("x y")
