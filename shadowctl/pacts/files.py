"""What a pact file holds: interactions, each a request and what its consumer needs of the answer.

Of every version the same is read; what a matcher means is for Pact's own verifier to say:
https://github.com/pact-foundation/pact-specification
"""

import base64
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shadow_runtime.contract import ShadowCanaryError
from shadow_runtime.http import Response

VERSIONS = ("1", "2", "3", "4")


class PactError(ShadowCanaryError, ValueError):
    """A pact that nobody can keep or check: which, and what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interaction:
    """One request of a pact, in the `states` that it needs, each with parameters.

    `document` is a pact of this interaction alone, as its file has it.

    Example:
        >>> [asked] = interactions(Path("pacts"))  # doctest: +SKIP
        >>> f"{asked}"  # doctest: +SKIP
        "'the own record' (app-get-user.json)"
    """

    file: Path
    description: str
    states: tuple[tuple[str, Mapping[str, Any]], ...]
    method: str
    path: str
    document: Mapping[str, Any]

    def __str__(self) -> str:
        return f"{self.description!r} ({self.file.name})"

    @property
    def answer(self) -> Response:
        """The example that the consumer's test saw; without a body where any will do."""
        answer = self.document["interactions"][0].get("response", {})
        headers = {
            name.lower(): ", ".join(value) if isinstance(value, list) else value
            for name, value in (answer.get("headers") or {}).items()
        }
        body = answer.get("body")
        if self.document["metadata"]["pactSpecification"]["version"].startswith("4"):
            body, kind = _content(body or {})
            headers = {"content-type": kind, **headers} if kind else headers
        if "body" not in answer:
            body = ""
        elif not isinstance(body, str | bytes) or "json" in headers.get("content-type", "json"):
            body = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False)
        return Response(status=answer.get("status", 200), headers=headers, body=body)


def interactions(pacts: Path) -> list[Interaction]:
    """Those of a pact file, or of every one in a folder.

    Raises:
        PactError: there is none; a file is no pact, or has a version or a kind of interaction that
            cannot be verified here.
    """
    files = sorted(pacts.glob("*.json")) if pacts.is_dir() else [pacts]
    found = [each for file in files for each in _read(file)]
    if not found:
        raise PactError(
            f"{pacts} holds no pact; let a consumer's test write one there, such as app-orders.json"
        )
    return found


def _read(file: Path) -> Iterator[Interaction]:
    try:
        document = json.loads(file.read_bytes())
    except OSError as error:
        raise PactError(f"{file} cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise PactError(f"{file} is no JSON ({error}); let its consumer's test write it") from error
    match document:
        case {
            "consumer": {"name": str()},
            "provider": {"name": str()},
            "interactions": [_, *_] as held,
        }:
            pass
        case _:
            raise PactError(
                f"{file} is no pact: it names no consumer, no provider or no interactions; let its "
                "consumer's test write it"
            )
    version = {"pactSpecification": {"version": _version(file, document)}}
    whole = {**document, "metadata": {**document["metadata"], **version}}
    for number, each in enumerate(held, 1):
        yield _interaction(file, number, each, whole)


def _version(file: Path, document: Mapping[str, Any]) -> str:
    match document.get("metadata"):
        case {"pactSpecification": {"version": version}}:
            pass
        case {"pact-specification": {"version": version}}:
            pass
        case {"pactSpecificationVersion": version}:
            pass
        case _:
            version = None
    if not re.match(rf"({'|'.join(VERSIONS)})(\.|$)", f"{version}"):
        raise PactError(
            f"{file} has version {version!r} of the Pact specification, known are "
            f"{', '.join(VERSIONS)}: Pact would take it for version 3; say it in "
            "metadata.pactSpecification.version"
        )
    return f"{version}"


def _interaction(file: Path, number: int, held: Any, whole: Mapping[str, Any]) -> Interaction:
    match held:
        case {"type": str(kind)} if kind != "Synchronous/HTTP":
            raise PactError(
                f"interaction {number} of {file} is {kind}, and a route answers HTTP alone: take "
                "it out"
            )
        case {
            "description": str(description),
            "request": {"path": str(path), **request},
            "response": {**response},
        } if _is_answer(response):
            pass
        case _:
            raise PactError(
                f"interaction {number} of {file} lacks a description, a request with a path, or a "
                "response with a status and headers as they are; let its consumer's test write it"
            )
    method = request.get("method") or "GET"
    return Interaction(
        file=file,
        description=description,
        states=tuple(_states(file, number, held)),
        method=f"{method}".upper(),
        path=path,
        document={**whole, "interactions": [held]},
    )


def _is_answer(response: Mapping[Any, Any]) -> bool:
    status, headers = response.get("status", 200), response.get("headers") or {}
    return isinstance(status, int) and 100 <= status <= 599 and isinstance(headers, dict)


def _states(
    file: Path, number: int, held: Mapping[str, Any]
) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """From version 3 on there may be several, with parameters."""
    states = held.get("providerStates", held.get("providerState", held.get("provider_state")))
    for state in [states] if isinstance(states, str) else states or []:
        match state:
            case str(name):
                yield name, {}
            case {"name": str(name), "params": {**parameters}}:
                yield name, {f"{key}": value for key, value in parameters.items()}
            case {"name": str(name)}:
                yield name, {}
            case _:
                raise PactError(
                    f"interaction {number} of {file} needs {state!r}, which is no state: give it a "
                    "name"
                )


def _content(body: Mapping[str, Any]) -> tuple[Any, str]:
    """A body of version 4, and its media type."""
    content, encoded = body.get("content"), body.get("encoded")
    kind = body.get("contentType") or ""
    if encoded and isinstance(content, str):
        is_json = "json" in kind and encoded in ("JSON", "json")
        content = json.loads(content) if is_json else base64.b64decode(content)
    return content, kind
