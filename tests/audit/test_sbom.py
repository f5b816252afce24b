"""What a function is made of: whole, the same of the same commit, by CycloneDX's schema."""

import hashlib
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from analysis.lock import locked
from analysis.template import Stack, TemplateError
from shadowctl.sbom import sboms
from tests.checkout import ROOT
from tests.snapshot.conftest import Synthesis

LOCKS = ROOT / "lambdas" / "shadow_runtime" / "requirements"
VALIDATES = """
import sys
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

validator = JsonStrictValidator(SchemaVersion.V1_6)
errors = [error for path in sys.argv[1:] if (error := validator.validate_str(open(path).read()))]
sys.exit("\\n".join(map(repr, errors)) or 0)
"""


@pytest.fixture(scope="module")
def documents(assembly: Path) -> dict[str, str]:
    return dict(sboms(assembly))


def of(documents: dict[str, str], function: str) -> dict[str, Any]:
    [name] = [
        name for name in documents if re.match(rf"GetUser\.Service{function}[0-9A-F]{{8}}\.", name)
    ]
    document: dict[str, Any] = json.loads(documents[name])
    return document


def components(document: dict[str, Any], kind: str) -> dict[str, Any]:
    return {each["name"]: each for each in document["components"] if each["type"] == kind}


def test_every_function_has_one(documents: dict[str, str], assembly: Path) -> None:
    functions = [each for s in Stack.all_of(assembly) for each in s.all("AWS::Lambda::Function")]
    assert len(documents) == len(functions) > 20


def test_the_schema_of_cyclonedx_takes_each(
    documents: dict[str, str], tools: Path, tmp_path: Path
) -> None:
    for name, text in documents.items():
        (tmp_path / name).write_text(text)
    subprocess.run([tools / "python", "-c", VALIDATES, *tmp_path.iterdir()], check=True)


def test_a_document_that_is_none_is_refused(tools: Path, tmp_path: Path) -> None:
    (tmp_path / "a").write_text('{"bomFormat": "CycloneDX", "specVersion": "1.6", "components": 1}')
    ran = subprocess.run([tools / "python", "-c", VALIDATES, tmp_path / "a"], check=False)
    assert ran.returncode


def test_the_candidate_is_what_its_locks_say_and_the_route_has_no_database(
    documents: dict[str, str],
) -> None:
    candidate, route = (of(documents, function) for function in ("Candidate", "Route"))
    deployed = {
        each.name: each
        for lock in ("runtime.txt", "database.txt", "dataset.txt")
        for each in locked(LOCKS / lock)
        if "win32" not in each.marker
    }
    libraries = components(candidate, "library")
    assert {name: each["version"] for name, each in libraries.items()}.items() <= {
        name: each.version for name, each in deployed.items()
    }.items()
    assert {"boto3", "psycopg-binary", "sqlmodel"} <= libraries.keys()
    assert not {"psycopg", "sqlmodel", "tzdata"} & components(route, "library").keys()
    hashes = libraries["boto3"]["externalReferences"][0]["hashes"]
    assert [each["content"] for each in hashes] == [*deployed["boto3"].hashes]


def test_its_own_files_are_there_with_what_is_in_them(documents: dict[str, str]) -> None:
    files = components(of(documents, "Route"), "file")
    content = (ROOT / "lambdas/routes/get_user/control.py").read_bytes()
    assert files["routes/get_user/control.py"]["hashes"] == [
        {"alg": "SHA-256", "content": hashlib.sha256(content).hexdigest()}
    ]
    assert not [name for name in files if "__pycache__" in name]


def test_two_of_a_commit_are_equal_byte_for_byte(
    documents: dict[str, str], checkout: Path, synthesize: Synthesis
) -> None:
    assert dict(sboms(synthesize(checkout, TZ="Asia/Tokyo"))) == documents


def test_code_that_is_not_there_is_refused_by_name(assembly: Path, tmp_path: Path) -> None:
    shutil.copy(assembly / "GetUser.template.json", tmp_path)
    with pytest.raises(TemplateError, match=r"has code that is not in .*: synthesize it again"):
        dict(sboms(tmp_path))
