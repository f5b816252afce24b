"""The plain function that stands where a service stood, with what the candidate had."""

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from shadowctl.finish.imports import Needed, adjusted, called
from shadowctl.finish.source import Change, FinishError, Source, Span
from shadowctl.finish.statement import Statement, assigned, is_named
from shadowctl.finish.uses import Uses, function_name

_LAMBDA = Needed("aws_cdk", "aws_lambda", "lambda_")
_LOGS = Needed("aws_cdk", "aws_logs", "logs")
_DURATION = Needed("aws_cdk", "Duration", "Duration")
_LAYER = Needed("shadow_canary.code", "LockedLayer", "LockedLayer")
_LOCKS = Needed("shadow_canary.code", "LOCKS", "LOCKS")
_ACKNOWLEDGE = Needed("shadow_canary.findings", "acknowledge", "acknowledge")
_ACKNOWLEDGE_MANAGED = Needed(
    "shadow_canary.findings", "acknowledge_managed", "acknowledge_managed"
)
_NEEDED = (_LAMBDA, _LOGS, _DURATION, _LAYER, _LOCKS, _ACKNOWLEDGE, _ACKNOWLEDGE_MANAGED)

_KEPT = ("environment", "vpc", "vpc_subnets", "security_groups")
"""Arguments of the service that the function takes as they are."""

_NAMES = {"candidate_memory_size": "memory_size"}
"""Those that the function calls otherwise."""

_OF_LOGS = {
    "log_retention": "retention",
    "removal_policy": "removal_policy",
    "encryption_key": "encryption_key",
}
"""Those of its logs, and what a log group calls them."""

_WRITES_LOGS = "service-role/AWSLambdaBasicExecutionRole"
_REASONS = {
    "AwsSolutions-L1": ("L1", "the runtime that the candidate ran on"),
    f"AwsSolutions-IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/{_WRITES_LOGS}]": (
        _WRITES_LOGS,
        "AWS's own, for the logs",
    ),
}


