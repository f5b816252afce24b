"""`shadowctl new-route`: all files or none."""

import configparser
import tomllib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from shadowctl.new_route.app_file import AppFile
from shadowctl.new_route.names import Answered, Names, NewRouteError
from shadowctl.new_route.texts import FILL_IN, NewRoute, Wrapped
from shadowctl.synthesis import app_folder


def new_route(
    name: str,
    answers: str,
    *,
    root: str | None = None,
    package: str = "routes",
    tests: str | None = None,
    wrap: str | None = None,
    is_public: bool = False,
) -> Iterator[str]:
    """Writes a route into the app that this is called in; says what was written, line by line.

    Args:
        name: of the route, such as `Orders` or `get-order`.
        answers: method and path, such as `GET /orders/{id}`.
        root: where imports start - `lambdas` or `src`, whichever is there, else `src`.
        package: below `root`, for the route's folder.
        tests: folder of its test - `tests/local` or `tests`, whichever is there, else `tests`.
        wrap: `module:handler` of a control that exists - one is written.
        is_public: behind a function URL of its own - behind the app's `Platform`, where `app.py`
            makes one, else behind an HTTP API of its own.

    Raises:
        NewRouteError: something is there already, or makes no sense; nothing was written.
        SynthesisError: there is no app here.
    """
    app = app_folder()
    file = AppFile.of(app)
    names, request = Names.of(name), Answered.of(answers)
    if is_public and request.parameter:
        raise NewRouteError(
            f"a function URL has no path parameters, and {request} has {request.parameter!r}: "
            "leave out --public, or the parameter"
        )
    start = _inside(app, root or _there(app, "lambdas", "src") or "src")
    route = NewRoute(
        names=names,
        answers=request,
        root=start,
        folder=start / _package(package) / names.module,
        stacks=PurePosixPath(file.path.parent.relative_to(app).as_posix()) / "stacks",
        tests=_inside(app, tests or _there(app, "tests/local", "tests") or "tests"),
        is_public=is_public,
        shares=bool(file.platform) and not is_public,
        wrapped=Wrapped.of(wrap, app, Path(start)) if wrap else None,
        is_on_path=str(start) in _python_path(app),
    )
    lines = file.lines(names.module, names.stack, shares=route.shares)
    if lines[0] in file.text or f'"{names.stack}"' in file.text:
        raise NewRouteError(f"{file.path.name} has a stack {names.stack!r} already; choose a name")
    edited = file.edited(lines)
    texts = {app / path: text for path, text in route.texts().items()}
    _write(texts, {file.path: edited} if edited else {})
    for path, text in texts.items():
        marked = [
            f"{number}" for number, line in enumerate(text.splitlines(), 1) if FILL_IN in line
        ]
        hint = f"  fill in line {', '.join(marked)}" if marked else ""
        yield f"{path.relative_to(app)}{hint}"
    if edited:
        yield f"{file.path.relative_to(app)}  {lines[1]}"
    else:
        yield f"{file.path.relative_to(app)} was left alone: it is not clear where its stacks are"
        yield "made; add these lines there:"
        yield from (f"    {line}" for line in lines)


def _there(app: Path, *folders: str) -> str | None:
    return next((folder for folder in folders if (app / folder).is_dir()), None)


def _inside(app: Path, folder: str) -> PurePosixPath:
    """A folder of the app, from there."""
    path = (app / folder).resolve()
    if not path.is_relative_to(app.resolve()):
        raise NewRouteError(f"{folder!r} is not below the app, {app}; give a folder of it")
    return PurePosixPath(path.relative_to(app.resolve()).as_posix())


def _package(name: str) -> PurePosixPath:
    parts = name.replace("/", ".").split(".")
    if not all(part.isidentifier() for part in parts):
        raise NewRouteError(f"--package {name!r} cannot be imported: write orders, or shop.orders")
    return PurePosixPath(*parts)


def _python_path(app: Path) -> list[str]:
    """Where pytest looks for imports, by the app's own configuration."""
    project = app / "pyproject.toml"
    if project.is_file():
        tool = tomllib.loads(project.read_text()).get("tool", {})
        options = tool.get("pytest", {}).get("ini_options", {})
        given = options.get("pythonpath", [])
        return given.split() if isinstance(given, str) else list(given)
    config = configparser.ConfigParser(interpolation=None)
    config.read([app / "pytest.ini", app / "tox.ini"])
    return config.get("pytest", "pythonpath", fallback="").split()


def _write(new: dict[Path, str], changed: dict[Path, str]) -> None:
    """Writes all of it, or nothing."""
    if there := [path for path in new if path.exists()]:
        raise NewRouteError(f"{there[0]} is there already; nothing was written")
    before = {path: path.read_text() for path in changed}
    made: list[Path] = []
    try:
        for path, text in {**new, **changed}.items():
            for folder in reversed([each for each in path.parents if not each.exists()]):
                folder.mkdir()
                made.append(folder)
            if path in new:
                made.append(path)
            path.write_text(text)
    except OSError as error:
        for path, text in before.items():
            path.write_text(text)
        for path in reversed(made):
            path.rmdir() if path.is_dir() else path.unlink(missing_ok=True)
        raise NewRouteError(f"nothing was written: {error}") from error
