"""Pact's own verifier: offline, without a broker, one pact at a time."""

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from shadowctl.pacts.files import PactError


def verify(
    document: Mapping[str, Any], url: str, states_url: str = "", *, timeout_s: float
) -> dict[str, list[str]]:
    """What of each interaction of `document` the provider at `url` does not keep, in words.

    By description. An interaction that is pending breaks nothing.

    Raises:
        PactError: Pact is not installed, or cannot read the document.
    """
    os.environ["PACT_DO_NOT_TRACK"] = "true"
    try:
        from pact import Verifier
    except ImportError as error:
        raise PactError("Pact is not installed here; `pip install shadow-canary[pacts]`") from error
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "pact.json")
        file.write_text(json.dumps(document))
        verifier = (
            Verifier(document["provider"]["name"], host="127.0.0.1")
            .add_transport(url=url)
            .add_source(file)
            .follow_redirects(False)
            .set_coloured_output(enabled=False)
            .set_request_timeout(round(1_000 * timeout_s))
        )
        if states_url:
            verifier.state_handler(states_url, body=True)
        try:
            verifier.verify()
        except RuntimeError:
            if not isinstance(verifier.results, dict):
                raise
    results: dict[str, Any] = verifier.results
    found = results.get("interactionResults", [])
    if not found:
        said = [each["mismatch"].get("message", "") for each in results.get("errors", [])]
        raise PactError(f"Pact cannot verify it: {'; '.join(said) or 'it names no interaction'}")
    return {each["description"]: [*_words(each)] for each in found}


def _words(result: Mapping[str, Any]) -> Iterator[str]:
    if result["result"] == "OK" or result.get("pending"):
        return
    mismatch = result.get("mismatch") or {}
    if "mismatches" not in mismatch:
        yield mismatch.get("message", "failed")
    for each in mismatch.get("mismatches", []):
        match each:
            case {"type": "StatusMismatch", "expected": expected, "actual": actual}:
                yield f"status: expected {expected}, was {actual}"
            case {"type": "HeaderMismatch", "key": key, "mismatch": words}:
                yield f"headers.{key.lower()}: {words}"
            case {"path": path, "mismatch": words}:
                yield f"{path}: {words}"
            case {"mismatch": words}:
                yield f"{words}"
            case _:
                yield json.dumps(each)