def is_acceptable(finding: str) -> bool:
    """Whether it is one of cdk-nag's that any plain function has."""
    return finding in _REASONS


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainFunction:
    """A function by its construct id and its handler, such as `routes.orders.candidate.handler`.

    It acknowledges the `findings` of cdk-nag, which are those that any plain function has.

    Example:
        >>> from pathlib import Path
        >>> source = Source(Path("stack.py"), '''import aws_cdk as cdk
        ... service = ShadowCanaryService(self, "S", route="orders", code=RouteCode("src/orders"))
        ... api.add(service.alias)
        ... ''')
        >>> function = PlainFunction(id="Orders", handler="orders.candidate.handler")
        >>> done = function.replaces(next(Statement.all_of(source))).text.splitlines()
        >>> done[3], done[-1]
        ('function = lambda_.Function(', 'api.add(function)')
    """

    id: str
    handler: str
    findings: Sequence[str] = ()

    def replaces(self, statement: Statement) -> Source:
        """The file with the function, and with what it is given, in the place of the service.

        Raises:
            FinishError: the statement, or a use of the service, has a shape that is not understood.
        """
        source = statement.source
        if any(each.arg is None for each in statement.call.keywords):
            raise FinishError(f"{statement.where}, has arguments that are not written there, **")
        name = function_name(statement)
        code, moved = _code(statement)
        made = Change(source.span(statement.node), self._text(statement, name, code))
        changed = source.changed([made, *moved, *Uses(statement, name).changes()])
        return adjusted(changed, source, _NEEDED)

    def _text(self, statement: Statement, name: str, code: str) -> str:
        source = statement.source
        given = {key: source.of(value) for key, value in statement.arguments.items()}
        lambdas, scope = called(source, _LAMBDA), given.get("scope", "self")
        outer = source.indent(statement.node)
        inner = f"{outer}    "
        arguments = {
            "runtime": given.get("runtime", f"{lambdas}.Runtime.PYTHON_3_13"),
            "architecture": given.get("architecture", f"{lambdas}.Architecture.ARM_64"),
            "code": code,
            "handler": f'"{self.handler}"',
            "layers": _list(self._layers(source, given, scope, f"{inner}    "), inner),
            "memory_size": given.get("candidate_memory_size", "1024"),
            "timeout": given.get("timeout", f"{called(source, _DURATION)}.seconds(10)"),
            **{key: given[key] for key in _KEPT if key in given},
        }
        if of_logs := [f"{own}={given[key]}" for key, own in _OF_LOGS.items() if key in given]:
            group = ", ".join([scope, f'"{self.id}Logs"', *of_logs])
            arguments["log_group"] = f"{called(source, _LOGS)}.LogGroup({group})"
        said = {
            _NAMES.get(each.arg, each.arg): each for each in statement.call.keywords if each.arg
        }
        lines = [f"{scope},", f'"{self.id}",']
        for key, value in arguments.items():
            above, behind = source.comments(said[key]) if key in said else ([], "")
            lines += [*above, f"{key}={value},{behind and f'  {behind}'}"]
        made = (
            f"{lambdas}.Function(\n" + "".join(f"{inner}{line}\n" for line in lines) + f"{outer})"
        )
        annotated = f": {lambdas}.Function" if isinstance(statement.node, ast.AnnAssign) else ""
        made = f"{name}{annotated} = {made}" if name else made
        accepted = self._acknowledged(source, name, outer)
        return "".join([made, *(f"\n{outer}{line}" for line in accepted)])

    def _layers(
        self, source: Source, given: Mapping[str, str], scope: str, indent: str
    ) -> Iterator[str]:
        """Those of the service, and the team's own."""
        locks = called(source, _LOCKS)
        built = {noun: f'{locks} / "{noun.lower()}.txt"' for noun in ("Runtime", "Database")}
        if "requirements" in given:
            built["Requirements"] = given["requirements"]
        built_for = [f"{key}={given[key]}" for key in ("runtime", "architecture") if key in given]
        for noun, lock in built.items():
            arguments = [scope, f'"{self.id}{noun}Layer"', f"lock={lock}", *built_for]
            yield _call(called(source, _LAYER), arguments, indent)
        if "layers" in given:
            yield f"*{given['layers']}"

    def _acknowledged(self, source: Source, name: str, indent: str) -> Iterator[str]:
        for finding in self.findings:
            what, reason = _REASONS[finding]
            needed = _ACKNOWLEDGE_MANAGED if what == _WRITES_LOGS else _ACKNOWLEDGE
            yield _call(called(source, needed), [name, f'"{what}"', f'"{reason}"'], indent)


def _code(statement: Statement) -> tuple[str, list[Change]]:
    """The argument `code`, and what changes elsewhere for it."""
    source, given = statement.source, statement.arguments.get("code")
    made = assigned(source, given.id) if isinstance(given, ast.Name) else given
    if not isinstance(made, ast.Call) or not is_named(source, made.func, "RouteCode"):
        raise FinishError(f"{statement.where}, has a code= that is no RouteCode(…)")
    end = source.span(made.func).end
    if isinstance(given, ast.Name):
        return given.id, [Change(Span(end, end), ".finished")]
    return f"{source.of(made.func)}.finished{source.text[end : source.span(made).end]}", []


def _list(lines: Iterator[str], indent: str) -> str:
    return "[\n" + "".join(f"{indent}    {line},\n" for line in lines) + f"{indent}]"


_WIDTH = 100


def _call(function: str, arguments: Sequence[str], indent: str) -> str:
    """A call that begins after `indent`, over several lines where it is long."""
    line = f"{function}({', '.join(arguments)})"
    if len(indent) + len(line) < _WIDTH:
        return line
    inner = f"{indent}    "
    if len(inner) + len(line) - len(function) < _WIDTH:
        return f"{function}(\n{inner}{', '.join(arguments)}\n{indent})"
    lines = "".join(f"{inner}{argument},\n" for argument in arguments)
    return f"{function}(\n{lines}{indent})"
