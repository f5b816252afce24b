"""What the roles are granted what they have for: short programs over the deployed route.

Each raises an AssertionError where somebody may not do a part of it, and leaves the route as any
other may find it: each begins by putting it where it wants it.
"""

import base64
import contextlib
import json
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from analysis.template import without_hash
from dataset.register import Phase
from datasets.users.control import USERS
from routes.get_user import seed
from shadow_runtime.contract import Position, Stage, Variable, flag_document
from shadow_runtime.front_doors import HTTP_API
from shadow_runtime.http import Request
from shadowctl.deployed import stack_resources
from tests.local.deployed import Deployed
from tests.local.permissions.phases import at_phase
from tests.runtime.played import Reply, serving
from tests.runtime.played_codedeploy import EVENT, CodeDeploy, appspec

USER = seed.PLANTED
"""Whose answer shows who gave it: the name differs between the data sources."""

CANARY = Position(Stage.canary(percent=0.01), candidate_users=(USER,))
_PATIENCE_S = 60


@dataclass(frozen=True, slots=True)
class Scenario:
    """A promise that needs grants of its `holders`, as the table calls them."""

    holders: tuple[str, ...]
    run: Callable[[Deployed], None]

    @property
    def promise(self) -> str:
        """In words; the name of a test, too."""
        return self.run.__name__.replace("_", " ")


SCENARIOS: list[Scenario] = []


def of(*holders: str) -> Callable[[Callable[[Deployed], None]], Callable[[Deployed], None]]:
    """Makes a scenario of a function, which needs grants of these holders."""

    def made(run: Callable[[Deployed], None]) -> Callable[[Deployed], None]:
        SCENARIOS.append(Scenario(holders, run))
        return run

    return made


def invoke(deployed: Deployed, function: str, event: object, *, qualifier: str = "") -> Any:
    """What a function answers, asked as by its event source; an error of its own is a failure.

    `function` is of the stack GetUser, or of the stack before a slash by its logical id.
    """
    stack, _, logical_id = function.rpartition("/")
    name = physical(deployed, stack, logical_id) if stack else deployed.name(function)
    asked = deployed.aws.client("lambda").invoke(
        FunctionName=name + qualifier, Payload=json.dumps(event)
    )
    answer = json.load(asked["Payload"])
    assert "FunctionError" not in asked, answer
    return answer


def physical(deployed: Deployed, stack: str, logical_id: str) -> str:
    """The physical id of what is called so, less the hash."""
    resources = stack_resources(deployed.aws, stack)
    [found] = [name for id_, _, name in resources if without_hash(id_) == logical_id]
    return found


def request(trace: str = "") -> dict[str, Any]:
    headers = {"x-amzn-trace-id": trace} if trace else {}
    return HTTP_API.event(
        Request(method="GET", path="/users/me", user=USER, id=secrets.token_hex(8), headers=headers)
    )


def at_rest(deployed: Deployed) -> None:
    """Nothing of the flag is under way, what is served, at `off`, is there, the dataset synced."""
    at_phase(deployed.local, Phase.SYNCED)
    appconfig: Any = deployed.aws.client("appconfig")
    settings = variables(deployed, "Operations")
    application = {"ApplicationId": settings[Variable.FLAG_APPLICATION]}
    environment = {**application, "EnvironmentId": settings[Variable.FLAG_ENVIRONMENT]}
    profile = {**application, "ConfigurationProfileId": settings[Variable.FLAG_PROFILE]}
    for each in appconfig.list_deployments(**environment)["Items"]:
        if each["State"] in ("DEPLOYING", "BAKING"):
            number = each["DeploymentNumber"]
            appconfig.stop_deployment(**environment, DeploymentNumber=number)
    content = json.dumps(flag_document(Position.OFF)).encode()
    made = appconfig.create_hosted_configuration_version(
        **profile, Content=content, ContentType="application/json"
    )
    appconfig.start_deployment(
        **{**environment, **profile},
        DeploymentStrategyId=settings[Variable.LOWER_STRATEGY],
        ConfigurationVersion=str(made["VersionNumber"]),
    )


