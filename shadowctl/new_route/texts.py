"""The files of a route, by what it is."""

import ast
import json
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path, PurePosixPath
from string import Template

from shadowctl.new_route.names import Answered, Names, NewRouteError

FILL_IN = "# fill in"
"""Marks a line that the team has to look at."""

_HTTP_API = """\
        api = apigateway.HttpApi(self, "Api")  # fill in: your API, and who may call it
        api.add_routes(
            path="{path}",
            methods=[apigateway.HttpMethod.GET],
            integration=HttpLambdaIntegration("Integration", service.alias),
        )
        cdk.CfnOutput(self, "Url", value=api.api_endpoint)"""
_FUNCTION_URL = """\
        url = service.alias.add_function_url(auth_type=lambda_.FunctionUrlAuthType.NONE)
        cdk.CfnOutput(self, "Url", value=url.url)"""
_INTEGRATION = "from aws_cdk.aws_apigatewayv2_integrations import HttpLambdaIntegration\n"
_ROWS = """
ROWS = {
    "1": {"id": "1", "name": "the first"},
    "2": {"id": "2", "name": "the second"},
}
"""
_STATE = "what seed.py makes"
_OPEN = "    with database.session() as session:\n"
_ONE = '    return Response.json(row) if row else Response.error(404, "Not Found")'


