"""The derived assembly: what the CDK CLI deploys to the embedded AWS instead of `cdk.out`.

The constructs never know that they run locally: this is the one place that does. `DIFFERENCES`
names what the embedded AWS does not have and what stands in for it. Whatever is not named there is
deployed as it stands.
"""

import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import shadow_runtime
from analysis.template import LOCK
from judge import Ramp
from localaws import LocalError
from localaws.environment import ACCOUNT, REGION, building, cache
from shadow_runtime.contract import Variable

TIME_SCALE = 30
"""Periods of alarms, and the steps and bake times of AppConfig's deployments, are so much shorter.

Nothing else is: a timeout, a deadline and a poll last as long as on AWS.
"""

MINUTE_SECONDS = 60 / TIME_SCALE
"""What a minute of those lasts."""

RAMP_DWELL = timedelta(seconds=5)
RAMP_MISMATCH_PERCENT = 3.0
_TOLERATED = f"{RAMP_MISMATCH_PERCENT:g} % of the pairs may differ: a few hundred pairs decide"

_HOST_LAYERS = "no other machine than this one: layers hold its own wheels"
_ONE_ENVIRONMENT = f"no other account or region: a stack's env= is {ACCOUNT} and {REGION}"

_LOCKS = Path(shadow_runtime.__path__[0]) / "requirements"

Template = dict[str, Any]
Assets = dict[str, dict[str, Any]]


class Target(NamedTuple):
    """What a template is derived for: the name of its stack, and when; `now` is UTC."""

    stack: str
    now: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """Something that AWS has and the embedded one lacks, and what stands in for it.

    `apply` changes a template in place and counts what it changed.

    Example:
        >>> Difference(missing="no TLS", instead="plain http", apply=_plain_http).missing
        'no TLS'
    """

    missing: str
    instead: str
    apply: Callable[[Template, Target], int]


def derive(cdk_out: Path, out: Path, *, now: datetime) -> list[str]:
    """Writes the derived assembly to `out` and says, in words, what differs from `cdk_out`.

    Assets are not copied: the assembly is good as long as `cdk_out` is. `now` is UTC. What `out`
    held before is gone.

    Raises:
        LocalError: a layer could not be built.
    """
    shutil.rmtree(out, ignore_errors=True)
    applied = _derive_assembly(cdk_out, out, now)
    return [f"{words} ({count})" for words, count in applied.items() if count]


def built_layer(lock: str, *, folder: Path | None = None) -> Path:
    """A layer of this machine's wheels, built once for each state of `lock`, platform and Python.

    In `folder`, by default the app's cache.

    It holds no packages, but the path to them: every Lambda process unpacks its layers anew, and
    several thousand files would make each of its cold starts a second longer.

    Raises:
        LocalError: the packages could not be installed.
    """
    path = Path(lock) if lock.startswith("./") else _LOCKS / lock  # a team's, from its app
    built = (folder or cache() / "layers").resolve()
    inputs = [path.read_text(), platform.platform(), sys.version, str(built)]
    key = hashlib.sha256("\n".join(inputs).encode()).hexdigest()
    one = built / f"{path.stem}-{key[:16]}"
    with building(built):
        if not one.exists():
            _build_layer(path, one)
    return one / "layer"


def _build_layer(lock: Path, folder: Path) -> None:
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


def _derive_assembly(source: Path, out: Path, now: datetime) -> Counter[str]:
    """The stacks of an assembly, and of those of its Stages, which are assemblies in it."""
    out.mkdir(parents=True)
    for path in source.glob("*.json"):
        shutil.copy(path, out)
    manifest = json.loads((source / "manifest.json").read_text())
    applied: Counter[str] = Counter()
    artifacts = manifest["artifacts"]
    for artifact_id, artifact in artifacts.items():
        match artifact["type"]:
            case "aws:cloudformation:stack":
                here = _Here(source, out, artifact["environment"])
                artifacts[artifact_id] = here.read(json.dumps(artifact))
                properties = artifacts[artifact_id]["properties"]
                target = Target(properties.get("stackName", artifact_id), now)
                applied += _derive_stack(properties, here, target)
                applied[_ONE_ENVIRONMENT] += here.is_elsewhere
            case "cdk:cloud-assembly":
                folder = artifact["properties"]["directoryName"]
                applied += _derive_assembly(source / folder, out / folder, now)
    _write(out / "manifest.json", manifest)
    return applied


