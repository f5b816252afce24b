"""Protection that is lowered, whatever it stands at: by the names that AWS gives it."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from analysis.template import words
from shadowctl.review.findings import Change, Finding, Kind
from shadowctl.review.markdown import code

_ON = {
    *("Encrypted", "StorageEncrypted", "KmsEncrypted", "SSEEnabled", "SqsManagedSseEnabled"),
    *("AtRestEncryptionEnabled", "TransitEncryptionEnabled", "VolumeEncryptionEnabled"),
    *("EnableKeyRotation", "DeletionProtection", "DeletionProtectionEnabled"),
    *("PointInTimeRecoveryEnabled", "ObjectLockEnabled", "EnforceHTTPS", "EnforceSSL"),
    *("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"),
    *("EnableLogFileValidation", "IsLogging", "IsMultiRegionTrail", "DisableExecuteApiEndpoint"),
    *("EnableIAMDatabaseAuthentication", "AllowAdminCreateUserOnly", "EnableTokenRevocation"),
    *("RequireUppercase", "RequireLowercase", "RequireNumbers", "RequireSymbols"),
    *("ApiKeyRequired", "Enabled"),
}
"""What protects as long as it is true."""

_OFF = {
    *("PubliclyAccessible", "MapPublicIpOnLaunch", "AssociatePublicIpAddress", "Privileged"),
    *("AllowCredentials", "DataTraceEnabled", "AllowUnauthenticatedIdentities"),
}
"""What opens something as soon as it is true."""

_OPEN = {
    "Scheme": {"internet-facing"},
    "AccessControl": {"PublicRead", "PublicReadWrite", "AuthenticatedRead"},
    "AuthenticationType": {"API_KEY"},
    "ViewerProtocolPolicy": {"allow-all"},
}
"""Values that open something."""

_NETWORK = {"VpcConfig", "SubnetIds", "SecurityGroupIds", "VpcSecurityGroupIds", "SecurityGroups"}
_ROLES = {"Role", "RoleArn", "ServiceRoleArn", "ExecutionRoleArn", "TaskRoleArn"}
_KEPT = {
    *_NETWORK,
    *_ROLES,
    *("KmsKeyId", "KMSKeyId", "KmsKeyArn", "KmsKey", "KmsMasterKeyId", "KMSMasterKeyID"),
    *("KMSMasterKeyId", "SSEAlgorithm", "SSEType", "EncryptionConfiguration", "EncryptionKey"),
    *("EncryptionKeyArn", "CustomerEncryptionKeyArn", "PermissionsBoundary"),
    *("CodeSigningConfigArn", "WebACLId", "WebAclArn", "SslPolicy", "MinimumProtocolVersion"),
    *("TlsPolicy", "TLSSecurityPolicy", "SecurityPolicy", "ViewerProtocolPolicy"),
    *("MfaConfiguration", "AccessControl", "Scheme", "AuthenticationType", "Validators"),
    *("ObjectOwnership", "AccessLogSettings", "AccessLogSetting", "LoggingConfiguration"),
    *("ExplicitAuthFlows", "CallbackURLs", "AllowedOAuthFlows", "AllowedOAuthScopes"),
}
"""What a reviewer should see when it goes or becomes another."""

_AT_LEAST = {
    *("RetentionInDays", "RetentionPeriodHours", "MessageRetentionPeriod", "RetentionPeriod"),
    *("BackupRetentionPeriod", "MinimumLength", "PendingWindowInDays", "RecoveryWindowInDays"),
    *("DeleteAfterDays", "MinRetentionDays", "ExpirationInDays"),
    "AutomatedSnapshotRetentionPeriod",
}
"""What protects less when it is less; nothing is without an end, or the service's default."""

_AT_MOST = {
    *("ThrottlingRateLimit", "ThrottlingBurstLimit", "RateLimit", "BurstLimit"),
    *("AccessTokenValidity", "RefreshTokenValidity", "IdTokenValidity", "MaxSessionDuration"),
    "AutomaticallyAfterDays",
}
"""What protects less when it is more, or is gone."""

_SAID_ELSEWHERE = {"AlarmConfiguration", "AutoRollbackConfiguration"}
_ENDS = ("DeletionPolicy", "UpdateReplacePolicy")
_KEEP = ("Retain", "Snapshot", "RetainExceptOnCreate")

