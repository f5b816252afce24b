"""The derived assembly: what the CDK CLI deploys to the embedded AWS instead of `cdk.out`."""

import hashlib
import json
import shutil
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

from localaws import layers
from localaws.gaps import GAPS
from localaws.template import Template

LOCK = "shadow-canary:lock"
"""Metadata of a layer: the lock file that it is built from."""

Assets = dict[str, dict[str, Any]]


def derive(cdk_out: Path, out: Path, *, now: datetime) -> list[str]:
    """Writes the derived assembly to `out` and says, in words, what differs from `cdk_out`.

    Assets are not copied: the assembly is good as long as `cdk_out` is. `now` is UTC.

    Raises:
        LocalError: a layer could not be built.
    """
    shutil.copytree(cdk_out, out, ignore=_all_but_json, dirs_exist_ok=True)
    manifest = json.loads((out / "manifest.json").read_text())
    closed: Counter[str] = Counter()
    for artifact in manifest["artifacts"].values():
        if artifact["type"] == "aws:cloudformation:stack":
            closed += _derive_stack(artifact["properties"], cdk_out, out, now)
    _write(out / "manifest.json", manifest)
    return [f"{words} ({count})" for words, count in closed.items()]


def _derive_stack(stack: dict[str, Any], source: Path, out: Path, now: datetime) -> Counter[str]:
    """Its template and its assets; `stack` is changed in place."""
    for role in ("assumeRoleArn", "cloudFormationExecutionRoleArn", "lookupRole"):
        stack.pop(role, None)
    path = out / stack["templateFile"]
    template = json.loads(path.read_text())
    manifest_path = path.with_name(path.name.replace(".template.", ".assets."))
    manifest = json.loads(manifest_path.read_text())
    files: Assets = manifest["files"]

    closed = Counter({f"{gap.missing}: {gap.instead}": gap.close(template, now) for gap in GAPS})
    closed["no other machine than this one: layers hold its own wheels"] = _host_layers(
        template, files
    )
    text = _write(path, template)
    old = next(key for key, asset in files.items() if asset["source"]["path"] == path.name)
    _rename(files, old, hashlib.sha256(text.encode()).hexdigest())
    new = next(key for key, asset in files.items() if asset["source"]["path"] == path.name)
    stack["stackTemplateAssetObjectUrl"] = stack["stackTemplateAssetObjectUrl"].replace(old, new)

    for asset in files.values():
        if asset["source"]["path"] != path.name:
            asset["source"]["path"] = str(source.resolve() / asset["source"]["path"])
        for destination in asset["destinations"].values():
            destination.pop("assumeRoleArn", None)
    _write(manifest_path, manifest)
    return closed


def _host_layers(template: Template, files: Assets) -> int:
    found = [r for r in template["Resources"].values() if LOCK in r.get("Metadata", {})]
    for layer in found:
        folder = layers.built(layer["Metadata"][LOCK])
        content = layer["Properties"]["Content"]
        old, new = content["S3Key"].removesuffix(".zip"), folder.parent.name
        content["S3Key"] = f"{new}.zip"
        if old in files:
            _rename(files, old, new)
            files[new]["source"] = {"path": str(folder), "packaging": "zip"}
    return len(found)


def _rename(files: Assets, old: str, new: str) -> None:
    """Gives an asset another key: the CLI uploads no key twice, whatever is behind it."""
    asset = files.pop(old)
    for destination in asset["destinations"].values():
        destination["objectKey"] = destination["objectKey"].replace(old, new)
    files[new] = asset


def _write(path: Path, value: object) -> str:
    text = json.dumps(value, indent=1)
    path.write_text(text)
    return text


def _all_but_json(folder: str, names: list[str]) -> list[str]:
    return [n for n in names if not n.endswith(".json") or (Path(folder) / n).is_dir()]