@of("ServiceRouteRole", "CandidateDatabase", "DatasetRoutePolicy")
def a_user_of_the_canary_is_answered_by_the_candidate(deployed: Deployed) -> None:
    with deployed.kept("Route"):
        candidate = deployed.renew("Candidate")
        deadline = {"SHADOW_CANARY_CANDIDATE_DEADLINE_MS": "8000"}
        deployed.set("Route", SHADOW_CANARY_CANDIDATE=candidate, **deadline)
        deployed.at(CANARY)
        answer = json.loads(invoke(deployed, "Route", request(), qualifier=":live")["body"])
    assert answer["id"] == USER
    assert answer["name"] != USERS[USER]["name"], "control stood in"


@of("ServiceRouteRole", "ShadowDatabase", "ServiceShadowRole")
def a_copy_is_compared_by_the_shadow_and_what_differs_is_told(deployed: Deployed) -> None:
    trace = f"Root=1-{int(time.time()):08x}-{secrets.token_hex(12)}"
    with deployed.kept("Route"):
        shadow = deployed.renew("Shadow")  # of which no process holds a secret yet
        deadline = {"SHADOW_CANARY_CANDIDATE_DEADLINE_MS": "8000"}
        deployed.set("Route", SHADOW_CANARY_SHADOW=shadow, **deadline)
        deployed.at(Position(Stage.SHADOW))
        invoke(deployed, "Route", request(trace), qualifier=":live")
        lines = ended(deployed, trace)
    [told] = [line for line in lines if line.get("message") == "mismatch"] or [{}]
    # A side that fails differs, too, and in another place.
    assert [each["path"] for each in told.get("differences", [])] == ["$.name"], lines
    assert told["sight"] == "confirmed", lines


def ended(deployed: Deployed, trace: str) -> list[dict[str, Any]]:
    """What the functions wrote of a copy, once it has its end."""
    last = {"TeeFailed", "CopiesDropped", "Compared"}
    deadline, own = time.monotonic() + _PATIENCE_S, list[dict[str, Any]]()
    while not any(last & line.keys() for line in own) and time.monotonic() < deadline:
        time.sleep(0.1)
        lines = [*deployed.lines("Route"), *deployed.lines("Shadow")]
        own = [line for line in lines if line.get("trace") == trace]
    return own


@of("ServiceFlagValidatorFunctionRole")
def the_validator_lets_the_next_stage_pass(deployed: Deployed) -> None:
    deployed.deploy(flag_document(Position.OFF))
    settings = variables(deployed, "Operations")
    content = json.dumps(flag_document(Position(Stage.SHADOW))).encode()
    event = {
        "applicationId": settings[Variable.FLAG_APPLICATION],
        "configurationProfileId": settings[Variable.FLAG_PROFILE],
        "configurationVersion": "1",
        "content": base64.b64encode(content).decode(),
        "uri": "hosted",
    }
    assert invoke(deployed, "FlagValidatorFunction", event) is None


def variables(deployed: Deployed, function: str) -> Mapping[str, str]:
    found: Mapping[str, str] = deployed.configuration(function)["Environment"]["Variables"]
    return found


def told(deployed: Deployed, function: str, event: Mapping[str, Any]) -> None:
    """Asks a custom resource's function, which tells CloudFormation that all went well."""
    with serving() as cloudformation:
        same = {"StackId": "s", "RequestId": secrets.token_hex(8), "LogicalResourceId": "l"}
        cloudformation.always(Reply())
        invoke(deployed, function, {**same, **event, "ResponseURL": cloudformation.url})
        [answer] = [received.json for received in cloudformation.received]
    assert answer["Status"] == "SUCCESS", answer["Reason"]


@of("ServiceFlagVersionsFunctionRole")
def the_flags_versions_go_with_the_flag(deployed: Deployed) -> None:
    settings = variables(deployed, "Operations")
    flag = {
        "ApplicationId": settings[Variable.FLAG_APPLICATION],
        "ConfigurationProfileId": settings[Variable.FLAG_PROFILE],
    }
    appconfig: Any = deployed.aws.client("appconfig")
    given = {"Application": flag["ApplicationId"], "Profile": flag["ConfigurationProfileId"]}
    event = {"RequestType": "Delete", "ResourceProperties": given}
    try:
        told(deployed, "FlagVersionsFunction", event)
        assert appconfig.list_hosted_configuration_versions(**flag)["Items"] == []
    finally:
        at_rest(deployed)