class _Here(NamedTuple):
    """Where a stack is read and written, and the environment that it names: `aws://1…/eu-…`."""

    source: Path
    out: Path
    environment: str

    @property
    def is_elsewhere(self) -> bool:
        return "unknown" not in self.environment

    def read(self, text: str) -> Any:
        """What `text`, which is JSON, says when the account and region are the embedded ones."""
        account, region = self.environment.removeprefix("aws://").split("/")
        return json.loads(text.replace(account, ACCOUNT).replace(region, REGION))

    def load(self, name: str) -> Any:
        return self.read((self.source / name).read_text())


def _derive_stack(properties: dict[str, Any], here: _Here, target: Target) -> Counter[str]:
    """Its template, those of the stacks nested in it, and their assets.

    `properties` is changed in place.
    """
    for role in ("assumeRoleArn", "cloudFormationExecutionRoleArn", "lookupRole"):
        properties.pop(role, None)
    own = properties["templateFile"]
    assets = own.replace(".template.", ".assets.")
    manifest = here.load(assets)
    files: Assets = manifest["files"]

    applied: Counter[str] = Counter()
    templates = {}
    keys = {}
    for old, asset in [*files.items()]:
        path = asset["source"].get("path", "")
        if path == own or path.endswith(".nested.template.json"):
            template = here.load(path)
            for difference in DIFFERENCES:
                words = f"{difference.missing}: {difference.instead}"
                applied[words] += difference.apply(template, target)
            applied[_HOST_LAYERS] += _host_layers(template, files)
            templates[path] = text = json.dumps(template, indent=1)
            keys[old] = hashlib.sha256(f"{old}{text}".encode()).hexdigest()
            _rename(files, old, keys[old])
        else:
            asset["source"]["path"] = str(here.source.resolve() / path)
    for path, text in templates.items():
        (here.out / path).write_text(_renamed(text, keys))
    url = properties["stackTemplateAssetObjectUrl"]
    properties["stackTemplateAssetObjectUrl"] = _renamed(url, keys)
    for asset in files.values():
        for destination in asset["destinations"].values():
            destination.pop("assumeRoleArn", None)
    _write(here.out / assets, manifest)
    return applied


def _renamed(text: str, keys: Mapping[str, str]) -> str:
    """As `text`, which names assets by their keys, is with the new ones."""
    for old, new in keys.items():
        text = text.replace(old, new)
    return text


def _host_layers(template: Template, files: Assets) -> int:
    found = [r for r in template["Resources"].values() if LOCK in r.get("Metadata", {})]
    for layer in found:
        folder = built_layer(layer["Metadata"][LOCK])
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


def _write(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=1))


def _without(kind: str) -> Callable[[Template, Target], int]:
    """Takes out the resources of a kind, and what refers to them."""

    def apply(template: Template, _: Target) -> int:
        removed = dict(_resources(template, kind)).keys()
        for logical_id in removed:
            del template["Resources"][logical_id]
        for resource in template["Resources"].values():
            resource.get("UpdatePolicy", {}).pop("CodeDeployLambdaAliasUpdate", None)
            _keep_statements(resource, lambda statement: not _mentions(statement, removed))
            if "DependsOn" in resource:
                named = resource["DependsOn"]
                named = [named] if isinstance(named, str) else named
                resource["DependsOn"] = [i for i in named if i not in removed]
        outputs = template.get("Outputs", {})
        for name in [n for n, output in outputs.items() if _mentions(output, removed)]:
            del outputs[name]
        return len(removed)

    return apply


def _plain_alarms(template: Template, _: Target) -> int:
    composite = _resources(template, "AWS::CloudWatch::CompositeAlarm")
    for _id, alarm in composite:
        alarm["Type"] = "AWS::CloudWatch::Alarm"
        for name in [n for n in alarm["Properties"] if n.startswith(("AlarmRule", "ActionsSupp"))]:
            del alarm["Properties"][name]
        alarm["Properties"] |= {
            "ComparisonOperator": "GreaterThanThreshold",
            "EvaluationPeriods": 1,
            "Threshold": 0,
        }
    return len(composite)


def _every_alarm(template: Template, _: Target) -> int:
    found = [s for r in template["Resources"].values() for s in _statements(r) or []]
    looks = [s for s in found if s.get("Action") == "cloudwatch:DescribeAlarms"]
    for statement in looks:
        statement["Resource"] = "*"
    return len(looks)


def _still_alarms(template: Template, _: Target) -> int:
    alarms = [alarm["Properties"] for _, alarm in _resources(template, "AWS::CloudWatch::Alarm")]
    for alarm in alarms:
        for name in ("Metrics", "Dimensions", "ExtendedStatistic", "Unit"):
            alarm.pop(name, None)
        alarm |= {
            "Namespace": "ShadowCanary/Embedded",
            "MetricName": "NobodyWritesThis",
            "Statistic": "Sum",
            "Period": 60,
        }
    return len(alarms)