@dataclass(frozen=True, slots=True)
class Wrapped:
    """A handler that exists: its module, its name there, and what must be shipped with it.

    Example:
        >>> Wrapped.of("legacy.orders:handler", Path("."), Path("src"))  # doctest: +SKIP
        Wrapped(module='legacy.orders', name='handler', package='src/legacy')
    """

    module: str
    name: str
    package: str

    @classmethod
    def of(cls, text: str, app: Path, root: Path) -> "Wrapped":
        """The handler that `text` names, found below `root` or else where the app runs.

        Raises:
            NewRouteError: there is no such module, or nothing of that name in it.
        """
        module, _, name = text.partition(":")
        parts = module.split(".")
        if not name.isidentifier() or not all(part.isidentifier() for part in parts):
            raise NewRouteError(f"--wrap {text!r} names no handler: write legacy.orders:handler")
        for folder in (app / root, app):
            at = folder.joinpath(*parts)
            path = next(
                (p for p in (at.with_suffix(".py"), at / "__init__.py") if p.is_file()), None
            )
            if path is None:
                continue
            if name not in _defined(path):
                raise NewRouteError(f"{path.relative_to(app)} has no {name!r}: name what it has")
            top = folder / parts[0]
            found = top if top.is_dir() else top.with_suffix(".py")
            return cls(module, name, found.relative_to(app).as_posix())
        raise NewRouteError(
            f"--wrap {text!r}: there is no module {module} below {root} or where the app runs"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRoute:
    """A route to be written.

    `root` is where its imports start and `folder` where it stands, both from the app's folder;
    `stacks` and `tests` are those of the app. `is_public` gives it a function URL. One that
    `shares` has the app's `Platform`.
    """

    names: Names
    answers: Answered
    root: PurePosixPath
    folder: PurePosixPath
    stacks: PurePosixPath
    tests: PurePosixPath
    is_public: bool
    shares: bool
    wrapped: Wrapped | None
    is_on_path: bool
    """Whether pytest looks for imports in `root` without being told."""

    def texts(self) -> dict[PurePosixPath, str]:
        """What is in each file."""
        kind = "_wrapped" if self.wrapped else ""
        stack = "stack_platform" if self.shares else "stack"
        given = self._given()
        return {
            **{
                self.folder / name: _rendered(template, given)
                for name, template in {
                    "control.py": f"control{kind}",
                    "candidate.py": f"candidate{kind}",
                    "models.py": "models",
                    "seed.py": "seed",
                }.items()
            },
            self.folder / "requests.jsonl": self._requests(),
            self.folder / "pacts" / f"client-{self.names.route}.json": self._pact(),
            self.stacks / f"{self.names.module}.py": _rendered(stack, given),
            self.tests / f"test_{self.names.module}.py": _rendered("test", given),
        }

    @property
    def package(self) -> str:
        """Its import name."""
        return ".".join(self.folder.relative_to(self.root).parts)

    @property
    def _user(self) -> tuple[str, str]:
        """Who a user is, and what to import for it."""
        if self.shares:
            return "", ""
        if self.is_public:
            return "user=per_request", "per_request"
        return 'user=header("x-user-id")', "header"

    def _given(self) -> dict[str, str]:
        user, imported = self._user
        note = f"  {FILL_IN}: who the user is" if user and not self.is_public else ""
        parameter = self.answers.parameter
        packages = f", packages=[{self.wrapped.package!r}]" if self.wrapped else ""
        looked_for = {"levels": str(len(self.tests.parts)), "root": str(self.root)}
        code = f'RouteCode("{self.folder}", root="{self.root}"{packages})'.replace("'", '"')
        old, new, select = _answers(parameter)
        return {
            "title": str(self.answers),
            "what": "The one that is asked for" if parameter else "All there are",
            "route": self.names.route,
            "module": self.names.module,
            "stack": self.names.stack,
            "package": self.package,
            "state": _STATE,
            "code": code,
            "user_import": f"from shadow_runtime.user import {imported}\n" if user else "",
            "user_argument": f"({user}){note}" if user else "",
            "wrapping": f"({user})" if user else "",
            "user_note": note,
            "unused": "request: Request" if parameter else "_request: Request",
            "old_answer": old,
            "new_answer": new,
            "select_import": select,
            "rows_import": "" if self.wrapped else f"from {self.package}.control import ROWS\n",
            "rows": _ROWS if self.wrapped else "",
            "wrapped_module": self.wrapped.module if self.wrapped else "",
            "wrapped_name": self.wrapped.name if self.wrapped else "",
            "door": (_FUNCTION_URL if self.is_public else _HTTP_API).format(path=self.answers.path),
            "door_import": (
                "from aws_cdk import aws_lambda as lambda_"
                if self.is_public
                else "from aws_cdk import aws_apigatewayv2 as apigateway"
            ),
            "integration_import": "" if self.is_public else _INTEGRATION,
            "sys_import": "" if self.is_on_path else "import sys\n",
            "root_on_path": "" if self.is_on_path else _rendered("test_path", looked_for),
        }

    def _requests(self) -> str:
        parameter, path = self.answers.parameter, self.answers.path
        asked = ["1", "2", "unknown"] if parameter else [""]
        lines = []
        for value in asked:
            at = path
            for name in _parameters(path):
                at = at.replace(f"{{{name}}}", value)
            of = {"path_parameters": dict.fromkeys(_parameters(path), value)} if parameter else {}
            request = {"method": "GET", "path": at, "route_key": f"GET {path}", **of}
            user = {"user": "user-001", "headers": {"x-user-id": "user-001"}}
            lines.append(json.dumps({**request, **({} if self.is_public else user)}))
        return "".join(f"{line}\n" for line in lines)

    def _pact(self) -> str:
        """What a client relies on; of a handler that is wrapped the status alone is guessed."""
        parameters, path = _parameters(self.answers.path), self.answers.path
        for name in parameters:
            path = path.replace(f"{{{name}}}", "1")
        row, like = {"id": "1", "name": "the first"}, {"matchers": [{"match": "type"}]}
        body, at = (row, "$") if parameters else ({"items": [row]}, "$.items[*]")
        some = {} if parameters else {"$.items": {"matchers": [{"match": "type", "min": 1}]}}
        named = {"body": {**some, **{f"{at}.{name}": like for name in row}}}
        known = {
            "status": 200,
            "headers": {"Content-Type": ["application/json"]},
            "body": {"content": body, "contentType": "application/json", "encoded": False},
            "matchingRules": named,
        }
        any_of = {"matchers": [{"match": "statusCode", "status": [200, 404]}]}
        user = {"Authorization": ["Bearer user-001"], "X-User-Id": ["user-001"]}
        pact = {
            "consumer": {"name": "client"},
            "provider": {"name": self.names.route},
            "interactions": [
                {
                    "type": "Synchronous/HTTP",
                    "description": "a first look",
                    "providerStates": [{"name": _STATE}],
                    "request": {"method": "GET", "path": path, "headers": user},
                    "response": {"status": 200, "matchingRules": {"status": any_of}}
                    if self.wrapped
                    else known,
                }
            ],
            "metadata": {"pactSpecification": {"version": "4.0"}},
        }
        return f"{json.dumps(pact, indent=2)}\n"


def _answers(parameter: str) -> tuple[str, str, str]:
    """How the old code answers, how the new, and what that imports."""
    if parameter:
        key = f'request.path_parameters["{parameter}"]'
        new = f"{_OPEN}        row = session.get(Row, {key})\n{_ONE}"
        return f"    row = ROWS.get({key})\n{_ONE}", new, ""
    new = (
        f"{_OPEN}"
        "        rows = session.exec(select(Row).order_by(Row.id)).all()\n"
        '    return Response.json({"items": [*rows]})'
    )
    old = '    return Response.json({"items": [*ROWS.values()]})'
    return old, new, "from sqlmodel import select\n\n"


def _parameters(path: str) -> list[str]:
    return [part[1:-1] for part in path.split("/") if part.startswith("{")]


def _defined(path: Path) -> set[str]:
    """The names at the top level of a module."""
    found = set[str]()
    try:
        body = ast.parse(path.read_text()).body
    except SyntaxError as error:
        raise NewRouteError(f"{path} does not parse: {error}") from error
    for node in body:
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                found.add(name)
            case ast.Assign(targets=targets):
                found |= {target.id for target in targets if isinstance(target, ast.Name)}
            case ast.ImportFrom(names=names) | ast.Import(names=names):
                found |= {alias.asname or alias.name for alias in names}
    return found


def _rendered(template: str, given: Mapping[str, str]) -> str:
    text = (files(__package__) / "templates" / f"{template}.py.txt").read_text(encoding="utf-8")
    return Template(text).substitute(given)