def ceiling_change(deployed: Deployed, *, to: Stage) -> None:
    old, new = Stage.canary(percent=2), to
    event = {
        "RequestType": "Update",
        "OldResourceProperties": {"Ceiling": str(old)},
        "ResourceProperties": {"Ceiling": str(new)},
    }
    told(deployed, "CeilingChangeFunction", event)
    assert deployed.flag.deployed().position.stage == new


@of("ServiceCeilingChangeFunctionRole")
def a_lower_ceiling_lowers_the_flag(deployed: Deployed) -> None:
    deployed.deploy(flag_document(CANARY))
    ceiling_change(deployed, to=Stage.SHADOW)


@of("ServiceCeilingChangeFunctionRole")
def a_lower_ceiling_stops_a_raise(deployed: Deployed) -> None:
    with raising(deployed):
        ceiling_change(deployed, to=Stage.OFF)


@of("ServiceCeilingChangeFunctionRole")
def a_lower_ceiling_goes_past_a_validator_that_fails(deployed: Deployed) -> None:
    deployed.deploy(flag_document(CANARY))
    with failing_validator(deployed):
        ceiling_change(deployed, to=Stage.OFF)


@contextlib.contextmanager
def raising(deployed: Deployed) -> Iterator[None]:
    """A raise is under way that takes its minutes, as on AWS."""
    deployed.deploy(flag_document(Position(Stage.SHADOW)))
    appconfig = deployed.aws.client("appconfig")
    slow = appconfig.create_deployment_strategy(
        Name=f"slow-{secrets.token_hex(4)}",
        DeploymentDurationInMinutes=10,
        GrowthFactor=10,
        ReplicateTo="NONE",
    )["Id"]
    deployed.raise_with(slow, CANARY)
    try:
        yield
    finally:
        at_rest(deployed)
        appconfig.delete_deployment_strategy(DeploymentStrategyId=slow)


@contextlib.contextmanager
def failing_validator(deployed: Deployed) -> Iterator[None]:
    with deployed.kept("FlagValidatorFunction"):
        deployed.aws.client("lambda").update_function_configuration(
            FunctionName=deployed.name("FlagValidatorFunction"), Handler="no_such_module.handler"
        )
        yield


@of("ServicePreTrafficRole")
def the_hook_asks_a_new_version_of_the_route(deployed: Deployed) -> None:
    number = int(deployed.renew("Route").rpartition(":")[2])
    with serving() as service, deployed.kept("PreTraffic"):
        codedeploy = CodeDeploy(service)
        codedeploy.content = appspec(number - 1, number, function=deployed.name("Route"))
        deployed.set("PreTraffic", AWS_ENDPOINT_URL_CODEDEPLOY=service.url)
        said = invoke(deployed, "PreTraffic", EVENT)
        assert codedeploy.statuses == ["Succeeded"], said


@of("ServicePreTrafficRole")
def a_first_deployment_asks_the_route_and_its_candidate(deployed: Deployed) -> None:
    route = deployed.configuration("Route")["FunctionArn"]
    candidate = deployed.configuration("Candidate")["FunctionArn"]
    given = {"Route": f"{route}:live", "Candidate": candidate}
    told(deployed, "PreTraffic", {"RequestType": "Create", "ResourceProperties": given})


def alarm_message(deployed: Deployed) -> dict[str, Any]:
    name = variables(deployed, "Operations")[Variable.EXPOSURE_ALARMS].splitlines()[0]
    message = {
        "AlarmName": name,
        "NewStateValue": "ALARM",
        "NewStateReason": "a test",
        "StateChangeTime": "2030-01-09T03:00:00.000+0000",
    }
    return {"Records": [{"EventSource": "aws:sns", "Sns": {"Message": json.dumps(message)}}]}


