"""A template as it is compared with another: without what a change of the code alone changes."""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from analysis.template import Stack, text, words

_OF_CODE = re.compile(r"(?P<stem>.+?)[0-9a-f]{32}")
"""The logical id of what is made anew with each change, as the CDK names it."""

_MADE_ANEW = ("AWS::Lambda::Version", "AWS::ApiGateway::Deployment")
_ASSETS = {"S3Key", "S3ObjectKey", "SourceObjectKeys", "TemplateURL", "ImageUri"}
_ASSET = re.compile(r"[0-9a-f]{64}")
_OF_THE_CDK = {"aws:asset:path", "aws:asset:property", "aws:cdk:path", "aws:cdk:do-not-refactor"}


def comparable(stack: Stack) -> Stack:
    """The stack with assets and versions unnamed, and with what names lead to in their place.

    A reference to a parameter has its default, a condition its definition, a map its value: what
    changes there changes whoever refers to it.

    Example:
        >>> def holding(key):
        ...     code = {"Type": "AWS::Lambda::Function", "Properties": {"Code": {"S3Key": key}}}
        ...     return Stack("Api", {"Resources": {"Function": code}})
        >>> comparable(holding("a" * 64 + ".zip")) == comparable(holding("b" * 64 + ".zip"))
        True
    """
    template = _unversioned(stack.template)
    resources = {
        logical_id: _resource(body, template)
        for logical_id, body in template.get("Resources", {}).items()
        if body["Type"] != "AWS::CDK::Metadata"
    }
    return replace(stack, template={"Resources": resources, "Outputs": template.get("Outputs", {})})


def _unversioned(template: Mapping[str, Any]) -> Mapping[str, Any]:
    written = json.dumps(template)
    for logical_id, body in template.get("Resources", {}).items():
        found = _OF_CODE.fullmatch(logical_id)
        if found and body["Type"] in _MADE_ANEW:
            written = written.replace(logical_id, found["stem"])
    unversioned: Mapping[str, Any] = json.loads(written)
    return unversioned


def _resource(body: Mapping[str, Any], template: Mapping[str, Any]) -> dict[str, Any]:
    told = {name: _told(value, name, template) for name, value in body.items()}
    if "Metadata" in told:
        told["Metadata"] = {k: v for k, v in told["Metadata"].items() if k not in _OF_THE_CDK}
    if "Condition" in told:
        told["Condition"] = _condition(told["Condition"], template)
    return {name: value for name, value in told.items() if value != {}}


def _told(value: Any, key: str, template: Mapping[str, Any]) -> Any:
    """The value that stands under `key`, with what its names lead to."""
    parameters, maps = (template.get(each, {}) for each in ("Parameters", "Mappings"))
    match value:
        case {"Ref": str(name)} if name in parameters:
            return {"Ref": _parameter(name, parameters[name])}
        case {"Fn::FindInMap": [str(name), *keys]} if name in maps:
            found: Any = maps[name]
            for each in keys:
                found = found.get(each) if isinstance(each, str) else None
                if found is None:
                    return {"Fn::FindInMap": [name, *keys, maps[name]]}
            return found
        case {"Fn::If": [str(name), *branches]}:
            return {
                "Fn::If": [
                    _condition(name, template),
                    *(_told(branch, key, template) for branch in branches),
                ]
            }
        case Mapping():
            return {k: _told(v, k if k[:4] != "Fn::" else key, template) for k, v in value.items()}
        case list():
            return [_told(each, key, template) for each in value]
        case str() if key in _ASSETS:
            return _ASSET.sub("its code", value)
    return value


def _parameter(name: str, parameter: Mapping[str, Any]) -> str:
    default = words(parameter.get("Default", ""))
    is_stored = str(parameter.get("Type")).startswith("AWS::SSM::Parameter::Value")
    return (default if is_stored else f"{name}={default}").replace("}", ")") if default else name


def _condition(name: str, template: Mapping[str, Any]) -> str:
    return text(template.get("Conditions", {}).get(name, name))
