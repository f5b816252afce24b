"""Data that routes read and write, on its way from control's store to the candidate's."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from aws_cdk import Aws, CfnOutput, Duration, RemovalPolicy, Stack, Token
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from dataset.register import DELAY_S
from shadow_canary.alarms import DatasetAlarms
from shadow_canary.arguments import check_kind, check_name, check_runtime, check_whole
from shadow_canary.code import (
    ARCHITECTURE,
    LOCKS,
    PYTHON,
    DatasetCode,
    LockedLayer,
    RouteCode,
    layers_of_team,
)
from shadow_canary.findings import acknowledge
from shadow_canary.functions import FunctionOptions, LeastPrivilegeFunction, Network, TeamCode
from shadow_canary.grants import FailuresTo, let
from shadow_canary.metrics import DatasetMetrics, full_name, outermost
from shadow_canary.names import check_own_name
from shadow_canary.operations import Tick
from shadow_canary.topic import RouteTopic, let_alarms_publish, let_logs_use
from shadow_runtime.contract import Variable

_FUNCTION, _OF_ROUTES, _OF_MOVERS = "function", "route-policy", "operations-policy"
"""What is published, below the dataset's name."""

_LONGEST_QUEUE = 80
"""https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/quotas-queues.html"""

WRITES_NEED_S = 15
"""Of a route's timeout beside the candidate's deadline: the authority moves in some 11 seconds, and
the effect of a write that was held meanwhile takes up to three more."""

_RECEIVES = 5
_RECONCILER_S = 10
_VISIBILITY_S = 6 * _RECONCILER_S
"""https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html"""


