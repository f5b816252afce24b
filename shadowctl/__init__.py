"""The operator's command: stages, the embedded AWS, the demo, and the diff for a pull request."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "lambdas"))
