"""Requests that failed or differ, by their traces: what the logs say, and what X-Ray kept."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from shadowctl.log_query import Line, trace_id
from shadowctl.traces import Trace, Traces, kept, said

AT = datetime(2030, 1, 7, 9, tzinfo=UTC)
ONE, TWO, THREE, FOUR = (f"1-5759e988-{number:024x}" for number in (1, 2, 3, 4))


def line(trace: str, seconds: int = 0, **fields: Any) -> Line:
    return Line(AT + timedelta(seconds=seconds), {"trace": f"Root={trace}", **fields})


def test_a_request_is_told_once_with_all_that_became_of_it() -> None:
    found = said(
        [
            line(ONE, Variant="candidate", Requests=[1], Faults=[1], Timeouts=[1]),
            line(ONE, 1, Fallbacks=[1]),
            line(ONE, 2, message="mismatch", differences=[{"path": f"$.{n}"} for n in "abcd"]),
            line(TWO, Variant="control", Faults=[1]),
            line(THREE, Variant="control", Requests=[1], Faults=[0]),
            line(FOUR, Variant="candidate", Faults=[1], ShortCircuited=[1], Fallbacks=[1]),
        ]
    )
    assert found == {
        ONE: (
            AT + timedelta(seconds=2),
            [
                "candidate failed",
                "the candidate was late",
                "control stood in",
                "differs at $.a, $.b, $.c and more",
            ],
        ),
        TWO: (AT, ["control failed"]),
        FOUR: (
            AT,
            ["the candidate was not asked: its circuit is open", "control stood in"],
        ),
    }


def test_a_request_that_was_in_no_trace_is_told_by_its_own_id() -> None:
    without = Line(AT, {"trace": "", "request_id": "r1", "Fallbacks": [1]})
    assert said([Line(AT, {"Faults": [1]}), without]) == {"r1": (AT, ["control stood in"])}


@pytest.mark.parametrize(
    ("header", "id_"),
    [(f"Root={ONE};Parent=5;Sampled=1", ONE), (f"Self=1-2;Root={ONE}", ONE), ("", ""), ("x", "")],
    ids=["first", "behind another", "none", "something else"],
)
def test_the_id_of_a_trace_is_its_root(header: str, id_: str) -> None:
    assert trace_id(header) == id_


def document(name: str, start: float, end: float, **more: Any) -> dict[str, Any]:
    return {"id": "0" * 16, "name": name, "start_time": start, "end_time": end, **more}


def xray() -> Any:
    return boto3.client(
        "xray", region_name="eu-central-1", aws_access_key_id="a", aws_secret_access_key="b"
    )


def test_what_x_ray_kept_says_who_took_how_long_and_who_failed() -> None:
    client = xray()
    segments = [
        document("get-user", 5.0, 5.4, http={"response": {"status": 200}}),
        document(
            "get-user",
            5.0,
            5.4,
            subsegments=[
                document("candidate", 5.0, 5.25, fault=True, annotations={"status": 502}),
                document("control", 5.3, 5.31, annotations={"status": 200}),
            ],
        ),
    ]
    trace = {
        "Id": ONE,
        "Segments": [{"Id": "s", "Document": json.dumps(each)} for each in segments],
    }
    with Stubber(client) as stubbed:
        stubbed.add_response("batch_get_traces", {"Traces": [trace]}, {"TraceIds": [ONE, TWO]})
        found, notice = kept(client, [ONE, TWO])
    assert [*map(str, found[ONE])] == [
        "get-user 400 ms answered 200",
        "get-user 400 ms",
        "candidate 250 ms answered 502, fault",
        "control 10 ms answered 200",
    ]
    assert notice == "X-Ray kept nothing of 1: it keeps a sample"


def test_five_traces_are_asked_for_at_a_time() -> None:
    client, ids = xray(), [f"1-5759e988-{number:024x}" for number in range(7)]
    with Stubber(client) as stubbed:
        for some in (ids[:5], ids[5:]):
            stubbed.add_response("batch_get_traces", {"Traces": []}, {"TraceIds": some})
        assert kept(client, ids)[0] == {}
        stubbed.assert_no_pending_responses()


def test_where_there_is_no_x_ray_it_is_said_and_where_one_may_not_look_it_fails() -> None:
    client = xray()
    with Stubber(client) as stubbed:
        stubbed.add_client_error("batch_get_traces", "InvalidAction")
        assert kept(client, [ONE]) == ({}, "there is no X-Ray here: the logs tell what is known")
        stubbed.add_client_error("batch_get_traces", "AccessDeniedException")
        with pytest.raises(ClientError):
            kept(client, [ONE])


def test_a_trace_that_was_kept_has_a_link_to_it() -> None:
    there = Trace(ONE, AT, ["control failed"], "https://there", parts=[])
    gone = Trace(TWO, AT, ["control failed"], "https://gone", parts=None)
    shown = "\n".join(map(str, Traces("Shop/a", AT, [there, gone], 9, "a notice").shown()))
    assert "9 requests that failed or differ since 2030-01-07 09:00 UTC, the newest 2" in shown
    assert "https://there" in shown
    assert "https://gone" not in shown
    assert shown.endswith("a notice")
    assert gone.document()["parts"] is None
