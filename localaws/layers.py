"""Layers of this machine's wheels, from the same lock files as the ones for AWS."""

import hashlib
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

from localaws.errors import LocalError
from localaws.home import CACHE, ROOT, building

LOCKS = ROOT / "lambdas" / "requirements"


def built(lock: str, *, cache: Path = CACHE / "layers") -> Path:
    """The folder of a layer, built once for each state of `lock`, platform and Python version.

    It holds no packages, but the path to them: every Lambda process unpacks its layers anew, and
    several thousand files would make each of its cold starts a second longer.

    Raises:
        LocalError: the packages could not be installed.
    """
    path = LOCKS / lock
    inputs = [path.read_text(), platform.platform(), sys.version, str(cache.resolve())]
    key = hashlib.sha256("\n".join(inputs).encode()).hexdigest()
    folder = cache.resolve() / f"{path.stem}-{key[:16]}"
    with building(cache):
        if not folder.exists():
            _build(path, folder)
    return folder / "layer"


def _build(lock: Path, folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir=folder.parent) as draft:
        packages = Path(draft) / "built" / "packages"
        _install(lock, packages)
        site = packages.with_name("layer") / "python" / "lib" / "python3" / "site-packages"
        site.mkdir(parents=True)
        (site / "packages.pth").write_text(f"{folder / 'packages'}\n")
        packages.parent.rename(folder)


def _install(lock: Path, target: Path) -> None:
    command = [
        *(sys.executable, "-m", "uv", "pip", "install", "--quiet", "--require-hashes"),
        *("--python", sys.executable, "--target", str(target)),
        *("--compile-bytecode", "--requirement", str(lock)),
    ]
    # Bytecode stands beside its source: functions do not know this repository's cache of it.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPYCACHEPREFIX"}
    installed = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False
    )
    if installed.returncode:
        reason = installed.stderr.strip() or f"uv ended with {installed.returncode}"
        raise LocalError(f"the layer of {lock.name} could not be built: {reason}")
