"""Requests as users send them, and what the functions counted of them."""

import secrets
import time
from typing import Any

import urllib3

from localaws.evidence import counted
from shadow_runtime.contract import Variant
from tests.local.deployed import Deployed, awaited


class Traffic:
    """Requests of one trace, and what the functions counted of them."""

    def __init__(self, deployed: Deployed, tokens: dict[str, str]) -> None:
        self._deployed = deployed
        self._tokens = tokens
        self._trace = f"Root=1-{int(time.time()):08x}-{secrets.token_hex(12)}"

    def get(self, user: str, times: int = 1) -> float:
        """Sees the user receive the own record; returns the longest wait in seconds."""
        return max(self._waited(user) for _ in range(times))

    def _waited(self, user: str) -> float:
        started = time.monotonic()
        answer = urllib3.request(
            "GET",
            f"{self._deployed.local.api_url}/users/me",
            headers={
                "Authorization": f"Bearer {self._tokens[user]}",
                "X-Amzn-Trace-Id": self._trace,
            },
            retries=False,
            timeout=15,
        )
        assert (answer.status, answer.json()["id"]) == (200, user)
        return time.monotonic() - started

    def counted(self, metric: str, least: float = 1, *, by: str = "Route", **of: str) -> float:
        """The metric's sum, once it has come to `least`; `of` are dimensions."""

        def seen() -> float:
            return sum(counted(line, metric, **of) for line in self._lines(by))

        return awaited(seen, least)

    def answered_by(self) -> str:
        """The side that was asked for the one request."""
        [side] = [
            variant for variant in Variant if self.counted("Requests", 0, Variant=variant) == 1
        ]
        return side

    def flag_age(self) -> float:
        """In seconds, at the one request."""
        [age] = {line["flag_age"] for line in self._lines("Route") if "flag_age" in line}
        return float(age)

    def _lines(self, function: str) -> list[dict[str, Any]]:
        lines = self._deployed.lines(function)
        return [line for line in lines if line.get("trace") == self._trace]