@of("ServiceOperationsRole", "DatasetOperationsPolicy")
def an_alarm_takes_users_back_and_people_and_machines_are_told(deployed: Deployed) -> None:
    deployed.deploy(flag_document(CANARY))
    done = invoke(deployed, "Operations", alarm_message(deployed))
    assert done["changed"]
    assert done["deployment"]
    assert done["versions"], "nobody is told which versions users are on"
    assert deployed.flag.deployed().position.stage == Stage.OFF


@of("ServiceOperationsRole")
def an_alarm_stops_a_raise(deployed: Deployed) -> None:
    with raising(deployed):
        assert invoke(deployed, "Operations", alarm_message(deployed))["changed"]
    assert deployed.flag.deployed().position.stage == Stage.OFF


@of("ServiceOperationsRole")
def an_alarm_goes_past_a_validator_that_fails(deployed: Deployed) -> None:
    deployed.deploy(flag_document(CANARY))
    with failing_validator(deployed):
        assert invoke(deployed, "Operations", alarm_message(deployed))["changed"]
    assert deployed.flag.deployed().position.stage == Stage.OFF


@of("ServiceOperationsRole")
def an_alarm_that_was_not_heard_is_seen(deployed: Deployed) -> None:
    deployed.deploy(flag_document(CANARY))
    assert invoke(deployed, "Operations", {"action": "check"}) == {
        "outcome": "none",
        "changed": False,
    }


@of("ServiceOperationsRole")
def a_clean_up_sees_what_is_proven_and_whether_the_guards_can_act(deployed: Deployed) -> None:
    deployed.deploy(flag_document(CANARY))
    due = datetime.now(UTC) - timedelta(days=6)
    done = invoke(deployed, "Operations", {"action": "rearm", "due": due.isoformat()})
    assert done["outcome"] == "re-armed"
    assert [lack for lack in done["lacks"] if "cannot be seen" in lack] == []


@of("ServiceOperationsRole")
def a_clean_up_deletes_the_versions_that_nobody_is_served(deployed: Deployed) -> None:
    deployed.deploy(flag_document(Position(Stage.SHADOW)))
    deployed.deploy(flag_document(Position.OFF))
    done = invoke(deployed, "Operations", {"action": "cleanup"})
    assert (done["outcome"], done["pruned"] > 0) == ("off", True)


WRITTEN = "user-401"
"""Whom these change, and nobody else."""


def command(deployed: Deployed, action: str, **more: Any) -> Any:
    """What the dataset answers; a refusal is a failure."""
    answer = invoke(deployed, "Users/DatasetOperations", {"action": action, **more})
    assert not answer.get("refusal"), answer
    return answer


@contextlib.contextmanager
def nobody_reconciles(deployed: Deployed) -> Iterator[None]:
    """What is sent in the block is taken by nobody, and is gone with it."""
    functions, queues = deployed.aws.client("lambda"), deployed.aws.client("sqs")
    [mapping] = functions.list_event_source_mappings(
        FunctionName=physical(deployed, "Users", "DatasetReconciler")
    )["EventSourceMappings"]
    functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    try:
        yield
    finally:
        for queue in ("DatasetIntents", "DatasetDeadLetters"):
            queues.purge_queue(QueueUrl=physical(deployed, "Users", queue))
        functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)


def put(name: str) -> dict[str, Any]:
    return HTTP_API.event(
        Request(
            method="PUT",
            path="/users/me",
            user=WRITTEN,
            id=secrets.token_hex(8),
            headers={"content-type": "application/json"},
            body=json.dumps({"name": name}),
        )
    )


@of("ServiceRouteRole", "DatasetRoutePolicy", "CandidateDatabase")
def a_write_is_announced_and_carried_out_by_control(deployed: Deployed) -> None:
    name = f"Ada {secrets.token_hex(4)}"
    with nobody_reconciles(deployed):
        before = command(deployed, "status")["queued"]
        answer = invoke(deployed, "UpdateUser/ServiceRoute", put(name), qualifier=":live")
        assert command(deployed, "status")["queued"] == before + 1, "it was not announced"
    assert answer["statusCode"] == 200, answer
    assert json.loads(answer["body"])["name"] == name