def _shorter_minutes(template: Template, _: Target) -> int:
    found = _resources(template, "AWS::AppConfig::DeploymentStrategy")
    for _id, strategy in found:
        for minutes in ("DeploymentDurationInMinutes", "FinalBakeTimeInMinutes"):
            declared = strategy["Properties"].get(minutes, 0)
            strategy["Properties"][minutes] = declared // TIME_SCALE
    return len(found)


def _in_a_week(template: Template, target: Target) -> int:
    schedules = [s["Properties"] for _, s in _resources(template, "AWS::Scheduler::Schedule")]
    once = [s for s in schedules if s["ScheduleExpression"].startswith("at(")]
    for schedule in once:
        schedule |= {
            "ScheduleExpression": f"at({target.now + timedelta(days=7):%Y-%m-%dT%H:%M:%S})",
            "ScheduleExpressionTimezone": "UTC",
        }
    return len(once)


def _hasty_ramps(template: Template, _: Target) -> int:
    functions = [f["Properties"] for _, f in _resources(template, "AWS::Lambda::Function")]
    variables = [f.get("Environment", {}).get("Variables", {}) for f in functions]
    declared = [each for each in variables if each.get(Variable.RAMP)]
    for each in declared:
        ramp = Ramp.parse(each[Variable.RAMP])
        hasty = replace(ramp, dwell=RAMP_DWELL, mismatch_percent=RAMP_MISMATCH_PERCENT)
        each[Variable.RAMP] = str(hasty)
    return len(declared)


def _plain_http(template: Template, _: Target) -> int:
    found = template["Resources"]
    dropped = sum(_keep_statements(r, lambda s: not _denies_http(s)) for r in found.values())
    for logical_id in [i for i, r in found.items() if _statements(r) == []]:
        del found[logical_id]
    return dropped


def _generated_secrets(template: Template, _: Target) -> int:
    secrets = [s["Properties"] for _, s in _resources(template, "AWS::SecretsManager::Secret")]
    by_default = [s for s in secrets if s.get("GenerateSecretString") == {}]
    for secret in by_default:
        secret["GenerateSecretString"] = {"PasswordLength": 32}
    return len(by_default)


def _reserved_by_function(template: Template, _: Target) -> int:
    functions = dict(_resources(template, "AWS::Lambda::Function"))
    reserved = {
        i for i, f in functions.items() if "ReservedConcurrentExecutions" in f["Properties"]
    }
    versions = {
        i: v["Properties"]["FunctionName"]["Ref"]
        for i, v in _resources(template, "AWS::Lambda::Version")
    }

    def unqualified(value: Any) -> Any:
        match value:
            case {"Ref": version} if versions.get(version) in reserved:
                return {"Fn::Join": ["", [{"Fn::GetAtt": [versions[version], "Arn"]}, ":$LATEST"]]}
        return value

    return sum(_rewrite(function, unqualified) for function in functions.values())


def _not_production(template: Template, _: Target) -> int:
    candidates = [
        function["Properties"]
        for _, function in _resources(template, "AWS::Lambda::Function")
        if str(function["Properties"].get("Handler")).endswith(".candidate.handler")
    ]
    variables = [each.get("Environment", {}).get("Variables", {}) for each in candidates]
    migrating = [each for each in variables if Variable.ROUTE in each]  # a finished one is plain
    for each in migrating:
        each[Variable.DRILL] = "true"
    return len(migrating)


def _named(kind: str, prefix: str = "") -> Callable[[Template, Target], int]:
    """Names the resources of a kind that have no name, beginning with `prefix`."""

    def apply(template: Template, target: Target) -> int:
        found = _resources(template, kind)
        unnamed = [(i, r["Properties"]) for i, r in found if "Name" not in r["Properties"]]
        for logical_id, properties in unnamed:
            properties["Name"] = f"{prefix}{logical_id}-{target.stack}"
        return len(unnamed)

    return apply


def _secrets_by_arn(template: Template, _: Target) -> int:
    secrets = {i for i, _ in _resources(template, "AWS::SecretsManager::Secret")}

    def arn(value: Any) -> Any:
        match value:
            case {"Ref": secret} if secret in secrets:
                return {"Fn::GetAtt": [secret, "Id"]}
        return value

    return _rewrite(template, arn)


def _issuer_by_name(template: Template, _: Target) -> int:
    def issuer(value: Any) -> Any:
        match value:
            case {"Fn::GetAtt": [pool, "ProviderURL"]}:
                return {"Fn::Join": ["", ["https://", {"Fn::GetAtt": [pool, "ProviderName"]}]]}
        return value

    return _rewrite(template, issuer)