_GUARDS = {
    *("AWS::WAFv2::WebACLAssociation", "AWS::WAFv2::WebACL", "AWS::CloudTrail::Trail"),
    *("AWS::SecretsManager::RotationSchedule", "AWS::Config::ConfigRule", "AWS::KMS::Key"),
    *("AWS::GuardDuty::Detector", "AWS::AccessAnalyzer::Analyzer", "AWS::EC2::FlowLog"),
    *("AWS::Backup::BackupSelection", "AWS::Backup::BackupPlan", "AWS::S3::BucketPolicy"),
    *("AWS::Logs::MetricFilter", "AWS::Logs::SubscriptionFilter", "AWS::EC2::VPCEndpoint"),
    "AWS::Lambda::EventSourceMapping",
}
"""What protects by being there."""

_OPENERS = {
    "AWS::IAM::AccessKey": (Kind.IAM, "a key that does not expire"),
    "AWS::IAM::User": (Kind.IAM, "a user, whose keys do not expire"),
    "AWS::IAM::UserToGroupAddition": (Kind.IAM, "a user in a group"),
    "AWS::IAM::OIDCProvider": (Kind.IAM, "an identity provider whose tokens are believed"),
    "AWS::IAM::SAMLProvider": (Kind.IAM, "an identity provider whose tokens are believed"),
    "AWS::RAM::ResourceShare": (Kind.PUBLIC, "a share with other accounts"),
    "AWS::EC2::InternetGateway": (Kind.NETWORK, "a way to and from the internet"),
    "AWS::EC2::VPCPeeringConnection": (Kind.NETWORK, "a way to and from another network"),
    "AWS::EC2::VPNGateway": (Kind.NETWORK, "a way to and from another network"),
}
"""What opens something by being there."""

_PLAIN = re.compile(r"passw|secret|token|credential|api_?key|private_?key", re.IGNORECASE)
_POINTER = re.compile(r"_(arn|name|id|parameter|path|url|ttl|age|seconds|ms)$", re.IGNORECASE)
_RESOLVED = re.compile(r"\{\{resolve:(secretsmanager|ssm-secure)")


def lowered(change: Change) -> Iterator[Finding]:
    """What a change takes of the protection of any resource."""
    name = code(change.logical_id)
    if change.before is None and change.type in _OPENERS:
        kind, what = _OPENERS[change.type]
        yield Finding(kind, f"{name} is new: {what}")
    if change.after is None:
        if change.type in _GUARDS:
            yield Finding(Kind.PROTECTION, f"{name} is removed ({change.type})")
        return
    if change.before is not None:
        for each in _ENDS:
            before, after = (side.body.get(each) for side in (change.before, change.after))
            if before in _KEEP and after not in _KEEP:
                said = f"has another {code(each)}: {code(before)} → {code(after or 'Delete')}"
                yield Finding(Kind.PROTECTION, f"{name} {said}")
    yield from _properties(change)


def _properties(change: Change) -> Iterator[Finding]:
    old, new = (
        dict(_leaves(side.body.get("Properties") or {})) if side else {}
        for side in (change.before, change.after)
    )
    for path in dict.fromkeys([*old, *new]):
        if path and path[0] in _SAID_ELSEWHERE:
            continue
        before, after, name = old.get(path), new.get(path), path[-1] if path else ""
        if before == after:
            continue
        for kind, how in _lower(name, before, after, is_new=change.before is None):
            of = f"{code(change.logical_id)}, {code('.'.join(path))}"
            yield Finding(kind, f"{of} is {how}: {_shown(before)} → {_shown(after)}")


def _lower(name: str, before: Any, after: Any, *, is_new: bool) -> Iterator[tuple[Kind, str]]:
    """Whether a property protects less than before, and how."""
    kind = Kind.NETWORK if name in _NETWORK else Kind.IAM if name in _ROLES else Kind.PROTECTION
    if name in _OFF and _is(after, True):
        yield Kind.PUBLIC, "switched on"
    elif words(after) in _OPEN.get(name, ()):
        yield Kind.PUBLIC, "open"
    elif is_new:
        return
    elif name in _ON and not _is(after, True) and (_is(before, True) or _is(after, False)):
        yield kind, "switched off"
    elif name in _KEPT and before is not None:
        yield kind, "another"
    elif name in _AT_LEAST and _is_less(after, before):
        yield kind, "less"
    elif name in _AT_MOST and before is not None and _is_less(before, after):
        yield kind, "more"