@of("DatasetOperationsRole", "CandidateDatabase")
def a_dataset_says_how_far_it_is(deployed: Deployed) -> None:
    at_phase(deployed.local, Phase.DUAL)
    assert command(deployed, "status")["phase"] == "dual"


@of("DatasetOperationsRole")
def a_dataset_is_filled(deployed: Deployed) -> None:
    at_phase(deployed.local, Phase.OFF)
    with nobody_reconciles(deployed):
        assert command(deployed, "backfill")["backfill"]["enqueued"] > 0


def intent(deployed: Deployed, *, operation: str) -> str:
    """A message that says that the user was written."""
    said = {"dataset": "Users/users", "key": WRITTEN, "operation": operation, "attempt": "1"}
    return json.dumps(said)


@of("DatasetOperationsRole")
def what_could_not_be_copied_is_sent_again(deployed: Deployed) -> None:
    with nobody_reconciles(deployed):
        deployed.aws.client("sqs").send_message(
            QueueUrl=physical(deployed, "Users", "DatasetDeadLetters"),
            MessageBody=intent(deployed, operation="a-test"),
            MessageGroupId="1",
            MessageDeduplicationId=secrets.token_hex(8),
        )
        assert command(deployed, "repair")["redriven"] == 1
        dead = command(deployed, "status")["deadLetters"]
    assert dead == 0


@contextlib.contextmanager
def newer_on_the_candidate(deployed: Deployed) -> Iterator[None]:
    """The candidate has the authority, and a state of the user that control lacks."""
    with deployed.database() as database:
        held = "INSERT INTO users_versions (key, version, operations) VALUES (%s, 1000, '{}') "
        newer = "ON CONFLICT (key) DO UPDATE SET version = users_versions.version + 1000"
        database.execute(held + newer, (WRITTEN,))
    at_phase(deployed.local, Phase.SWITCHED)
    try:
        yield
    finally:
        directory, key = physical(deployed, "Users", "Directory"), {"pk": {"S": WRITTEN}}
        deployed.aws.client("dynamodb").delete_item(TableName=directory, Key=key)
        with deployed.database() as database:
            database.execute("DELETE FROM users_versions WHERE key = %s", (WRITTEN,))


@of("DatasetOperationsRole", "CandidateDatabase")
def a_key_that_differs_is_repaired(deployed: Deployed) -> None:
    with newer_on_the_candidate(deployed):
        assert command(deployed, "repair", key=WRITTEN)["outcome"] == "repaired"


@of("DatasetOperationsRole")
def what_was_left_behind_is_looked_for(deployed: Deployed) -> None:
    assert "looked" in command(deployed, "sweep")


def taken(deployed: Deployed, body: str) -> list[Any]:
    """What the reconciler could not do of a message."""
    record = {
        "messageId": secrets.token_hex(8),
        "receiptHandle": "none",
        "body": body,
        "attributes": {
            "SentTimestamp": str(int(time.time() * 1_000)),
            "MessageGroupId": "1",
            "ApproximateReceiveCount": "1",
        },
        "messageAttributes": {},
        "eventSource": "aws:sqs",
        "eventSourceARN": "arn:aws:sqs:us-east-1:000000000000:intents.fifo",
        "awsRegion": "us-east-1",
    }
    answer = invoke(deployed, "Users/DatasetReconciler", {"Records": [record]})
    failures: list[Any] = answer["batchItemFailures"]
    return failures


@of("DatasetReconcilerRole", "CandidateDatabase")
def the_reconciler_copies_what_control_lacks_and_notes_how_late_it_is(deployed: Deployed) -> None:
    begun = time.time()
    with newer_on_the_candidate(deployed):
        assert taken(deployed, intent(deployed, operation="a-test")) == []
    noted = deployed.aws.client("dynamodb").get_item(
        TableName=physical(deployed, "Users", "DatasetRegister"), Key={"pk": {"S": "lag"}}
    )
    assert float(noted["Item"]["at"]["N"]) >= begun, "nobody would see how late it is"


@of("DatasetReconcilerRole")
def the_reconciler_notes_a_group_that_is_drained(deployed: Deployed) -> None:
    assert taken(deployed, json.dumps({"epoch": 1, "group": 1})) == []
