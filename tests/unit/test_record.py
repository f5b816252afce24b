"""What is recorded goes where a route's requests are, once, and as a tester's where asked for."""

import json
from pathlib import Path

import pytest

from shadowctl.record import Recording, append, of_tester
from shadowctl.route_files import RouteFilesError, requests_file

LINE = {
    "method": "GET",
    "path": "/users/kqz",
    "user": "kqz",
    "path_parameters": {"id": "kqz"},
    "authorizer": {"jwt": {"claims": {"sub": "kqz", "exp": 5}}},
}


def test_a_tester_takes_the_place_of_the_masked_user_wherever_that_stands() -> None:
    assert of_tester(LINE, 'ada "x"') == {
        "method": "GET",
        "path": "/users/ada%20%22x%22",
        "user": 'ada "x"',
        "path_parameters": {"id": 'ada "x"'},
        "authorizer": {"jwt": {"claims": {"sub": 'ada "x"', "exp": 5}}},
    }
    assert of_tester({"method": "GET", "path": "/"}, "ada")["user"] == "ada"


def test_what_a_file_holds_already_stays_and_is_not_written_again(tmp_path: Path) -> None:
    file = tmp_path / "requests.jsonl"
    append(file, [LINE])
    append(file, [LINE, {**LINE, "path": "/é"}])
    lines = file.read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["path"] for line in lines] == ["/users/kqz", "/é"]


def test_the_file_is_that_of_the_route_in_the_app_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "cdk.json").write_text("{}")
    folder = tmp_path / "lambdas/routes/get_user"
    folder.mkdir(parents=True)
    (folder / "control.py").touch()
    monkeypatch.chdir(folder)
    assert requests_file("routes.get_user") == folder / "requests.jsonl"
    with pytest.raises(RouteFilesError, match=r"no route routes\.orders in the app"):
        requests_file("routes.orders")
    monkeypatch.chdir("/")
    with pytest.raises(RouteFilesError, match="--to FILE"):
        requests_file("routes.get_user")


def test_what_could_not_be_kept_is_said_with_why() -> None:
    failed = [{**LINE, "status": 500}]
    told = "\n".join(Recording("Shop/a", Path("r.jsonl"), [], failed, unsupported=2).shown())
    assert "0 requests" in told
    assert "left out, the route answers 500: GET" in told
    assert "2 came by a REST API or a load balancer" in told
