"""What is built once for this machine is built by one process, whoever else starts meanwhile."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from localaws import assembly


def test_two_environments_that_start_at_once_share_one_layer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    installed = list[Path]()
    both = threading.Barrier(2)

    def install(lock: Path, target: Path) -> None:
        target.mkdir(parents=True)
        (target / "package.py").touch()
        time.sleep(0.2)
        installed.append(target)

    def build(_: int) -> Path:
        both.wait()
        return assembly.built_layer("runtime.txt", folder=tmp_path)

    monkeypatch.setattr(assembly, "_install", install)
    with ThreadPoolExecutor(2) as threads:
        first, second = threads.map(build, range(2))
    assert first == second
    assert len(installed) == 1
    assert (first.parent / "packages" / "package.py").exists()
