"""The old code, as the shadow imports it."""

from shadow_runtime.migrating import migrating
from tests.runtime.front_doors.sides import CONTROL

handler = migrating(CONTROL)
