"""A route for the shadow function to run, copies for it, and what it wrote."""

import importlib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shadow_runtime import shadow
from shadow_runtime.contract import Variable, Variant
from shadow_runtime.copies import Copy
from shadow_runtime.credentials import stripped
from shadow_runtime.front_doors import HTTP_API
from shadow_runtime.http import Request, Response
from shadow_runtime.sampling import AskedAgain, Deduplicator, LogSampler

CONTROL = """
from shadow_runtime.http import Request, Response
from shadow_runtime.migrating import migrating

@migrating(repeatable=True)
def handler(request: Request) -> Response:
    return Response.json({"name": "Ada", "asked": request.user})
"""
CANDIDATE = """
from shadow_runtime.candidate import candidate
from shadow_runtime.http import Request, Response

@candidate
def handler(request: Request) -> Response:
    if request.user == "broken":
        raise RuntimeError("secret message of ada@example.com")
    name = "Augusta" if request.user == "differs" else "Ada"
    return Response.json({"name": name, "asked": request.user})
"""
count = iter(range(1_000_000))


@pytest.fixture
def played_route(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder of its code."""
    package = f"played_{next(count)}"
    folder = tmp_path / package
    folder.mkdir()
    (folder / "control.py").write_text(CONTROL)
    (folder / "candidate.py").write_text(CANDIDATE)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv(Variable.ROUTE_PACKAGE, package)
    monkeypatch.setattr(shadow, "_masking_key", lambda: b"key")
    monkeypatch.setattr(shadow, "_deduplicator", Deduplicator())
    monkeypatch.setattr(shadow, "_log_sampler", LogSampler())
    monkeypatch.setattr(shadow, "_asked_again", AskedAgain())
    importlib.invalidate_caches()
    for cached in (shadow._route, shadow._usage):
        cached.cache_clear()
    yield folder
    for cached in (shadow._route, shadow._usage):
        cached.cache_clear()


def copied(
    user: str,
    *,
    variant: Variant = Variant.CONTROL,
    age_ms: float = 0,
    exposed: bool = False,
    is_recorded: bool = False,
    answer: Response | None = None,
    deadline_ms: int = 2_000,
    headers: dict[str, str] | None = None,
) -> dict[str, Any]:
    request = Request(method="GET", path="/users/me", user=user, headers=headers or {})
    event, withheld = stripped(HTTP_API.event(request))
    copy = Copy(
        event=event,
        withheld=tuple(withheld),
        user=user,
        id=str(next(count)),
        trace="",
        traceparent="",
        variant=variant,
        response=answer or Response.json({"name": "Ada", "asked": user}),
        exposed=exposed,
        is_recorded=is_recorded,
        candidate_version="7",
        deadline_ms=deadline_ms,
        sent_at=time.time() * 1_000 - age_ms,
    )
    payload: dict[str, Any] = json.loads(copy.payload())
    return payload


def metrics(captured: str, *by: str, **values: str) -> dict[str, float]:
    """The sums by route, and by further dimensions, of the `values` given for them."""
    found: dict[str, float] = {}
    for line in captured.splitlines():
        document = json.loads(line)
        for directive in document.get("_aws", {}).get("CloudWatchMetrics", []):
            asked = ["Route", *by] in directive["Dimensions"] and values.items() <= document.items()
            for metric in directive["Metrics"] if asked else []:
                found[metric["Name"]] = found.get(metric["Name"], 0) + sum(document[metric["Name"]])
    return found


def lines(captured: str) -> list[dict[str, Any]]:
    """What is told of copies, but that each was begun."""
    documents = [*map(json.loads, captured.splitlines())]
    return [line for line in documents if line.get("message") not in (None, "copy begun")]
