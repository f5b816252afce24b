"""`shadowctl new-route` writes everything, or nothing and says why."""

import keyword
import re
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from typer.testing import CliRunner

from shadowctl import cli
from shadowctl.new_route.app_file import AppFile
from shadowctl.new_route.command import new_route
from shadowctl.new_route.names import Answered, Names, NewRouteError
from tests.checkout import ROOT

APP = "import aws_cdk as cdk\n\napp = cdk.App()\napp.synth()\n"


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "app.py").write_text(APP)
    (tmp_path / "cdk.json").write_text('{"app": "python3 app.py"}')
    monkeypatch.chdir(tmp_path)
    return tmp_path


def held(app: Path) -> dict[str, str | None]:
    """Every folder, and every file with its text."""
    return {
        str(path.relative_to(app)): None if path.is_dir() else path.read_text()
        for path in sorted(app.rglob("*"))
    }


NO_NAMES = ("", "1st", "get order", "../orders", "get/order", "-x", "class", "a" * 41, "orders.py")
NO_REQUESTS = (
    "",
    "GET",
    "/orders",
    "GET orders",
    "FETCH /orders",
    "GET /orders?id=1",
    "GET /orders/{}",
    "GET /orders/{id",
    'GET /a"b',
)


@pytest.mark.parametrize("name", NO_NAMES)
def test_a_name_that_a_route_cannot_have_is_refused(app: Path, name: str) -> None:
    before = held(app)
    with pytest.raises(NewRouteError, match="names no route: up to 40 letters"):
        [*new_route(name, "GET /orders")]
    assert held(app) == before


@pytest.mark.parametrize("request_", NO_REQUESTS)
def test_what_is_no_request_is_refused(app: Path, request_: str) -> None:
    before = held(app)
    with pytest.raises(NewRouteError, match="is no request to move: write GET and a path"):
        [*new_route("orders", request_)]
    assert held(app) == before


@pytest.mark.parametrize("method", ["POST", "put", "PATCH", "DELETE"])
def test_a_method_that_changes_data_is_refused_with_the_reason(app: Path, method: str) -> None:
    before = held(app)
    with pytest.raises(
        NewRouteError, match=r"changes data, and so its route has a dataset.*for GET, got"
    ):
        [*new_route("orders", f"{method} /orders")]
    assert held(app) == before


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"root": "../elsewhere"}, "is not below the app"),
        ({"tests": "/tmp"}, "is not below the app"),
        ({"package": "get-orders"}, "cannot be imported"),
        ({"wrap": "legacy.orders"}, "names no handler"),
        ({"wrap": "legacy.orders:handler"}, "there is no module legacy.orders below src"),
        ({"is_public": True}, "a function URL has no path parameters"),
    ],
    ids=["root", "tests", "package", "no handler", "no module", "a parameter"],
)
def test_an_option_that_makes_no_sense_is_refused(
    app: Path, options: dict[str, str], said: str
) -> None:
    before = held(app)
    with pytest.raises(NewRouteError, match=said):
        [*new_route("orders", "GET /orders/{id}", **options)]  # type: ignore[arg-type]
    assert held(app) == before


def test_a_handler_to_wrap_must_be_in_its_module(app: Path) -> None:
    (app / "legacy.py").write_text("def handler(event, context): ...\n")
    with pytest.raises(NewRouteError, match=r"legacy\.py has no 'main'"):
        [*new_route("orders", "GET /orders", wrap="legacy:main")]
    [*new_route("orders", "GET /orders", wrap="legacy:handler")]
    assert 'packages=["legacy.py"]' in (app / "stacks/orders.py").read_text()


def test_nothing_is_overwritten(app: Path) -> None:
    (app / "stacks").mkdir()
    (app / "stacks/orders.py").write_text("mine")
    before = held(app)
    with pytest.raises(NewRouteError, match=r"stacks/orders\.py is there already"):
        [*new_route("orders", "GET /orders")]
    assert held(app) == before


def test_the_same_route_is_not_made_twice(app: Path) -> None:
    [*new_route("orders", "GET /orders")]
    before = held(app)
    with pytest.raises(NewRouteError, match="has a stack 'Orders' already"):
        [*new_route("ORDERS", "GET /orders")]
    assert held(app) == before


