"""What a Dataset promises of its template, and of those of the routes that have it."""

import json
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns

from dataset.register import DELAY_S, LEASE_S
from shadow_canary import Dataset, DatasetCode, RouteCode, Stage
from shadow_canary.dataset import WRITES_NEED_S
from shadow_canary.integrations import WRITES_NOT_HELD
from shadow_canary.sides import ONE_SIDED_GRANT, PARAMETER_IN_VERSION
from shadow_runtime.contract import Variable
from tests.reading import Template, every, the
from tests.unit.services import (
    App,
    beside,
    dataset,
    service,
    stack_of_nothing,
    warnings,
    with_dataset,
)
from tests.unit.test_integrations import by_http_api
from tests.unit.test_team_code import HASHED, lock

PUBLISHED = "/shadow-canary/Users/users"


@pytest.fixture(scope="module")
def app(lambdas: Path) -> App:
    """A dataset in a stack of its own, and a route in another."""
    stack = stack_of_nothing("Users")
    users = dataset(stack, lambdas)
    orders = beside(stack, "Orders")
    with_dataset(orders, lambdas, users)
    return App(stack, orders)


@pytest.fixture(scope="module")
def users(app: App) -> Template:
    return app.templates["Users"]


@pytest.fixture(scope="module")
def orders(app: App) -> Template:
    return app.templates["Orders"]


def test_an_intent_is_delayed_for_a_lease_so_that_its_write_has_ended(users: Template) -> None:
    intents = the(users, "AWS::SQS::Queue", "DatasetIntents")
    assert intents["DelaySeconds"] == DELAY_S >= LEASE_S
    assert intents["FifoQueue"] is True


def test_an_attempt_is_known_by_its_own_id_and_never_by_its_key(users: Template) -> None:
    assert "ContentBasedDeduplication" not in the(users, "AWS::SQS::Queue", "DatasetIntents")


def test_what_was_received_five_times_rests_for_two_weeks(users: Template) -> None:
    redrive = the(users, "AWS::SQS::Queue", "DatasetIntents")["RedrivePolicy"]
    assert redrive == {"deadLetterTargetArn": "<DatasetDeadLetters.Arn>", "maxReceiveCount": 5}
    held = the(users, "AWS::SQS::Queue", "DatasetDeadLetters")
    assert (held["FifoQueue"], held["MessageRetentionPeriod"]) == (True, 14 * 86_400)


def test_one_key_that_fails_does_not_have_its_whole_batch_come_again(users: Template) -> None:
    [mapping] = every(users, "AWS::Lambda::EventSourceMapping").values()
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["EventSourceArn"] == "<DatasetIntents.Arn>"


def test_a_message_at_work_is_seen_by_nobody_else(users: Template) -> None:
    intents = the(users, "AWS::SQS::Queue", "DatasetIntents")
    reconciler = the(users, "AWS::Lambda::Function", "DatasetReconciler")
    assert intents["VisibilityTimeout"] == 6 * reconciler["Timeout"]