class Dataset(DatasetMetrics, Construct):
    """The data of routes that write, and who the authority for it is: control or the candidate.

    Creates the register, which each write reads; the queue of intents, with what could not be done;
    the reconciler, which makes the other side equal; the function that backfills, verifies and
    moves the authority, asked every five minutes to copy what was left behind; and four alarms that
    tell people. A deploy moves no authority: `shadowctl dataset` does.

    Routes of other stacks are let in by policies that stand here, and find these through SSM
    parameters: no export locks a stack to another, and each deploys alone. The table and the queue
    are named after the stack and the dataset, as a published version of a route holds their names.

    Args:
        scope: the stack of the data, or the one route's that has it.
        id_: role noun in that stack, such as `Dataset`.
        name: of the dataset in metrics, logs and alarms: lower case, digits, hyphens.
        code: the folder with `records.py`, `control.py` and `candidate.py`.
        notifications: standard topic that hears the alarms - a topic made here.
        memory_size: of its functions, in MiB - 1024.
        environment: variables of its functions - none.
        layers: of them, beside its own - none.
        requirements: a lock file with hashes of what your code imports, relative to where the app
            runs; a layer of them - none.
        runtime: of its functions, Python 3.12 or newer - Python 3.13.
        architecture: of them - arm64.
        vpc: network of them - none. They need a way to the APIs that they call.
        vpc_subnets: where they stand in it - its private subnets.
        security_groups: of them - one for each function.
        log_retention: of their logs - one month.
        removal_policy: of the register and the logs, when the stack goes - retained, and then no
            register can be deleted at all.
        encryption_key: of the register, the queues, the logs and the topic made here - AWS's own.

    Attributes:
        register: the table of the register and of the marks of keys that are behind.
        intents: the FIFO queue of keys that are about to change.
        dead_letters: where an intent rests that the reconciler failed at five times.
        reconciler: takes intents, and copies what the other side lacks.
        operations: takes the commands.
        sweep: asks it to copy what no intent could be sent of.
        alarms: four that tell people.
        topic: hears them.

    Raises:
        ValueError: an argument makes no sense; says which one, what was given and what to give.

    Example:
        >>> users = Dataset(
        ...     self, "Dataset", name="users", code=DatasetCode("src/users")
        ... )  # doctest: +SKIP
        >>> users.grant_control(table.grant_read_write_data)  # doctest: +SKIP
        >>> ShadowCanaryService(self, "Service", dataset=users, ...)  # doctest: +SKIP
    """

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        name: str,
        code: DatasetCode,
        notifications: sns.ITopic | None = None,
        memory_size: int = 1024,
        environment: Mapping[str, str] | None = None,
        layers: Sequence[lambda_.ILayerVersion] = (),
        requirements: str | Path | None = None,
        runtime: lambda_.Runtime = PYTHON,
        architecture: lambda_.Architecture = ARCHITECTURE,
        vpc: ec2.IVpc | None = None,
        vpc_subnets: ec2.SubnetSelection | None = None,
        security_groups: Sequence[ec2.ISecurityGroup] | None = None,
        log_retention: logs.RetentionDays = logs.RetentionDays.ONE_MONTH,
        removal_policy: RemovalPolicy = RemovalPolicy.RETAIN,
        encryption_key: kms.IKey | None = None,
    ) -> None:
        super().__init__(scope, id_)
        check_name("users", name=name)
        check_own_name(self, name)
        check_kind(DatasetCode, code=code)
        check_whole(128, 10_240, memory_size=memory_size)
        check_runtime(runtime)

        self.name = name
        self.full_name = full_name(self, name)
        self._physical_name = self.full_name.replace("/", "-")
        self._queue_name = f"{self._physical_name}.fifo"
        if len(self._queue_name) > _LONGEST_QUEUE:
            raise ValueError(
                f"SQS takes {_LONGEST_QUEUE} characters, and the queue of {self.node.path} would "
                f"be {self._queue_name!r}; name the dataset, or its stack, shorter"
            )
        self.code = code
        self.topic = notifications or RouteTopic(
            self, "Topic", route=name, encryption_key=encryption_key
        )
        let_alarms_publish(self, self.topic)
        if encryption_key is not None:
            let_logs_use(self, encryption_key)
            for action in ("GenerateDataKey*", "ReEncrypt*"):
                acknowledge(
                    self, f"IAM5[Action::kms:{action}]", "so the CDK grants the use of a key"
                )
        self._key = encryption_key
        self.register = dynamodb.Table(
            self,
            "Register",
            table_name=self._physical_name,
            partition_key=dynamodb.Attribute(name="pk", type=dynamodb.AttributeType.STRING),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            time_to_live_attribute="ttl",
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            deletion_protection=removal_policy is RemovalPolicy.RETAIN,
            removal_policy=removal_policy,
            encryption_key=encryption_key,
        )
        queue = partial(
            sqs.Queue,
            self,
            retention_period=Duration.days(14),
            enforce_ssl=True,
            encryption_master_key=encryption_key,
        )
        fifo = partial(
            queue,
            fifo=True,
            # As many messages as DynamoDB takes writes; each group has a limit of its own.
            deduplication_scope=sqs.DeduplicationScope.MESSAGE_GROUP,
            fifo_throughput_limit=sqs.FifoThroughputLimit.PER_MESSAGE_GROUP_ID,
        )
        self.dead_letters = fifo("DeadLetters")
        self.intents = fifo(
            "Intents",
            queue_name=self._queue_name,
            delivery_delay=Duration.seconds(DELAY_S),
            visibility_timeout=Duration.seconds(_VISIBILITY_S),
            dead_letter_queue=sqs.DeadLetterQueue(
                queue=self.dead_letters, max_receive_count=_RECEIVES
            ),
        )

        def layer(id_: str, lock: str | Path) -> LockedLayer:
            return LockedLayer(self, id_, lock=lock, runtime=runtime, architecture=architecture)

        own = [
            layer("RuntimeLayer", LOCKS / "runtime.txt"),
            layer("DatabaseLayer", LOCKS / "database.txt"),
            layer("DatasetLayer", LOCKS / "dataset.txt"),
        ]
        function = partial(
            _DatasetFunction,
            self,
            team=TeamCode(
                code=code,
                layers=layers_of_team(layers, requirements, beside=own, layer=layer),
                environment=environment or {},
                network=Network(vpc=vpc, vpc_subnets=vpc_subnets, security_groups=security_groups),
            ),
            options=FunctionOptions(
                layers=own,
                runtime=runtime,
                architecture=architecture,
                log_retention=log_retention,
                removal_policy=removal_policy,
                encryption_key=encryption_key,
            ),
            variables={
                Variable.DATASET: self.full_name,
                Variable.DATASET_PACKAGE: code.package,
                Variable.DATASET_TABLE: self.register.table_name,
                Variable.DATASET_QUEUE: self.intents.queue_url,
                Variable.DATASET_DEAD_LETTERS: self.dead_letters.queue_url,
            },
            memory_size=memory_size,
        )
        self.reconciler = function(
            "Reconciler",
            description=f"{name}: makes the other side equal, key by key",
            handler="reconcile",
            timeout=Duration.seconds(_RECONCILER_S),
        )
        for action in ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes"):
            let(self.reconciler, f"sqs:{action}", self.intents.queue_arn)
        self.reconciler.add_event_source_mapping(
            "Intents", event_source_arn=self.intents.queue_arn, report_batch_item_failures=True
        )
        self._let_use(self.reconciler, "UpdateItem")  # whose marker ends a fence
        self.operations = function(
            "Operations",
            description=f"{name}: backfills, verifies, repairs, and moves the authority",
            handler="operate",
            timeout=Duration.minutes(5),
        )
        failures = queue("OperationsDeadLetters")
        self.operations.configure_async_invoke(retry_attempts=2, on_failure=FailuresTo(failures))
        self._let_use(self.operations, "Scan")
        self._let_send(self.operations)
        for each in (self.intents, self.dead_letters):
            let(self.operations, "sqs:GetQueueAttributes", each.queue_arn)
        for action in ("ReceiveMessage", "DeleteMessage"):
            let(self.operations, f"sqs:{action}", self.dead_letters.queue_arn)
        for last in (self.dead_letters, failures):
            acknowledge(last, "SQS3", "this is a dead-letter queue")
        self.sweep = Tick(
            self,
            "Sweep",
            action="sweep",
            description=f"Copies what no intent of {name} could be sent of",
            operations=self.operations,
        )
        self.alarms = DatasetAlarms(
            self,
            "Alarms",
            name=name,
            topic=self.topic,
            intents=self.intents,
            dead_letters=self.dead_letters,
            failed_commands=failures,
            unreconciled=self.metric_unreconciled(),
        )
        self._publish()
        CfnOutput(
            self,
            "DatasetFunctionName",
            description=f"{name}: where shadowctl starts from",
            value=self.operations.function_name,
        )

    def grant_control(self, grant: Callable[[lambda_.Function], object]) -> None:
        """Gives what control's `store` needs to the two functions that run it.

        `grant` is called with each of them.

        Example:
            >>> users.grant_control(table.grant_read_write_data)  # doctest: +SKIP
        """
        for function in (self.reconciler, self.operations):
            grant(function)

    def grant_candidate(self, grant: Callable[[lambda_.Function], object]) -> None:
        """Gives what the candidate's `store` needs to the two functions that run it.

        `grant` is called with each of them.

        Example:
            >>> users.grant_candidate(secret.grant_read)  # doctest: +SKIP
        """
        self.grant_control(grant)

    def serve(
        self,
        code: RouteCode,
        *,
        route: LeastPrivilegeFunction,
        sides: Sequence[LeastPrivilegeFunction],
        movers: Sequence[LeastPrivilegeFunction],
    ) -> None:
        """Lets a route use it; a service with `dataset=` calls this.

        `route` reads the register and sends intents. `sides` run the candidate on what the route
        tells them, and reach nothing of this. `movers` move the route's flag, and ask `operations`
        whether they may.

        Raises:
            ValueError: `code` does not ship the dataset's package, or the route is in another
                region or account.
        """
        _check_ships(code, self)
        _check_same_place(self, route)
        for function in (route, *sides, *movers):
            function.add_environment(Variable.DATASET, self.full_name)
        for function in (route, *sides):
            function.add_environment(Variable.DATASET_PACKAGE, self.code.package)
        route.add_environment(Variable.DATASET_TABLE, self._physical_name)
        # Alike with and without an env= of the stack, as a version's hash covers it.
        host = f"https://sqs.{Aws.REGION}.{Aws.URL_SUFFIX}"
        url = f"{host}/{Aws.ACCOUNT_ID}/{self._queue_name}"
        route.add_environment(Variable.DATASET_QUEUE, url)
        self._let(route, _OF_ROUTES)
        for function in movers:
            function.add_environment(Variable.DATASET_FUNCTION, self._known(_FUNCTION, function))
            self._let(function, _OF_MOVERS)

    def _publish(self) -> None:
        """What routes of other stacks find, and what lets them in."""
        of_routes = iam.ManagedPolicy(
            self,
            "RoutePolicy",
            description=f"Reads and writes the register of {self.name}; announces",
        )
        self._let_use(of_routes, "BatchGetItem")
        self._let_send(of_routes)
        of_movers = iam.ManagedPolicy(
            self,
            "OperationsPolicy",
            description=f"Asks how far {self.name} is, and for its way back",
        )
        let(of_movers, "lambda:InvokeFunction", self.operations.function_arn)
        self._published = {
            _FUNCTION: self.operations.function_arn,
            _OF_ROUTES: of_routes.managed_policy_arn,
            _OF_MOVERS: of_movers.managed_policy_arn,
        }
        for what, value in self._published.items():
            id_ = "".join(word.capitalize() for word in what.split("-"))
            ssm.StringParameter(
                self, f"{id_}Parameter", parameter_name=self._parameter(what), string_value=value
            )

    def _let_use(self, grantee: iam.IGrantable, *actions: str) -> None:
        """The register, and the marks, by their keys, and `actions` beside."""
        for action in ("GetItem", "PutItem", *actions):
            let(grantee, f"dynamodb:{action}", self.register.table_arn)
        if self._key is not None:
            self._key.grant_encrypt_decrypt(grantee)

    def _let_send(self, grantee: iam.IGrantable) -> None:
        let(grantee, "sqs:SendMessage", self.intents.queue_arn)

    def _let(self, function: LeastPrivilegeFunction, what: str) -> None:
        arn = self._known(what, function)
        function.attach(iam.ManagedPolicy.from_managed_policy_arn(function, "Dataset", arn))

    def _known(self, what: str, function: lambda_.Function) -> str:
        """What is published, as it is known in the stack of `function`.

        CloudFormation reads parameters before it deploys a stack, and those that are nested in it.
        """
        stack = Stack.of(function)
        if outermost(stack) is outermost(Stack.of(self)):
            return self._published[what]
        return ssm.StringParameter.value_for_string_parameter(stack, self._parameter(what))

    def _parameter(self, what: str) -> str:
        return f"/shadow-canary/{self.full_name}/{what}"


