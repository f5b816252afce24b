"""What a route brings for the embedded AWS alone: `seed.py` in its folder, which is never shipped.

It may hold any of

- `seed(engine: sqlalchemy.Engine)`, called before the first deployment, as the database's
  superuser: it finds the database `app` empty but for what other routes' seeds have made;
- `seed_aws(aws: boto3.Session, outputs: Mapping[str, str])`, called after it, as root: it fills a
  DynamoDB table, a bucket or a parameter that a stack has made; `outputs` are those of the route's;
- `USERS`, the ids of sample users: the commands that `local up` prints are the first one's.

Each function is called once, however many stacks deploy the folder. Its imports start where those
of the route's code do.
"""

from collections.abc import Iterable, Mapping
from types import ModuleType

import boto3

from localaws import LocalError, database
from localaws.route_folder import RouteFolder
from localaws.supervisor import StateFolder


def seed_database(state: StateFolder, routes: Iterable[RouteFolder], socket: str) -> None:
    """Calls each `seed` that was not called yet.

    Raises:
        LocalError: one failed.
    """
    engine = database.engine(socket)
    for route in routes:
        _call_once(state, route, "seed", engine)
    engine.dispose()


def seed_aws(
    state: StateFolder,
    routes: Iterable[RouteFolder],
    aws: boto3.Session,
    outputs: Mapping[str, Mapping[str, str]],
) -> None:
    """Calls each `seed_aws` that was not called yet; `outputs` are those of each stack.

    Raises:
        LocalError: one failed.
    """
    for route in routes:
        _call_once(state, route, "seed_aws", aws, outputs.get(route.stack, {}))


def sample_user(routes: Iterable[RouteFolder]) -> str | None:
    """The first of the first `USERS` that a route brings, if one does.

    Raises:
        LocalError: a seed cannot be imported.
    """
    for route in routes:
        for user in getattr(_seed_of(route), "USERS", ()):
            return str(user)
    return None


def _call_once(state: StateFolder, route: RouteFolder, name: str, *arguments: object) -> None:
    path = str(route.folder / "seed.py")
    done = state.read_seeds()
    function = getattr(_seed_of(route), name, None)
    if function is None or [path, name] in done:
        return
    try:
        function(*arguments)
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        raise LocalError(f"{path}: {name} failed with {reason}") from error
    state.write_seeds([*done, [path, name]])


def _seed_of(route: RouteFolder) -> ModuleType | None:
    try:
        return route.module("seed") if route.has("seed") else None
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        raise LocalError(f"{route.folder / 'seed.py'} cannot be imported: {reason}") from error