@pytest.mark.parametrize("at", range(9))
def test_a_write_that_fails_leaves_nothing(
    app: Path, at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, written, write = held(app), [0], Path.write_text

    def fails(path: Path, text: str) -> int:
        written[0] += 1
        if written[0] == at + 1:
            raise OSError("disk full")
        return write(path, text)

    monkeypatch.setattr(Path, "write_text", fails)
    with pytest.raises(NewRouteError, match="nothing was written: disk full"):
        [*new_route("orders", "GET /orders")]
    assert held(app) == before


@pytest.mark.parametrize(
    "text",
    [
        "import aws_cdk\n\n\ndef main():\n    app = aws_cdk.App()\n    app.synth()\n\n\nmain()\n",
        "app = make()\napp.synth()\n",
        "import aws_cdk as cdk\napp = cdk.App(\n",
        "",
    ],
    ids=["in a function", "made elsewhere", "no Python", "empty"],
)
def test_an_app_that_is_not_understood_is_left_alone_and_the_lines_are_said(
    app: Path, text: str
) -> None:
    (app / "app.py").write_text(text)
    said = [*new_route("get-order", "GET /orders/{id}")]
    assert (app / "app.py").read_text() == text
    assert said[-2:] == [
        "    from stacks.get_order import GetOrder",
        '    GetOrder(app, "GetOrder")',
    ]
    assert (app / "src/routes/get_order/control.py").is_file()


def test_a_route_of_this_app_shares_its_platform_and_its_import_is_in_order() -> None:
    file = AppFile.of(ROOT)
    text = file.edited(file.lines("orders", "Orders", shares=True))
    assert (
        "from stacks.list_posts import ListPosts\nfrom stacks.orders import Orders\n"
        "from stacks.platform import Platform\n"
    ) in text
    assert text.endswith('Orders(app, "Orders", platform=platform)\napp.synth()\n')
    first = file.edited(file.lines("a", "A", shares=True))
    assert "from stacks.a import A\nfrom stacks.get_user import GetUser\n" in first


def test_stacks_stand_beside_the_file_that_runs(app: Path) -> None:
    (app / "infra").mkdir()
    (app / "app.py").rename(app / "infra/app.py")
    (app / "cdk.json").write_text('{"app": "python3 infra/app.py"}')
    [*new_route("orders", "GET /orders", root="code", package="shop.api", tests="checks")]
    assert (app / "infra/stacks/orders.py").is_file()
    assert (app / "code/shop/api/orders/candidate.py").is_file()
    assert (app / "checks/test_orders.py").is_file()
    assert 'Orders(app, "Orders")' in (app / "infra/app.py").read_text()


def test_the_command_is_one_line_where_it_refuses(app: Path) -> None:
    ran = CliRunner().invoke(cli.app, ["new-route", "orders", "POST /orders"])
    assert (ran.exit_code, ran.stderr.count("\n")) == (1, 1)
    ran = CliRunner().invoke(cli.app, ["new-route", "orders", "GET /orders"])
    assert (ran.exit_code, ran.stdout.splitlines()[-1]) == (0, 'app.py  Orders(app, "Orders")')


@given(st.lists(st.from_regex(r"[a-z]{2,6}", fullmatch=True), min_size=1, max_size=4))
def test_the_forms_of_a_name_are_the_same_name(words: list[str]) -> None:
    assume(not keyword.iskeyword("_".join(words)))
    forms = ("-".join(words), "_".join(words), "".join(map(str.capitalize, words)))
    [names] = {Names.of(form) for form in forms}
    assert (names.route, names.module, names.stack) == forms


@pytest.mark.parametrize(
    ("request_", "parameter"),
    [
        ("GET /", ""),
        ("get /orders", ""),
        ("GET /shops/{shop}/orders/{id}", "id"),
        ("GET /a-b/c.d", ""),
    ],
)
def test_the_last_parameter_of_a_path_names_what_is_asked_for(
    request_: str, parameter: str
) -> None:
    assert Answered.of(request_).parameter == parameter


def test_the_lines_that_the_documents_tell_of_are_those_that_are_written(app: Path) -> None:
    page = " ".join((ROOT / "docs/adopt.md").read_text().split())
    commands = re.findall(r"shadowctl new-route (\w+) \"([^\"]+)\"( --public)?", page)
    for name, request, public in commands:
        [*new_route(name, request, is_public=bool(public))]
    texts = {name: text for name, text in held(app).items() if text is not None}
    lines = {name: len(text.splitlines()) for name, text in texts.items()}
    of_app = lines.pop("app.py") - len(APP.splitlines())
    del lines["cdk.json"]
    marked = [
        sum(text.count("# fill in") for name, text in texts.items() if own.search(name))
        for own in (re.compile(rf"/{Names.of(route).module}(/|\.py$)") for route, *_ in commands)
    ]
    told = (
        f"{len(lines)} files with {sum(lines.values())} lines are written, and {of_app} lines of "
        f"`app.py`; none by hand. {sum(marked)} lines are marked for you: "
        f"{marked[0]}, {marked[1]} and {marked[2]}."
    )
    assert told in page
