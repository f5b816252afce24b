"""Layers of this machine's wheels, from the same lock files as the ones for AWS."""

import compileall
import hashlib
import os
import platform
import py_compile
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from shadowctl.local.errors import LocalError
from shadowctl.local.home import CACHE, ROOT

LOCKS = ROOT / "lambdas" / "requirements"


def built(lock: str, *, cache: Path = CACHE / "layers") -> Path:
    """A layer as a zip file, built once for each state of `lock`, platform and Python version.

    Raises:
        LocalError: the packages could not be installed.
    """
    path = LOCKS / lock
    inputs = [path.read_text(), platform.platform(), sys.version]
    key = hashlib.sha256("\n".join(inputs).encode()).hexdigest()
    layer = cache / f"{path.stem}-{key[:16]}.zip"
    if not layer.exists():
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            _install(path, Path(folder) / "layer" / "python")
            draft = shutil.make_archive(f"{folder}/draft", "zip", f"{folder}/layer")
            Path(draft).replace(layer)
    return layer


def _install(lock: Path, target: Path) -> None:
    command = [
        *(sys.executable, "-m", "uv", "pip", "install", "--quiet", "--require-hashes"),
        *("--python", sys.executable, "--target", str(target)),
        *("--no-compile-bytecode", "--requirement", str(lock)),
    ]
    installed = subprocess.run(command, capture_output=True, text=True, check=False)
    if installed.returncode:
        reason = installed.stderr.strip() or f"uv ended with {installed.returncode}"
        raise LocalError(f"the layer of {lock.name} could not be built: {reason}")
    # Unpacking gives every file a new date: only bytecode that is never checked against its source
    # saves each new Lambda process from compiling all of it again.
    compileall.compile_dir(
        target,
        quiet=2,
        stripdir=os.fspath(target),
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )
