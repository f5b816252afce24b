"""The flag document: what is written is read back, what is doubtful is refused."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shadow_runtime.contract import FLAG_KEY, FlagError, Position, Stage, flag_document
from tests.strategies import json_values, positions

KEY = re.compile(r"[a-z][a-zA-Z\d_-]{0,63}")  # AppConfig's rule for flags and their attributes
VALUES = {"enabled": True, "stage": "canary", "canary_percent": 2, "shadow_percent": 50}


@given(positions)
def test_the_values_written_are_read_back_as_the_same_position(position: Position) -> None:
    assert Position.read(position.values()) == position


@given(json_values)
def test_anything_that_is_no_flag_is_refused_with_a_flag_error_and_no_other(
    values: object,
) -> None:
    with pytest.raises(FlagError):
        Position.read(values)


@given(st.sampled_from(sorted(VALUES)), json_values)
def test_a_flag_with_one_odd_value_is_refused_or_means_what_it_says(
    name: str, value: object
) -> None:
    try:
        position = Position.read({**VALUES, name: value})
    except FlagError:
        return
    assert Position.read(position.values()) == position


@pytest.mark.parametrize("name", sorted(VALUES))
def test_a_flag_that_lacks_a_value_is_refused(name: str) -> None:
    with pytest.raises(FlagError):
        Position.read({key: value for key, value in VALUES.items() if key != name})


def test_a_disabled_flag_is_off_whatever_else_it_says() -> None:
    assert Position.read({**VALUES, "enabled": False}) == Position.OFF
    assert Position.read({"enabled": False}) == Position.OFF  # as AppConfig serves it


@pytest.mark.parametrize("enabled", [None, 0, 1, "true", "false", ""])
def test_a_flag_that_is_neither_enabled_nor_disabled_is_refused(enabled: object) -> None:
    with pytest.raises(FlagError, match=f"enabled must be true or false, got {enabled!r}"):
        Position.read({**VALUES, "enabled": enabled})


def test_a_canary_of_0_percent_is_a_shadow() -> None:
    assert Position.read({**VALUES, "canary_percent": 0}) == Position(Stage.SHADOW, 50)


@pytest.mark.parametrize("name", ["canary_percent", "shadow_percent"])
@pytest.mark.parametrize("value", [-1, 100.5, "5", None, True, float("nan"), float("inf"), [5]])
def test_a_percentage_out_of_range_is_refused_with_its_name_and_the_range(
    name: str, value: object
) -> None:
    with pytest.raises(FlagError, match=f"{name} must be a number from 0 to 100") as e:
        Position.read({**VALUES, name: value})
    assert repr(value) in str(e.value)


@pytest.mark.parametrize("name", ["candidate_users", "control_users"])
@pytest.mark.parametrize("users", [None, "ada", ["ada", 1], {"ada": True}, [["ada"]]])
def test_users_that_are_no_list_of_strings_are_refused(name: str, users: object) -> None:
    with pytest.raises(FlagError, match=f"{name} must be a list of user ids") as e:
        Position.read({**VALUES, name: users})
    assert repr(users) in str(e.value)


def test_a_flag_without_lists_of_users_names_none() -> None:
    position = Position.read(VALUES)
    assert (position.candidate_users, position.control_users) == ((), ())


def test_an_unknown_stage_is_refused_with_the_ones_there_are() -> None:
    with pytest.raises(FlagError, match="'beta'; one of off, shadow, canary, live, complete"):
        Position.read({**VALUES, "stage": "beta"})


@pytest.mark.parametrize("values", [None, [], "off", 0])
def test_values_that_are_no_object_are_refused_as_such(values: object) -> None:
    with pytest.raises(FlagError, match="must be an object, got"):
        Position.read(values)


def test_the_seed_is_off() -> None:
    seed = flag_document(Position.OFF)
    assert Position.read(seed["values"][FLAG_KEY]) == Position.OFF
    assert Position.OFF.stage == Stage.OFF
    assert seed["values"][FLAG_KEY] == {
        "enabled": True,
        "stage": "off",
        "canary_percent": 0,
        "shadow_percent": 100,
        "candidate_users": [],
        "control_users": [],
        "paused": False,
        "override": "",
        "record_until": 0,
    }


@given(positions)
def test_a_document_keeps_the_rules_of_appconfig(position: Position) -> None:
    assert list(broken_rules(flag_document(position))) == []


def test_every_attribute_is_constrained_so_that_the_console_refuses_a_typing_error() -> None:
    attributes = flag_document(Position.OFF)["flags"][FLAG_KEY]["attributes"]
    percentage = {"type": "number", "minimum": 0, "maximum": 100, "required": True}
    users = {"type": "array", "elements": {"type": "string"}}
    names = ["off", "shadow", "canary", "live", "complete"]
    assert {name: attribute["constraints"] for name, attribute in attributes.items()} == {
        "stage": {"type": "string", "enum": names, "required": True},
        "canary_percent": percentage,
        "shadow_percent": percentage,
        "candidate_users": users,
        "control_users": users,
        "paused": {"type": "boolean"},
        "override": {"type": "string"},
        "record_until": {"type": "number", "minimum": 0},
    }


def broken_rules(document: dict[str, Any]) -> Iterator[str]:
    """What AppConfig would refuse in a feature flag document."""
    if set(document) != {"version", "flags", "values"} or document["version"] != "1":
        yield "nothing but version 1, flags and values stands at the top"
    if set(document["flags"]) != set(document["values"]):
        yield "every flag has values, and nothing else has"
    for key, flag in document["flags"].items():
        attributes, values = flag["attributes"], dict(document["values"][key])
        if set(flag) - {"name", "description", "attributes", "_deprecation"}:
            yield "an unknown member of a flag"
        if not all(KEY.fullmatch(name) for name in (key, *attributes)):
            yield "a key that is none"
        if "enabled" in attributes or not isinstance(values.pop("enabled"), bool):
            yield "enabled is AppConfig's own, and a boolean"
        if len(attributes) > 25 or set(values) != set(attributes):
            yield "at most 25 attributes, each with a value"
        for name, value in values.items():
            match attributes[name]["constraints"]:
                case {"type": "string", "enum": [*allowed]} if value in allowed:
                    pass
                case {"type": "string"} as free if not free.keys() - {"type"} and value == "":
                    pass
                case {"type": "boolean"} if isinstance(value, bool):
                    pass
                case {"type": "number", "minimum": least, "maximum": most} if (
                    least <= value <= most
                ):
                    pass
                case {"type": "number", "minimum": least} if least <= value:
                    pass
                case {"type": "array", "elements": {"type": "string"}} if all(
                    isinstance(element, str) for element in value
                ):
                    pass
                case _:
                    yield f"{name} is {value!r}"
