"""The operator's command: stages, the embedded AWS, the demo, and what a pull request shows."""

import sys
from pathlib import Path

_CHECKOUT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(_CHECKOUT / root) for root in ("constructs", "lambdas")]
