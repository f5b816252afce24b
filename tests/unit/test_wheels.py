"""A layer holds the wheels that its lock names, for the functions' machine: really installed."""

import hashlib
import subprocess
import zipfile
from pathlib import Path

import aws_cdk as cdk
import pytest
from aws_cdk import aws_lambda as lambda_

from shadow_canary.code import LockedLayer, _Wheels

MACHINES = {
    "aarch64": lambda_.Architecture.ARM_64,
    "x86_64": lambda_.Architecture.X86_64,
}
PYTHONS = {"312": lambda_.Runtime.PYTHON_3_12, "313": lambda_.Runtime.PYTHON_3_13}
BUILT = [(machine, python) for machine in MACHINES for python in PYTHONS]


@pytest.fixture
def index(tmp_path: Path) -> Path:
    """A folder with a package that is compiled for each machine and each Python."""
    folder = tmp_path / "index"
    folder.mkdir()
    for machine, python in BUILT:
        tag = f"cp{python}-cp{python}-manylinux_2_28_{machine}"
        with zipfile.ZipFile(folder / f"native-1.0-{tag}.whl", "w") as wheel:
            wheel.writestr("native.py", f"BUILT = ({machine!r}, {python!r})\n")
            about = "native-1.0.dist-info"
            wheel.writestr(
                f"{about}/METADATA", "Metadata-Version: 2.1\nName: native\nVersion: 1.0\n"
            )
            wheel.writestr(
                f"{about}/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: false\nTag: {tag}\n"
            )
            names = ["native.py", f"{about}/METADATA", f"{about}/WHEEL", f"{about}/RECORD"]
            wheel.writestr(f"{about}/RECORD", "".join(f"{name},,\n" for name in names))
    return folder


def lock(index: Path, hashes: list[str]) -> Path:
    path = index.parent / "lock.txt"
    pin = " ".join(["native==1.0", *(f"--hash=sha256:{each}" for each in hashes)])
    path.write_text(f"--no-index\n--find-links {index.as_uri()}\n{pin}\n")
    return path


def hashes_of(index: Path) -> list[str]:
    return [hashlib.sha256(wheel.read_bytes()).hexdigest() for wheel in index.iterdir()]


@pytest.mark.parametrize(("machine", "python"), BUILT)
def test_a_layer_holds_the_wheel_of_the_functions_machine_and_python(
    index: Path, machine: str, python: str
) -> None:
    app = cdk.App(outdir=str(index.parent / "cdk.out"), context={"aws:cdk:bundling-stacks": ["**"]})
    LockedLayer(
        cdk.Stack(app, "Orders"),
        "Layer",
        lock=lock(index, hashes_of(index)),
        runtime=PYTHONS[python],
        architecture=MACHINES[machine],
    )
    app.synth()
    [installed] = (index.parent / "cdk.out").glob("asset.*/python/native.py")
    assert installed.read_text() == f"BUILT = ({machine!r}, {python!r})\n"


@pytest.mark.parametrize("hashes", [[], ["0" * 64]], ids=["no hash", "another hash"])
def test_a_wheel_that_the_lock_does_not_vouch_for_is_not_installed(
    index: Path, hashes: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    out = index.parent / "layer"
    wheels = _Wheels(lock(index, hashes), "x86_64-manylinux_2_28", "3.13")
    with pytest.raises(subprocess.CalledProcessError):
        wheels.try_bundle(str(out))
    assert "hash" in capfd.readouterr().err.lower()
    assert not [*out.rglob("native.py")]
