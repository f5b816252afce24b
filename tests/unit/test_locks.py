"""What is installed is what was locked: by version and hash, and all of what is asked for."""

import re
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]

from analysis.lock import Locked, locked
from tests.checkout import ROOT

SHIPPED = ROOT / "lambdas" / "shadow_runtime" / "requirements"
ASKED = {
    "requirements.txt": ROOT / "constraints.txt",
    "requirements-dev.txt": ROOT / "constraints.txt",
    "requirements-audit.txt": ROOT / "constraints-audit.txt",
    **{
        f"{path.relative_to(ROOT)}": path.with_suffix(".txt")
        for path in sorted(SHIPPED.glob("*.in"))
    },
}


@pytest.mark.parametrize("asked", ASKED)
def test_every_requirement_is_locked_in_that_version(asked: str) -> None:
    pins = re.findall(
        r"^([\w.-]+)(?:\[[\w,-]+\])?==(\S+)", (ROOT / asked).read_text(), re.MULTILINE
    )
    versions = {each.name: each.version for each in locked(ASKED[asked])}
    assert pins
    assert {name: versions.get(name) for name, _ in pins} == dict(pins)


@pytest.mark.parametrize("lock", sorted({*ASKED.values()}), ids=lambda lock: lock.name)
def test_every_package_of_a_lock_has_hashes(lock: Path) -> None:
    assert all(each.hashes for each in locked(lock))


def test_both_locks_of_a_package_name_the_same_files() -> None:
    here = {each.name: each for each in locked(ROOT / "constraints.txt")}
    for lock in SHIPPED.glob("*.txt"):
        for each in locked(lock):
            assert (each.version, each.hashes) == (here[each.name].version, here[each.name].hashes)


def test_nothing_is_installed_for_development_that_no_hash_vouches_for() -> None:
    installs = re.findall(r"^\t.*pip install.*$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    unvouched = [line for line in installs if "--require-hashes" not in line]
    assert ["requirements-bench.txt" in line for line in unvouched] == [True]


def test_a_lock_is_read_with_its_markers_and_hashes(tmp_path: Path) -> None:
    (tmp_path / "lock.txt").write_text(
        "# by hand\n--index-url https://example.com\n"
        f"Py_YAML[a]==6.0 ; sys_platform == 'win32' \\\n    --hash=sha256:{'a' * 64} \\\n"
        f"    --hash=sha256:{'b' * 64}\nsix==1.17.0 --hash=sha256:{'c' * 64}  # why\n"
    )
    assert locked(tmp_path / "lock.txt") == [
        Locked("py-yaml", "6.0", "sys_platform == 'win32'", ("a" * 64, "b" * 64)),
        Locked("six", "1.17.0", "", ("c" * 64,)),
    ]


@pytest.mark.parametrize(
    "text", ["six==1.17.0", "six>=1 --hash=sha256:" + "a" * 64, "-r other.txt", "./six"]
)
def test_what_no_hash_vouches_for_is_no_lock(text: str, tmp_path: Path) -> None:
    (tmp_path / "lock.txt").write_text(text)
    with pytest.raises(ValueError, match="must lock each package by version and hash"):
        locked(tmp_path / "lock.txt")


def test_the_bot_renews_every_pin_and_every_lock() -> None:
    bot = yaml.safe_load((ROOT / ".github" / "dependabot.yml").read_text())
    renewed = {(each["package-ecosystem"], each["directory"]) for each in bot["updates"]}
    folders = {path.parent.relative_to(ROOT).as_posix() for path in ASKED.values()}
    assert renewed == {
        *(("uv", f"/{folder.removeprefix('.')}") for folder in folders),
        ("npm", "/"),
        ("github-actions", "/"),
    }
    assert all(each["groups"] for each in bot["updates"])
    assert "--universal" in (SHIPPED / "runtime.txt").read_text(), "the bot reads it there"
