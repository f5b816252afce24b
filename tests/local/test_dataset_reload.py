"""What is saved of a dataset answers in its own functions as it does in those of its routes."""

import io
import shutil
import zipfile
from dataclasses import replace
from pathlib import Path

import urllib3

from localaws.reload import DeployedCode
from localaws.route_folder import RouteFolder
from localaws.up import Local
from tests.checkout import ROOT

_SAVED = "\nSAVED = True\n"


def test_a_saved_module_of_a_dataset_is_in_place_in_whatever_runs_it(
    local: Local, tmp_path: Path
) -> None:
    shutil.copytree(ROOT / "lambdas", tmp_path / "lambdas")
    records = tmp_path / "lambdas/datasets/users/records.py"
    records.write_text(f"{records.read_text()}{_SAVED}")
    (tmp_path / "lambdas/datasets/users/more.py").write_text(_SAVED)
    [deployed] = [
        each for each in RouteFolder.all_of(Path(local.assembly)) if each.stack == "UpdateUser"
    ]
    root = tmp_path / "lambdas"
    saved = replace(
        deployed,
        root=root,
        folder=root / "routes/update_user",
        packages=(root / "datasets/users",),
    )
    DeployedCode(local.session(), saved).reload()
    try:
        for role in ("UpdateUser-ServiceRoute", "Users-DatasetRec", "Users-DatasetOperations"):
            code = code_of(local, role)
            assert code["datasets/users/records.py"].endswith(_SAVED)
            assert code["datasets/users/more.py"] == _SAVED
            assert ("routes/update_user/control.py" in code) == role.startswith("UpdateUser")
    finally:
        DeployedCode(local.session(), deployed).reload()
    assert _SAVED not in code_of(local, "Users-DatasetRec")["datasets/users/records.py"]


def code_of(local: Local, role: str) -> dict[str, str]:
    [name] = [each for each in local.resources["AWS::Lambda::Function"] if each.startswith(role)]
    found = local.session().client("lambda").get_function(FunctionName=name)
    archive = urllib3.request("GET", found["Code"]["Location"]).data
    with zipfile.ZipFile(io.BytesIO(archive)) as code:
        return {each: code.read(each).decode() for each in code.namelist()}
