"""What differs, told to an operator: by kind, the commonest first, nothing that is not masked."""

import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from rich.console import Console

from shadow_runtime.compare import Rules, compare, mask
from shadow_runtime.http import Response
from shadowctl.diffs import Diffs, grouped
from shadowctl.log_query import Line

SINCE = datetime(2030, 1, 7, 9, tzinfo=UTC)
KEY = b"secret"


def line(minute: int, user: str, here: Any, there: Any, **fields: Any) -> Line:
    """As `shadow_runtime.shadow` writes one."""
    found = compare(Response.json(here), Response.json(there), Rules())
    said = {
        "message": "mismatch",
        "verdict": found.verdict,
        "fingerprint": found.fingerprint,
        "differences": [each.record(KEY) for each in found.differences],
        "user": mask(user, KEY),
        "answered_by": "control",
        "request_id": f"r{minute}",
        "trace": f"Root=1-5759e988-{minute:024x}",
        "sight": "confirmed",
    }
    return Line(SINCE + timedelta(minutes=minute), {**said, **fields})


NAMES = [line(9 - n, f"user-{n % 3}", {"name": "Grace"}, {"name": f"G{n}"}) for n in range(5)]
AGE = line(2, "ada", {"age": 41}, {"age": "41"}, sight="first", answered_by="candidate")


def printed(found: Diffs) -> str:
    screen = io.StringIO()
    console = Console(width=80, file=screen, highlight=False)
    for each in found.shown():
        console.print(each)
    return screen.getvalue()


def diffs(*lines: Line, user: str | None = None, is_cut: bool = False) -> Diffs:
    return Diffs("Shop/get-user", SINCE, user, {"compared": 5_000}, grouped(lines), is_cut)


def test_differences_are_told_by_kind_the_commonest_first_with_since_when_and_whom() -> None:
    names, age = grouped([*NAMES, AGE])
    assert (len(names.lines), len(names.users), names.sights) == (5, 3, {"confirmed": 5})
    assert (len(age.lines), age.answered_by) == (1, {"candidate": 1})
    told = names.document()
    assert told["first"] == (SINCE + timedelta(minutes=5)).isoformat()
    assert told["last"] == (SINCE + timedelta(minutes=9)).isoformat()
    assert [each["path"] for each in told["differences"]] == ["$.name"]
    assert len(told["examples"]) == 3


def test_people_and_machines_are_told_the_same_and_nothing_private() -> None:
    found = diffs(*NAMES, AGE)
    for said in (printed(found), json.dumps(found.document())):
        assert all(each.name in said for each in found.fingerprints)
        assert "$.name" in said
        assert "$.age" in said
        assert mask("ada", KEY) in said
        assert not any(private in said for private in ("Grace", "user-1", "G4"))


def test_a_screen_of_80_columns_holds_it() -> None:
    assert max(map(len, printed(diffs(*NAMES, AGE, is_cut=True)).splitlines())) <= 80


def test_many_places_and_many_lines_are_cut_with_word_of_it() -> None:
    wide = line(1, "ada", {f"f{n}": n for n in range(12)}, {f"f{n}": -n for n in range(12)})
    said = printed(diffs(wide, is_cut=True))
    assert "and 3 more" in said
    assert "there are older lines" in said


def test_where_nothing_differs_it_is_said() -> None:
    said = printed(diffs(user="str(3)#a1b2c3"))
    assert said.startswith("Shop/get-user: 0 kinds of difference of str(3)#a1b2c3 since 2030-01-07")
