"""Where the functions of an app write on the embedded AWS."""

from analysis.template import without_hash
from localaws import LocalError
from localaws.up import Local
from shadowctl.deployed import stack_resources


def log_groups(local: Local, stack: str | None) -> dict[str, str]:
    """Those of a stack, by default of every one, each with its stack and function.

    Raises:
        LocalError: there is no such stack.
    """
    wanted = None if stack is None else stack.partition(":")[0].replace("/", "-")
    if wanted not in (None, *local.outputs):
        known = ", ".join(local.outputs)
        raise LocalError(f"no stack {stack!r} is deployed here; those that are: {known}")
    aws = local.session()
    return {
        physical_id: f"{name} {without_hash(logical_id).removesuffix('Logs')}"
        for name in ([wanted] if wanted else local.outputs)
        for logical_id, kind, physical_id in stack_resources(aws, name)
        if kind == "AWS::Logs::LogGroup"
    }
