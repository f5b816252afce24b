"""The new code, as the shadow imports it."""

from shadow_runtime.candidate import candidate
from tests.runtime.front_doors.sides import CANDIDATE

handler = candidate(CANDIDATE)
