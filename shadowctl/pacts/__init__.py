"""What a route's consumers rely on, as Pact has it: both sides are held to it by plain tests."""

from shadowctl.pacts.events import http_api, load_balancer, rest_api
from shadowctl.pacts.files import PactError
from shadowctl.pacts.kept import assert_pacts_kept

__all__ = ["PactError", "assert_pacts_kept", "http_api", "load_balancer", "rest_api"]
