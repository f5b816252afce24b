"""What a branch changes in one stack: `cdk diff` against another commit, offline."""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from rich.text import Text

from analysis.template import Stack
from shadow_runtime.contract import ShadowCanaryError
from shadowctl.synthesis import app_folder, cdk, check_out, synthesize

_LIBRARY = re.compile(r"aws[-_]cdk[-_]lib\W+(\d+\.\d+\.\d+)")
_BEFORE, _AFTER = "before.template.json", "after.template.json"
_OLD_SCHEMA = "36.0.0"
"""Of assemblies: which every CDK CLI of this major version reads."""

_PINS = ("requirements.txt", "pyproject.toml", "constraints.txt")


class DiffError(ShadowCanaryError):
    """There is nothing to compare with: why, and what to do."""


def diff(stack: str, *, base: str) -> Iterator[Text]:
    """What the working tree changes in `stack`, compared with the commit `base`.

    Both sides are synthesized here, with this environment's packages and without building layers;
    no network and no credentials are used. Of a new stack everything is an addition; of one that
    was taken out or renamed it says what destroying it would delete.

    Raises:
        DiffError: neither side has such a stack.
        SynthesisError: `base` is no commit, or a side cannot be synthesized.
    """
    with tempfile.TemporaryDirectory() as folder:
        source, before, after = (Path(folder, name) for name in ("source", "before", "after"))
        check_out(base, source)
        synthesize(source, before)
        synthesize(app_folder(), after)
        old, new = (_named(assembly, stack) for assembly in (before, after))
        if not old and not new:
            known = ", ".join(sorted({each.path for each in Stack.all_of(after)}))
            raise DiffError(f"no stack {stack!r}, neither in {base} nor here; here are {known}")
        library = [library_of(each) for each in (source, app_folder())]
        if library[0] != library[1]:
            yield Text(
                f"aws-cdk-lib moves from {library[0]} to {library[1]}; both sides were made with "
                "the one installed here, so what the library itself changes is not shown"
            )
        if old and not new:
            for each in old.values():
                yield Text(_removed(stack, base, each.template))
            return
        for nested in dict.fromkeys([*old, *new]):
            sides = (side.get(nested) for side in (old, new))
            yield Text.from_ansi(cdk_diff(*sides, name=stack, in_color=sys.stdout.isatty()))


def cdk_diff(
    before: Stack | None, after: Stack | None, *, name: str, in_color: bool = False
) -> str:
    """What `cdk diff` says of two templates, wherever in an app they stand.

    Raises:
        DiffError: the CDK CLI does not compare them.
        SynthesisError: there is no CDK CLI.
    """
    with tempfile.TemporaryDirectory() as folder:
        for stack, file in ((before, _BEFORE), (after, _AFTER)):
            template = stack.template if stack else {"Resources": {}}
            Path(folder, file).write_text(json.dumps(template))
        artifact = {
            "type": "aws:cloudformation:stack",
            "environment": "aws://unknown-account/unknown-region",
            "properties": {"templateFile": _AFTER},
            "displayName": name,
        }
        manifest = {"version": _OLD_SCHEMA, "artifacts": {"Stack": artifact}}
        Path(folder, "manifest.json").write_text(json.dumps(manifest))
        ran = subprocess.run(
            [*cdk(), "diff", "--app", folder, "--template", Path(folder, _BEFORE), "--no-notices"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            cwd=folder,
            env={**os.environ, **({"FORCE_COLOR": "1"} if in_color else {"NO_COLOR": "1"})},
        )
        if ran.returncode:
            raise DiffError(f"the CDK CLI cannot compare {name}: {ran.stdout.strip()[-2_000:]}")
        return ran.stdout.rstrip()


def _named(assembly: Path, name: str) -> dict[str, Stack]:
    """A stack and those nested in it, by what tells them apart."""
    stacks = Stack.all_of(assembly)
    return {stack.nested: stack for stack in stacks if name in (stack.name, stack.path)}


def library_of(folder: Path) -> str:
    """The version of aws-cdk-lib that a checkout asks for, as far as it says so."""
    texts = (folder / name for name in _PINS)
    found = (_LIBRARY.search(path.read_text()) for path in texts if path.is_file())
    return next((match[1] for match in found if match), "one that is not pinned")


def _removed(stack: str, base: str, template: Mapping[str, Any]) -> str:
    kinds = Counter(resource["Type"] for resource in template["Resources"].values())
    lines = [f"  {count:>3} {kind}" for kind, count in sorted(kinds.items())]
    return "\n".join(
        [
            f"{stack} is in {base} and not here: a deploy leaves it as it is, and `cdk destroy` "
            f"needs {base} checked out. A renamed stack is a new one beside it. It holds",
            *lines,
        ]
    )
