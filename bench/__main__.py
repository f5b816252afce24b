"""`make bench`: every contest in one run, as tables and in `bench/results.json`."""

import json
import time
from importlib.util import find_spec
from pathlib import Path

from bench.report import Line, console, missed, number

RESULTS = Path(__file__).parent / "results.json"


def main() -> None:
    """Measure everything; print the tables and what was missed, and write the lines."""
    if find_spec("pyperf") is None:
        raise SystemExit("the peers are missing: make bench installs requirements-bench.txt first")
    from bench import (
        cold_start,
        compare,
        compare_races,
        compare_shapes,
        compare_worst,
        control_path,
        decide,
        rehearse,
        waiting,
        writing,
    )

    started = time.monotonic()
    console.print("ratios are ours / peer: below 1, ours is faster or smaller\n")
    lines: list[Line] = []
    for part in (
        decide,
        control_path,
        compare,
        compare_worst,
        cold_start,
        waiting,
        rehearse,
        writing,
    ):
        lines += part.main()
    for table in (compare_shapes, compare_races):
        table.main()
    RESULTS.write_text(json.dumps(lines, indent=1, ensure_ascii=False) + "\n")
    console.print(
        _summary(lines), f"{time.monotonic() - started:.0f} s · bench/results.json", sep="\n"
    )


def _summary(lines: list[Line]) -> str:
    asked = sum(each["target"] is not None for each in lines)
    short = missed(lines)
    said = [f"{asked - len(short)} of {asked} targets met"]
    for each in short:
        said.append(
            f"missed: {each['name']} against {each['peer_name']}: "
            f"{number(each['ratio'])}, asked for ≤ {each['target']:g}"
        )
    return "\n".join(said)


if __name__ == "__main__":
    main()