def _leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Each value with the path to it; what is kept as a whole is not taken apart."""
    match value:
        case _ if path and path[-1] in _KEPT:
            yield path, value
        case Mapping() if not any(name == "Ref" or name[:4] == "Fn::" for name in value):
            for name, each in value.items():
                yield from _leaves(each, (*path, name))
        case list() if any(isinstance(each, Mapping) for each in value):
            for place, each in enumerate(value):
                yield from _leaves(each, (*path, str(place)))
        case _:
            yield path, value


def _is(value: Any, wanted: bool) -> bool:
    return words(value).lower() == ("true" if wanted else "false")


def _is_less(one: Any, other: Any) -> bool:
    """Nothing at all is without an end, and what is no number may be less."""
    if one is None or other is None:
        return one is not None
    try:
        return float(one) < float(other)
    except (TypeError, ValueError):
        return True


def _shown(value: Any) -> str:
    return code("nothing" if value is None else words(value))


def data(change: Change) -> Iterator[Finding]:
    """Data that goes with a resource, or stays behind in one that is replaced."""
    name = f"{code(change.logical_id)} ({change.type})"
    if change.before is None:
        return
    if change.after is None:
        is_kept = change.before.body.get("DeletionPolicy") in _KEEP
        said = "is left behind, with its data" if is_kept else "is **deleted with its data**"
        yield Finding(Kind.DATA, f"{name} {said}")
        return
    for each in STORES[change.type]:
        if moved := change.moved(each):
            before, after = map(_shown, moved)
            said = f"is replaced by an empty one, for another {code(each)}: {before} → {after}"
            yield Finding(Kind.DATA, f"{name} {said}")


STORES = {
    "AWS::DynamoDB::Table": ("TableName", "KeySchema"),
    "AWS::DynamoDB::GlobalTable": ("TableName", "KeySchema"),
    "AWS::RDS::DBInstance": ("DBInstanceIdentifier", "DBName", "Engine", "MasterUsername"),
    "AWS::RDS::DBCluster": ("DBClusterIdentifier", "DatabaseName", "Engine", "MasterUsername"),
    "AWS::S3::Bucket": ("BucketName",),
    "AWS::SQS::Queue": ("QueueName", "FifoQueue"),
    "AWS::EFS::FileSystem": ("Encrypted", "KmsKeyId", "PerformanceMode"),
    "AWS::Cognito::UserPool": ("UsernameAttributes", "AliasAttributes"),
}
"""What holds data, and the properties whose change makes another one of it."""


def secret(change: Change) -> Iterator[Finding]:
    """A secret that is gone or another."""
    if change.before is None:
        return
    name = f"the secret {code(change.logical_id)}"
    if change.after is None:
        yield Finding(Kind.CREDENTIALS, f"{name} is removed from the stack")
        return
    properties = {*change.before.properties, *change.after.properties} - {"Description", "Tags"}
    if moved := [each for each in sorted(properties) if change.moved(each)]:
        yield Finding(Kind.CREDENTIALS, f"{name} has another {', '.join(map(code, moved))}")


def parameter(change: Change) -> Iterator[Finding]:
    """A parameter of SSM that others read, and find something else or nothing in."""
    if change.before is None:
        return
    name = f"the parameter {code(words(change.before.get('Name') or change.logical_id))}"
    if change.after is None:
        yield Finding(Kind.CREDENTIALS, f"{name} is removed: who reads it can't be deployed")
    elif moved := change.moved("Value"):
        before, after = map(_shown, moved)
        yield Finding(Kind.CREDENTIALS, f"{name} has another value: {before} → {after}")


def variables(change: Change) -> Iterator[Finding]:
    """A function that is told another secret or dataset, or is told a secret itself."""
    path = ("Environment", "Variables")
    old, new = ((side.get(*path) if side else None) or {} for side in (change.before, change.after))
    for name, value in new.items():
        if old.get(name) != value and (how := _told(name, old.get(name), value)):
            said = f"{code(change.logical_id)}, variable {code(name)}, {how}"
            is_data = name.startswith(_OF_DATASET)
            yield Finding(Kind.DATA if is_data else Kind.CREDENTIALS, said)


def _told(name: str, before: Any, value: Any) -> str:
    """How a variable tells a secret, without telling it again."""
    told = words(value)
    if before is not None and name.startswith(_OF_DATASET):
        return f"names another: {_shown(before)} → {_shown(value)}; the data may be elsewhere"
    if _RESOLVED.search(told):
        return "holds a secret itself: whoever reads the function reads it"
    if _PLAIN.search(name) and not _POINTER.search(name) and isinstance(value, str):
        return "looks like a secret in plain text"
    is_secret = _PLAIN.search(name) or "secret" in told.lower() or name.endswith(_OF_DATABASE)
    if before is not None and is_secret:
        return f"names another: {_shown(before)} → {_shown(value)}"
    return ""


_OF_DATASET = "SHADOW_CANARY_DATASET"
_OF_DATABASE = "DATABASE_PARAMETER"
"""How the variable ends that names where a side's secret is named."""