class _DatasetFunction(LeastPrivilegeFunction):
    """Runs both stores of a dataset."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        description: str,
        handler: str,
        team: TeamCode,
        options: FunctionOptions,
        variables: Mapping[Variable, str],
        timeout: Duration,
        memory_size: int,
    ) -> None:
        super().__init__(
            scope,
            id_,
            description=description,
            code=team.code.asset,
            handler=f"dataset_runtime.handler.{handler}",
            options=options,
            layers=team.layers,
            environment=variables,
            team=team.environment,
            network=team.network,
            timeout=timeout,
            memory_size=memory_size,
        )


def _check_ships(code: RouteCode, dataset: Dataset) -> None:
    if not code.ships(dataset.code.package):
        raise ValueError(
            f"dataset={dataset.name!r} of the route in {code.folder} needs its package "
            f"{dataset.code.package}, which that does not ship under this name; give the route's "
            f"code packages=[{dataset.code.folder!r}], and the root of the dataset's"
        )


def _check_same_place(dataset: Dataset, route: lambda_.Function) -> None:
    here, there = Stack.of(dataset), Stack.of(route)
    for what in ("account", "region"):
        own, other = getattr(here, what), getattr(there, what)
        if own != other and not Token.is_unresolved(own) and not Token.is_unresolved(other):
            raise ValueError(
                f"a dataset and its routes are in one {what}: {dataset.node.path} is in {own}, "
                f"{route.node.path} in {other}"
            )
