"""Where a file of a route stands on this machine, and where in the code that its functions run."""

from pathlib import Path

import pytest

from localaws.route_folder import RouteFolder

PLACES = {
    "src/orders/get_order/control.py": "orders/get_order/control.py",
    "src/legacy/prices.py": "legacy/prices.py",
    "shared/money/__init__.py": "money/__init__.py",
    "shared/money/rates/of_today.py": "money/rates/of_today.py",
    "rules.py": "rules.py",
}


@pytest.fixture
def route(tmp_path: Path) -> RouteFolder:
    for file in PLACES:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    return RouteFolder(
        stack="Orders",
        alias="Alias",
        folder=tmp_path / "src/orders/get_order",
        root=tmp_path / "src",
        package="orders.get_order",
        packages=(tmp_path / "src/legacy", tmp_path / "shared/money", tmp_path / "rules.py"),
    )


def test_a_package_below_the_root_or_elsewhere_is_the_routes_own(
    route: RouteFolder, tmp_path: Path
) -> None:
    assert {*route.modules()} == {tmp_path / file for file in PLACES}


@pytest.mark.parametrize(("file", "place"), PLACES.items(), ids=PLACES)
def test_a_file_has_one_place_and_a_place_one_file(
    route: RouteFolder, tmp_path: Path, file: str, place: str
) -> None:
    assert route.place(tmp_path / file) == place
    assert route.origin(place) == tmp_path / file


def test_what_no_module_is_stands_beside_those_that_read_it(
    route: RouteFolder, tmp_path: Path
) -> None:
    assert route.origin("money/rates.json") == tmp_path / "shared/money/rates.json"
    assert route.origin("orders/get_order/one.json") == tmp_path / "src/orders/get_order/one.json"
