"""What a change publishes: the versions that it concerns, and no other."""

from collections.abc import Callable
from pathlib import Path

import pytest

from shadow_runtime.contract import Variable
from tests.reading import Template, function, references, resources
from tests.snapshot.conftest import Synthesis, copied, read_templates

MOVERS = {
    "ServiceOperations",
    "ServiceCeilingChangeFunction",
    "ServiceFlagValidatorFunction",
    "ServiceFlagVersionsFunction",
}
SIDES = ["Candidate", "Shadow", "Route"]

Change = Callable[..., dict[str, Template]]


@pytest.fixture(scope="module")
def change(tmp_path_factory: pytest.TempPathFactory, synthesize: Synthesis) -> Change:
    """Synthesizes with another line in each of some files."""

    def run(*files: str) -> dict[str, Template]:
        checkout = copied(tmp_path_factory.mktemp("changed"))
        for file in files:
            source = checkout / file
            source.write_text(f"{source.read_text()}\n# changed\n")
        return read_templates(synthesize(checkout, CDK_VALIDATION="false"))

    return run


@pytest.fixture(scope="module")
def new_candidate(change: Change) -> dict[str, Template]:
    """Another candidate, and nothing else."""
    return change("lambdas/routes/get_user/candidate.py")


def version(template: Template, side: str) -> str:
    """The logical id of the version of one side: another id is another version."""
    versions = resources(template, "AWS::Lambda::Version")
    [found] = [i for i in versions if i.startswith(f"Service{side}CurrentVersion")]
    return found


def environment(template: Template, role: str) -> dict[str, object]:
    """What a function refers to, by logical id."""
    functions = resources(template, "AWS::Lambda::Function")
    [made] = [f for i, f in functions.items() if i[:-8] == f"Service{role}"]
    variables: dict[str, object] = made["Properties"]["Environment"]["Variables"]
    return variables


@pytest.mark.parametrize("side", SIDES)
def test_another_candidate_publishes_a_version_of_every_side_so_that_it_has_a_canary(
    get_user: Template, new_candidate: dict[str, Template], side: str
) -> None:
    assert version(new_candidate["GetUser"], side) != version(get_user, side)


def test_the_new_version_of_the_route_calls_the_new_candidate_and_the_new_shadow(
    new_candidate: dict[str, Template],
) -> None:
    changed = new_candidate["GetUser"]
    route = environment(changed, "Route")
    assert route[Variable.CANDIDATE] == {"Ref": version(changed, "Candidate")}
    assert route[Variable.SHADOW] == {"Ref": version(changed, "Shadow")}


def test_the_hook_asks_and_the_alarms_watch_the_version_that_is_new(
    new_candidate: dict[str, Template],
) -> None:
    changed = new_candidate["GetUser"]
    new = version(changed, "Route")
    assert environment(changed, "PreTraffic")[Variable.VERSION] == {"Ref": new}
    code = {i: r for i, r in resources(changed, "AWS::CloudWatch::Alarm").items() if "Code" in i}
    assert len(code) == 3
    for alarm in code.values():
        assert set(references(alarm["Properties"]["AlarmName"])) == {new}


def test_the_old_version_of_the_route_reaches_the_old_candidate_after_the_update(
    get_user: Template, new_candidate: dict[str, Template]
) -> None:
    role, policy = "ServiceRouteRole", "ServiceRouteRoleDefaultPolicy"
    before, after = get_user["Resources"], new_candidate["GetUser"]["Resources"]
    of_the_role = [i for i in before if i.startswith(role)]
    assert [before[i] for i in of_the_role] == [after[i] for i in of_the_role]
    # What both versions may invoke are the functions, which stay; versions come and go.
    [allowed] = [before[i] for i in of_the_role if i.startswith(policy)]
    assert not [i for i in references(allowed) if "CurrentVersion" in i]
    assert [i for i in references(allowed) if i.startswith("ServiceCandidate")]


def test_another_candidate_changes_no_other_stack(
    platform: Template, new_candidate: dict[str, Template]
) -> None:
    assert new_candidate["Platform"] == platform


def test_another_candidate_leaves_the_exposure_alarms_as_they_are(
    get_user: Template, new_candidate: dict[str, Template]
) -> None:
    before = resources(get_user, "AWS::CloudWatch::Alarm")
    after = resources(new_candidate["GetUser"], "AWS::CloudWatch::Alarm")
    others = {i for i in before if "CodeCanary" not in i}
    assert len(others) == 7
    assert {i: before[i] for i in others} == {i: after[i] for i in others}


def test_a_change_of_operations_of_the_hook_and_of_what_it_asks_publishes_no_version(
    get_user: Template, change: Change
) -> None:
    files = [
        "operations/actions.py",
        "pretraffic/handler.py",
        "routes/get_user/requests.jsonl",
        "routes/get_user/pacts/app-get-user.json",
    ]
    changed = change(*(f"lambdas/{file}" for file in files))["GetUser"]
    assert resources(changed, "AWS::Lambda::Version") == resources(get_user, "AWS::Lambda::Version")
    moved = {i for i, r in changed["Resources"].items() if r != get_user["Resources"][i]}
    assert {i[:-8] for i in moved} == {*MOVERS, "ServicePreTraffic"}


def test_a_change_in_the_reckoning_changes_no_asset_of_a_route_and_publishes_no_version(
    get_user: Template, change: Change
) -> None:
    of_judge = "lambdas/judge/bounds.py"
    changed = change("analysis/rules.py", "analysis/power/canaries.py", of_judge)["GetUser"]
    assert resources(changed, "AWS::Lambda::Version") == resources(get_user, "AWS::Lambda::Version")
    moved = {i for i, r in changed["Resources"].items() if r != get_user["Resources"][i]}
    assert {i[:-8] for i in moved} == MOVERS  # they hold the judge


OF_OURS = ("dataset", "dataset_runtime", "shadow_runtime")


@pytest.mark.parametrize("side", SIDES)
def test_what_a_route_ships_is_the_runtime_its_dataset_and_the_route_alone(
    assembly: Path, get_user: Template, side: str
) -> None:
    key = function(get_user, side)["Code"]["S3Key"]
    asset = assembly / f"asset.{key.removesuffix('.zip')}"
    held = {path.relative_to(asset).as_posix() for path in asset.rglob("*.py")}
    here = Path(__file__).resolve().parents[2] / "lambdas"
    assert held == {
        path.relative_to(here).as_posix()
        for folder in (*OF_OURS, "datasets/users", "routes/get_user")
        for path in (here / folder).rglob("*.py")
        if path.name not in {"seed.py", "demo.py"}  # for the embedded AWS
    }
    assert not [*asset.rglob("pacts"), *asset.rglob("*.json")]
    assert {path.name for path in asset.iterdir()} == {*OF_OURS, "datasets", "routes"}
