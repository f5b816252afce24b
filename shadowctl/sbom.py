"""What each function of an app is made of, as CycloneDX: its files, and its locked packages.

Nothing is downloaded or installed, and neither a clock nor chance decides a document: two of one
commit are equal byte for byte. https://cyclonedx.org/docs/1.6/json/
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from packaging.markers import Marker

import shadow_runtime.contract as contract
from analysis.lock import Locked, locked
from analysis.template import LOCK, Resource, Stack, TemplateError
from shadowctl.synthesis import app_folder

SCHEMA = "http://cyclonedx.org/schema/bom-1.6.schema.json"
_LOCKS = Path(contract.__file__).parent / "requirements"
_ASSET = re.compile(r"[0-9a-f]{64}")
_MACHINES = {"arm64": "aarch64", "x86_64": "x86_64"}

Json = dict[str, Any]


def sboms(assembly: Path) -> Iterator[tuple[str, str]]:
    """A document for each Lambda function of a synthesized assembly, with a name for its file.

    Raises:
        TemplateError: a function's code is not in the assembly, or a layer's lock is not there.
    """
    for stack in Stack.all_of(assembly):
        for function in stack.all("AWS::Lambda::Function"):
            name = f"{(stack.path or stack.name).replace('/', '-')}.{function.logical_id}"
            document = _document(assembly, stack, function)
            yield f"{name}.cdx.json", json.dumps(document, indent=2, sort_keys=True) + "\n"


def _document(assembly: Path, stack: Stack, function: Resource) -> Json:
    own = f"{stack.path or stack.name}/{function.logical_id}"
    files = [*_files(assembly, function)]
    packages = [*_packages(stack, function)]
    runtime = function.get("Runtime")
    platform = [{"type": "platform", "name": runtime, "bom-ref": runtime}] if runtime else []
    libraries = {each.purl: _library(each) for each in packages}
    components = [*platform, *files, *(libraries[purl] for purl in sorted(libraries))]
    refs = [each["bom-ref"] for each in components]
    return {
        "$schema": SCHEMA,
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": own,
                "group": stack.path or stack.name,
                "name": function.logical_id,
                "version": hashlib.sha256(
                    "".join(json.dumps(each, sort_keys=True) for each in components).encode()
                ).hexdigest()[:16],
            }
        },
        "components": components,
        "dependencies": [{"ref": own, "dependsOn": refs}, *({"ref": ref} for ref in refs)],
    }


def _files(assembly: Path, function: Resource) -> Iterator[Json]:
    """The function's own code, file by file."""
    inline, key = function.get("Code", "ZipFile"), function.get("Code", "S3Key")
    if inline is not None:
        yield _file("index", str(inline).encode())
        return
    found = _ASSET.search(key) if isinstance(key, str) else None
    folders = [*assembly.rglob(f"asset.{found[0]}")] if found else []
    if not folders:
        raise function.refused(f"has code that is not in {assembly}: synthesize it again")
    for path in sorted(each for each in folders[0].rglob("*") if each.is_file()):
        if "__pycache__" not in path.parts:
            yield _file(path.relative_to(folders[0]).as_posix(), path.read_bytes())


def _file(name: str, content: bytes) -> Json:
    digest = hashlib.sha256(content).hexdigest()
    hashes = [{"alg": "SHA-256", "content": digest}]
    return {"type": "file", "bom-ref": f"file:{name}", "name": name, "hashes": hashes}


def _packages(stack: Stack, function: Resource) -> Iterator[Locked]:
    """What its layers are locked to, for the machine and the Python that it runs on."""
    here = _environment(function)
    for reference in function.get("Layers") or []:
        layer = stack.resolved(function, reference, "Layers")
        name = layer.metadata(LOCK)
        if name is None:
            raise layer.refused("says no lock: what is in it is not known; make it a LockedLayer")
        lock = app_folder() / name if name.startswith("./") else _LOCKS / name
        try:
            packages = locked(lock)
        except ValueError as error:
            raise TemplateError(str(error)) from error
        yield from (
            each for each in packages if not each.marker or Marker(each.marker).evaluate(here)
        )


def _environment(function: Resource) -> dict[str, str]:
    """Where a function runs, as markers of requirements ask for it (PEP 508)."""
    python = str(function.get("Runtime") or "python3.13").removeprefix("python")
    architectures: Sequence[str] = function.get("Architectures") or ["x86_64"]
    return {
        "implementation_name": "cpython",
        "implementation_version": f"{python}.0",
        "os_name": "posix",
        "platform_machine": _MACHINES.get(architectures[0], architectures[0]),
        "platform_python_implementation": "CPython",
        "platform_release": "",
        "platform_system": "Linux",
        "platform_version": "",
        "python_full_version": f"{python}.0",
        "python_version": python,
        "sys_platform": "linux",
    }


def _library(package: Locked) -> Json:
    """A package; the machine decides which of its files is installed, so each has its hash."""
    distribution = {
        "type": "distribution",
        "url": package.purl,
        "hashes": [{"alg": "SHA-256", "content": each} for each in package.hashes],
    }
    return {
        "type": "library",
        "bom-ref": package.purl,
        "name": package.name,
        "version": package.version,
        "purl": package.purl,
        "externalReferences": [distribution],
    }


def written(documents: Mapping[str, str], folder: Path) -> list[str]:
    """Writes each document into `folder`, in place of those before; returns their paths."""
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.cdx.json"):
        old.unlink()
    for name, document in documents.items():
        (folder / name).write_text(document)
    return [f"{folder / name}" for name in documents]