def test_the_register_outlives_the_stack_and_a_mistake(users: Template) -> None:
    [body] = [r for i, r in users["Resources"].items() if i.startswith("DatasetRegister")]
    assert (body["DeletionPolicy"], body["UpdateReplacePolicy"]) == ("Retain", "Retain")
    register = body["Properties"]
    assert register["DeletionProtectionEnabled"] is True
    assert register["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}


def test_a_mark_that_counts_no_more_goes_by_itself(users: Template) -> None:
    register = the(users, "AWS::DynamoDB::Table", "DatasetRegister")
    assert register["TimeToLiveSpecification"] == {"AttributeName": "ttl", "Enabled": True}


def test_every_five_minutes_somebody_looks_for_what_no_intent_could_be_sent_of(
    users: Template,
) -> None:
    [sweep] = every(users, "AWS::Scheduler::Schedule").values()
    assert sweep["ScheduleExpression"] == "rate(5 minutes)"
    assert sweep["Target"]["Arn"] == "<DatasetOperations.Arn>"
    assert json.loads(sweep["Target"]["Input"]) == {"action": "sweep"}


def test_a_command_that_fails_is_tried_twice_more_and_then_rests(users: Template) -> None:
    [settings] = every(users, "AWS::Lambda::EventInvokeConfig").values()
    assert settings["MaximumRetryAttempts"] == 2
    resting = settings["DestinationConfig"]["OnFailure"]["Destination"]
    assert resting == "<DatasetOperationsDeadLetters.Arn>"


def test_people_are_told_of_what_keeps_the_follower_behind(users: Template) -> None:
    told = {
        alarm["AlarmName"]: (alarm["MetricName"], alarm["Threshold"], alarm["EvaluationPeriods"])
        for alarm in every(users, "AWS::CloudWatch::Alarm").values()
    }
    visible, age = "ApproximateNumberOfMessagesVisible", "ApproximateAgeOfOldestMessage"
    assert told == {
        "Users-users-dataset-dead-letters": (visible, 0, 1),
        "Users-users-dataset-commands": (visible, 0, 1),
        "Users-users-unreconciled": ("Unreconciled", 0, 3),
        "Users-users-follower-lag": (age, 300, 1),
    }
    for alarm in every(users, "AWS::CloudWatch::Alarm").values():
        assert alarm["AlarmActions"] == ["<DatasetTopic>"]


def test_its_functions_are_told_whose_they_are(users: Template) -> None:
    for role in ("Reconciler", "Operations"):
        made = the(users, "AWS::Lambda::Function", f"Dataset{role}")
        assert made["Environment"]["Variables"] == {
            Variable.DATASET: "Users/users",
            Variable.DATASET_PACKAGE: "datasets.users",
            Variable.DATASET_TABLE: "<DatasetRegister>",
            Variable.DATASET_QUEUE: "<DatasetIntents>",
            Variable.DATASET_DEAD_LETTERS: "<DatasetDeadLetters>",
        }


def allowed(policy: dict[str, Any]) -> dict[str, set[str]]:
    """What a policy allows: actions, by the resource on which."""
    found = dict[str, set[str]]()
    for statement in policy["PolicyDocument"]["Statement"]:
        actions, on = statement["Action"], statement["Resource"]
        for resource in on if isinstance(on, list) else [on]:
            found.setdefault(resource, set()).update(
                actions if isinstance(actions, list) else [actions]
            )
    return found


BY_KEY = {"dynamodb:GetItem", "dynamodb:PutItem"}
SENDING = {"sqs:SendMessage"}


def test_a_route_may_do_what_a_write_takes_and_nothing_else(users: Template) -> None:
    policy = the(users, "AWS::IAM::ManagedPolicy", "DatasetRoutePolicy")
    assert allowed(policy) == {
        "<DatasetRegister.Arn>": {*BY_KEY, "dynamodb:BatchGetItem"},
        "<DatasetIntents.Arn>": SENDING,
    }


def test_who_moves_a_flag_may_ask_the_dataset_and_reach_nothing_of_it(users: Template) -> None:
    policy = the(users, "AWS::IAM::ManagedPolicy", "DatasetOperationsPolicy")
    function = "<DatasetOperations.Arn>"
    assert allowed(policy) == {function: {"lambda:InvokeFunction"}}


def test_only_the_commands_may_look_at_every_mark(users: Template) -> None:
    may = {
        role: allowed(the(users, "AWS::IAM::Policy", f"Dataset{role}RoleDefaultPolicy"))
        for role in ("Reconciler", "Operations")
    }
    assert may["Reconciler"]["<DatasetRegister.Arn>"] == {*BY_KEY, "dynamodb:UpdateItem"}
    assert may["Operations"]["<DatasetRegister.Arn>"] == {*BY_KEY, "dynamodb:Scan"}


def test_a_route_of_another_stack_is_deployed_alone(app: App) -> None:
    for template in app.templates.values():
        assert "Fn::ImportValue" not in json.dumps(template)
        assert not any("Export" in output for output in template["Outputs"].values())
    parameters = app.templates["Orders"]["Parameters"].values()
    looked_up = {each["Default"] for each in parameters} - {"/cdk-bootstrap/hnb659fds/version"}
    published = {
        parameter["Name"]
        for parameter in every(app.templates["Users"], "AWS::SSM::Parameter").values()
    }
    assert looked_up == published
    assert all(name.startswith(f"{PUBLISHED}/") for name in published)


def variables(template: Template, role: str) -> dict[str, Any]:
    found: dict[str, Any] = the(template, "AWS::Lambda::Function", f"Service{role}")
    return {
        name: value
        for name, value in found["Environment"]["Variables"].items()
        if name.startswith(Variable.DATASET)
    }


def test_each_function_of_a_route_knows_what_it_needs_of_its_dataset(orders: Template) -> None:
    named = {Variable.DATASET: "Users/users"}
    loaded = {**named, Variable.DATASET_PACKAGE: "datasets.users"}
    assert variables(orders, "Candidate") == variables(orders, "Shadow") == loaded
    assert variables(orders, "Route").keys() == loaded.keys() | {
        Variable.DATASET_TABLE,
        Variable.DATASET_QUEUE,
    }
    for role in ("Operations", "FlagValidatorFunction"):
        assert variables(orders, role).keys() == named.keys() | {Variable.DATASET_FUNCTION}
    for role in ("PreTraffic", "CeilingChangeFunction", "FlagVersionsFunction"):
        assert variables(orders, role) == {}


def test_a_published_version_of_a_route_holds_names_that_outlive_a_deployment(
    users: Template, orders: Template
) -> None:
    known = variables(orders, "Route")
    assert known[Variable.DATASET_TABLE] == "Users-users"
    assert known[Variable.DATASET_TABLE] == the(users, "AWS::DynamoDB::Table")["TableName"]
    queue = the(users, "AWS::SQS::Queue", "DatasetIntents")["QueueName"]
    assert known[Variable.DATASET_QUEUE] == (
        f"https://sqs.<AWS::Region>.<AWS::URLSuffix>/<AWS::AccountId>/{queue}"
    )


def test_a_route_is_the_same_version_in_every_environment(lambdas: Path) -> None:
    def versions(**options: Any) -> set[str]:
        stack = stack_of_nothing("Users", **options)
        with_dataset(stack, lambdas, dataset(stack, lambdas))
        resources = App(stack).templates["Users"]["Resources"]
        return {i for i, r in resources.items() if r["Type"] == "AWS::Lambda::Version"}

    germany = cdk.Environment(account="123456789012", region="eu-central-1")
    assert versions() == versions(env=germany)


def test_fails_on_names_that_no_queue_could_carry(lambdas: Path) -> None:
    longest = "S" * (80 - len("-users.fifo"))
    dataset(stack_of_nothing(longest), lambdas)
    with pytest.raises(ValueError, match=r"SQS takes 80 characters.*-users\.fifo'; name the"):
        dataset(stack_of_nothing(f"{longest}S"), lambdas)


def test_the_candidate_and_the_shadow_reach_nothing_of_the_dataset(orders: Template) -> None:
    let_in = {
        role
        for role, properties in every(orders, "AWS::IAM::Role").items()
        if "shadowcanaryUsersusers" in json.dumps(properties.get("ManagedPolicyArns", []))
    }
    assert let_in == {
        "ServiceRouteRole",
        "ServiceOperationsRole",
        "ServiceFlagValidatorFunctionRole",
    }


def test_in_one_stack_nothing_is_looked_up(lambdas: Path) -> None:
    stack = stack_of_nothing("Users")
    with_dataset(stack, lambdas, dataset(stack, lambdas))
    template = App(stack).templates["Users"]
    assert template["Parameters"].keys() == {"BootstrapVersion"}
    assert variables(template, "Operations")[Variable.DATASET_FUNCTION] == "<DatasetOperations.Arn>"
    assert the(template, "AWS::IAM::Role", "ServiceRouteRole")["ManagedPolicyArns"] == [
        "<DatasetRoutePolicy>"
    ]


def test_what_is_nested_in_one_stack_is_deployed_with_it_and_looked_up_by_nobody(
    lambdas: Path,
) -> None:
    stack = stack_of_nothing("Users")
    with_dataset(stack, lambdas, dataset(cdk.NestedStack(stack, "Within"), lambdas))
    template = App(stack).templates["Users"]
    assert template["Parameters"].keys() == {"BootstrapVersion"}
    assert "Within" in json.dumps(variables(template, "Operations")[Variable.DATASET_FUNCTION])


def test_a_route_without_one_knows_of_no_dataset(lambdas: Path) -> None:
    stack = stack_of_nothing()
    service(stack, lambdas)
    template = App(stack).templates["Orders"]
    for role in ("Route", "Candidate", "Shadow", "Operations"):
        assert variables(template, role) == {}


def test_the_dashboard_of_a_route_shows_its_dataset(app: App, lambdas: Path) -> None:
    stack = stack_of_nothing()
    service(stack, lambdas)
    bodies = [
        json.dumps(t["Resources"])
        for t in (app.templates["Orders"], *[App(stack).templates["Orders"]])
    ]
    for metric in ("DirtyReads", "Unreconciled", "Repaired", "FollowerLag"):
        assert [metric in body for body in bodies] == [True, False]


def test_what_a_store_needs_is_granted_to_both_functions_that_run_it(lambdas: Path) -> None:
    stack = stack_of_nothing("Users")
    users = dataset(stack, lambdas)
    table = dynamodb.Table(
        stack,
        "Old",
        partition_key=dynamodb.Attribute(name="id", type=dynamodb.AttributeType.STRING),
    )
    users.grant_control(table.grant_read_data)
    new = dynamodb.Table(
        stack,
        "New",
        partition_key=dynamodb.Attribute(name="id", type=dynamodb.AttributeType.STRING),
    )
    users.grant_candidate(new.grant_write_data)
    template = App(stack).templates["Users"]
    for role in ("Reconciler", "Operations"):
        may = allowed(the(template, "AWS::IAM::Policy", f"Dataset{role}RoleDefaultPolicy"))
        assert "dynamodb:GetItem" in may["<Old.Arn>"]
        assert "dynamodb:PutItem" in may["<New.Arn>"]


def test_a_key_of_ones_own_is_used_for_all_that_holds_a_users_key(lambdas: Path) -> None:
    stack = stack_of_nothing("Users")
    dataset(stack, lambdas, encryption_key=kms.Key(stack, "Key"))
    template = App(stack).templates["Users"]
    register = the(template, "AWS::DynamoDB::Table", "DatasetRegister")
    assert register["SSESpecification"]["KMSMasterKeyId"] == "<Key.Arn>"
    for queue in every(template, "AWS::SQS::Queue").values():
        assert queue["KmsMasterKeyId"] == "<Key.Arn>"
    policy = the(template, "AWS::IAM::ManagedPolicy", "DatasetRoutePolicy")
    assert {"kms:Decrypt", "kms:GenerateDataKey*"} <= allowed(policy)["<Key.Arn>"]


def test_what_a_store_imports_is_a_layer_of_both_functions_that_run_it(
    lambdas: Path, tmp_path: Path
) -> None:
    stack = stack_of_nothing("Users")
    dataset(stack, lambdas, requirements=lock(tmp_path))
    template = App(stack).templates["Users"]
    of_all = [f"<Dataset{role}Layer>" for role in ("Runtime", "Database", "Dataset")]
    for role in ("Reconciler", "Operations"):
        made = the(template, "AWS::Lambda::Function", f"Dataset{role}")
        assert made["Layers"] == [*of_all, "<DatasetRequirementsLayer>"]


def test_fails_on_a_package_that_its_own_layers_have_in_another_version(
    lambdas: Path, tmp_path: Path
) -> None:
    other = HASHED + "\naws-lambda-powertools==0.0.1 --hash=sha256:0\n"
    with pytest.raises(ValueError, match=r"has aws-lambda-powertools 0\.0\.1, and a layer"):
        dataset(stack_of_nothing("Users"), lambdas, requirements=lock(tmp_path, other))


def test_in_a_network_both_functions_stand_in_it(lambdas: Path) -> None:
    stack = stack_of_nothing("Users")
    vpc = ec2.Vpc(stack, "Vpc")
    group = ec2.SecurityGroup(stack, "Group", vpc=vpc)
    first = ec2.SubnetSelection(subnets=vpc.private_subnets[:1])
    dataset(stack, lambdas, vpc=vpc, security_groups=[group], vpc_subnets=first)
    template = App(stack).templates["Users"]
    for role in ("Reconciler", "Operations"):
        network = the(template, "AWS::Lambda::Function", f"Dataset{role}")["VpcConfig"]
        assert network["SecurityGroupIds"] == ["<Group.GroupId>"]
        assert len(network["SubnetIds"]) == 1
    with pytest.raises(ValueError, match="are of a VPC: give vpc="):
        dataset(stack_of_nothing("Others"), lambdas, security_groups=[group])


def test_what_one_service_is_given_of_a_dataset_needs_no_acknowledgement(lambdas: Path) -> None:
    stack = stack_of_nothing("Users")
    orders = beside(stack, "Orders")
    made = with_dataset(orders, lambdas, dataset(stack, lambdas))
    assert made.node.validate() == []
    assert [warnings(orders, id_) for id_ in (ONE_SIDED_GRANT, PARAMETER_IN_VERSION)] == [[], []]


def test_its_metrics_are_asked_for_by_the_dataset_alone(lambdas: Path) -> None:
    users = dataset(stack_of_nothing("Users"), lambdas)
    metrics = [
        users.metric_unreconciled(),
        users.metric_dirty_reads(),
        users.metric_repaired(),
        users.metric_follower_lag(),
    ]
    assert [metric.metric_name for metric in metrics] == [
        *("Unreconciled", "DirtyReads", "Repaired", "FollowerLag")
    ]
    assert [metric.statistic for metric in metrics] == ["Sum", "Sum", "Sum", "Maximum"]
    for metric in metrics:
        assert metric.dimensions == {"Dataset": "Users/users"}


def test_fails_on_a_route_that_does_not_ship_its_datasets_package(lambdas: Path) -> None:
    stack = stack_of_nothing("Users")
    users = dataset(stack, lambdas)
    with pytest.raises(ValueError, match=r"needs its package datasets\.users.*packages=\['.*users"):
        service(stack, lambdas, dataset=users)


def test_fails_on_a_route_that_ships_it_under_another_name(lambdas: Path) -> None:
    stack = stack_of_nothing("Users")
    packages = [lambdas / "datasets/users"]
    code = RouteCode(lambdas / "routes/orders", root=lambdas.parent, packages=packages)
    with pytest.raises(ValueError, match=r"does not ship under this name.*the root of the dataset"):
        service(stack, lambdas, code=code, dataset=dataset(stack, lambdas))


def test_fails_on_another_dataset_of_that_name(lambdas: Path) -> None:
    stack = stack_of_nothing("Users")
    dataset(stack, lambdas)
    code = DatasetCode(lambdas / "datasets/users", root=lambdas)
    with pytest.raises(ValueError, match=r"Users/Dataset and Users/Other would both name"):
        Dataset(stack, "Other", name="users", code=code)


def test_fails_on_a_dataset_in_another_region(lambdas: Path) -> None:
    stack = stack_of_nothing("Users", env=cdk.Environment(region="eu-central-1"))
    users = dataset(stack, lambdas)
    orders = beside(stack, "Orders", env=cdk.Environment(region="us-east-1"))
    with pytest.raises(ValueError, match=r"are in one region: Users/Dataset is in eu-central-1"):
        with_dataset(orders, lambdas, users)


@pytest.mark.parametrize(
    ("given", "why"),
    [
        ({"name": "Users"}, r"name names metrics and alarms.*such as 'users'; got 'Users'"),
        ({"code": "src/users"}, r"code is a DatasetCode, such as DatasetCode\(\"src/users\"\)"),
        ({"memory_size": 64}, r"memory_size is a whole number, from 128"),
        ({"environment": {"SHADOW_CANARY_X": "1"}}, r"SHADOW_CANARY_X is set by"),
    ],
    ids=["name", "code", "memory_size", "environment"],
)
def test_fails_on_what_no_dataset_can_be_made_of(
    lambdas: Path, given: dict[str, Any], why: str
) -> None:
    with pytest.raises(ValueError, match=why):
        dataset(stack_of_nothing("Users"), lambdas, **given)


def test_fails_on_a_dataset_that_is_none(lambdas: Path) -> None:
    with pytest.raises(ValueError, match=r"dataset is a Dataset, .*; got 'users'"):
        service(stack_of_nothing(), lambdas, dataset="users")


def test_a_topic_of_ones_own_hears_the_alarms(lambdas: Path) -> None:
    stack = stack_of_nothing("Users")
    dataset(stack, lambdas, notifications=sns.Topic(stack, "Mine"))
    template = App(stack).templates["Users"]
    assert every(template, "AWS::SNS::Topic").keys() == {"Mine"}
    for alarm in every(template, "AWS::CloudWatch::Alarm").values():
        assert alarm["AlarmActions"] == ["<Mine>"]


def test_a_writers_timeout_leaves_time_for_a_move_of_the_authority(lambdas: Path) -> None:
    def warned(seconds: int) -> list[str]:
        stack = stack_of_nothing("Users")
        made = with_dataset(
            stack, lambdas, dataset(stack, lambdas), timeout=cdk.Duration.seconds(seconds)
        )
        by_http_api(stack, made.alias, "PUT")
        assert made.node.validate() == []
        return warnings(stack, WRITES_NOT_HELD)

    deadline = 2
    assert [len(warned(WRITES_NEED_S + deadline + more)) for more in (-1, 0)] == [1, 0]


def asset(code: DatasetCode | RouteCode) -> set[str]:
    folder = Path(code.asset.path)
    return {path.relative_to(folder).parts[0] for path in folder.rglob("*.py")}


def test_a_route_ships_the_code_of_datasets_exactly_where_it_has_one(lambdas: Path) -> None:
    route = lambdas / "routes/orders"
    packages = [lambdas / "datasets/users"]
    assert "dataset" not in asset(RouteCode(route, root=lambdas))
    assert {"dataset", "datasets", "shadow_runtime", "routes"} <= asset(
        RouteCode(route, root=lambdas, packages=packages)
    )


def test_a_dataset_ships_itself_and_the_runtime(lambdas: Path) -> None:
    shipped = asset(DatasetCode(lambdas / "datasets/users", root=lambdas))
    assert shipped - {"dataset_runtime"} == {"dataset", "datasets", "shadow_runtime"}


@pytest.mark.parametrize("missing", ["records.py", "control.py", "candidate.py"])
def test_fails_on_a_file_of_a_dataset_that_is_missing(lambdas: Path, missing: str) -> None:
    folder = copied(lambdas, missing)
    (folder / missing).unlink()
    with pytest.raises(ValueError, match=rf"needs {missing} in that folder"):
        DatasetCode(folder, root=folder.parents[1])


def copied(lambdas: Path, name: str) -> Path:
    folder = lambdas.with_name(f"{lambdas.name}-{name}") / "datasets" / "users"
    folder.mkdir(parents=True, exist_ok=True)
    for path in (lambdas / "datasets/users").iterdir():
        (folder / path.name).write_text(path.read_text())
    return folder


@pytest.mark.parametrize(
    ("file", "lacking"),
    [
        ("records.py", "keys and translate and inverse"),
        ("control.py", "store"),
        ("candidate.py", "store"),
    ],
)
def test_fails_on_what_a_file_of_a_dataset_must_define(
    lambdas: Path, file: str, lacking: str
) -> None:
    folder = copied(lambdas, f"empty-{file}")
    (folder / file).write_text("")
    with pytest.raises(ValueError, match=rf"{file} does not define {lacking}; define it"):
        DatasetCode(folder, root=folder.parents[1])


def test_it_goes_as_its_routes_may(lambdas: Path) -> None:
    """A writer is refused past `shadow` without a dataset, and not with one."""
    stack = stack_of_nothing("Users")
    made = with_dataset(
        stack,
        lambdas,
        dataset(stack, lambdas),
        ceiling=Stage.LIVE,
        timeout=cdk.Duration.seconds(20),
    )
    by_http_api(stack, made.alias, "PUT")
    assert made.node.validate() == []