def _denies_http(statement: dict[str, Any]) -> bool:
    wanted = {"Bool": {"aws:SecureTransport": "false"}}
    return statement.get("Effect") == "Deny" and statement.get("Condition") == wanted


def _resources(template: Template, kind: str) -> list[tuple[str, dict[str, Any]]]:
    """The resources whose type starts with `kind`, with their logical ids."""
    return [(i, r) for i, r in template["Resources"].items() if r["Type"].startswith(kind)]


def _statements(resource: dict[str, Any]) -> list[dict[str, Any]] | None:
    """The statements of a policy; None for any other resource."""
    document = resource.get("Properties", {}).get("PolicyDocument", {})
    found: list[dict[str, Any]] | None = document.get("Statement")
    return found


def _keep_statements(resource: dict[str, Any], kept: Callable[[dict[str, Any]], bool]) -> int:
    """Drops the statements of a policy that are not `kept`, and counts them."""
    before = _statements(resource) or []
    after = [statement for statement in before if kept(statement)]
    if len(after) < len(before):
        resource["Properties"]["PolicyDocument"]["Statement"] = after
    return len(before) - len(after)


def _rewrite(template: Template, change: Callable[[Any], Any]) -> int:
    """Puts `change(value)` in the place of every value, and counts those that are others."""
    changes = 0

    def walk(value: Any) -> Any:
        nonlocal changes
        changed = change(value)
        changes += changed is not value
        match changed:
            case dict():
                return {key: walk(inner) for key, inner in changed.items()}
            case list():
                return [walk(inner) for inner in changed]
        return changed

    template |= walk(template)
    return changes


def _mentions(value: object, logical_ids: Iterable[str]) -> bool:
    """Whether `value` refers to one of `logical_ids`, in any of CloudFormation's ways."""
    text = json.dumps(value)
    return any(
        reference in text
        for i in logical_ids
        for reference in (f'{{"Ref": "{i}"}}', f'{{"Fn::GetAtt": ["{i}",', f"${{{i}}}", f"${{{i}.")
    )


DIFFERENCES = (
    Difference(
        missing="no CodeDeploy",
        instead="a new version of the code takes all invocations at once",
        apply=_without("AWS::CodeDeploy::"),
    ),
    Difference(
        missing="no saved queries of Logs Insights",
        instead="they are left out",
        apply=_without("AWS::Logs::QueryDefinition"),
    ),
    Difference(
        missing="no composite alarms",
        instead="a plain alarm of their name, which only SetAlarmState turns",
        apply=_plain_alarms,
    ),
    Difference(
        missing="no alarm on a formula, and dimensions ignored",
        instead=f"a watcher evaluates the template's formulas; a minute lasts {MINUTE_SECONDS:g} s",
        apply=_still_alarms,
    ),
    Difference(
        missing="DescribeAlarms is judged on no alarm in particular",
        instead="it is allowed on all",
        apply=_every_alarm,
    ),
    Difference(
        missing="no faster clock for AppConfig's deployments",
        instead=f"their minutes are divided by {TIME_SCALE}, and rounded down",
        apply=_shorter_minutes,
    ),
    Difference(
        missing="a date in the past fires at once",
        instead="one-shot schedules fire in seven days from now",
        apply=_in_a_week,
    ),
    Difference(
        missing="no days of traffic to wait for",
        instead=f"a ramp dwells {RAMP_DWELL.total_seconds():g} s at a stage, and {_TOLERATED}",
        apply=_hasty_ramps,
    ),
    Difference(
        missing="no TLS",
        instead="policies that refuse plain http are left out",
        apply=_plain_http,
    ),
    Difference(
        missing="nothing generated for a secret by default",
        instead="AWS's default, 32 characters, is asked for",
        apply=_generated_secrets,
    ),
    Difference(
        missing="no reserved concurrency of a version",
        instead="functions that have some are called at their newest code",
        apply=_reserved_by_function,
    ),
    Difference(
        missing="generated names of secrets have another form",
        instead="secrets are named in the form that AWS uses",
        apply=_named("AWS::SecretsManager::Secret"),
    ),
    Difference(
        missing="generated names of parameters begin with a slash, which no grant expects",
        instead="parameters are named in the form that AWS uses",
        apply=_named("AWS::SSM::Parameter", prefix="CFN-"),
    ),
    Difference(
        missing="a reference to a secret gives its name",
        instead="its ARN is asked for",
        apply=_secrets_by_arn,
    ),
    Difference(
        missing="nobody in production",
        instead="drills may fail the candidate",
        apply=_not_production,
    ),
    Difference(
        missing="no issuer URL of a user pool",
        instead="it is put together from the pool's name",
        apply=_issuer_by_name,
    ),
)
