"""A route with 1,000 requests a day costs under 3 USD a month beyond free tiers, everything on."""

import json
from pathlib import Path
from typing import Any

import pytest

from shadow_canary import Stage, Traffic
from shadow_runtime.contract import Variable
from shadowctl.plan.plan import plan
from tests.unit.services import App, service, stack_of_nothing

pytestmark = pytest.mark.usefixtures("few_plays")

CEILINGS = [
    Stage.SHADOW,
    Stage.canary(percent=1),
    Stage.LIVE,
    Stage.COMPLETE,
]


def planned(folder: Path, lambdas: Path, **options: Any) -> str:
    stack = stack_of_nothing()
    service(stack, lambdas, expected_traffic=Traffic.per_day(1_000, users=50), **options)
    template = App(stack).templates["Orders"]
    (folder / "Orders.template.json").write_text(json.dumps(template))
    return plan(folder, "Orders")


def totals(text: str) -> tuple[float, float]:
    """USD at list prices, and beyond free tiers."""
    [row] = [line for line in text.splitlines() if line.startswith("| all ")]
    listed, beyond = row.split("|")[-3:-1]
    return float(listed), float(beyond)


@pytest.mark.parametrize("ceiling", CEILINGS, ids=str)
def test_a_thousand_requests_a_day_cost_under_three_dollars_beyond_free_tiers(
    ceiling: Stage, tmp_path: Path, lambdas: Path
) -> None:
    _, beyond = totals(planned(tmp_path, lambdas, ceiling=ceiling))
    assert beyond < 3


@pytest.mark.parametrize("percent", [20, 50])
def test_a_month_at_a_wide_canary_costs_half_a_dollar_more_at_most(
    percent: float, tmp_path: Path, lambdas: Path
) -> None:
    _, beyond = totals(planned(tmp_path, lambdas, ceiling=Stage.canary(percent=percent)))
    assert 3 < beyond < 3.5


def test_without_a_dashboard_three_dollars_less_at_list_price_and_nothing_links_to_one(
    tmp_path: Path, lambdas: Path
) -> None:
    (tmp_path / "with").mkdir()
    whole, beyond = totals(planned(tmp_path / "with", lambdas))
    text = planned(tmp_path, lambdas, dashboard=False)
    without, beyond_without = totals(text)
    assert without == pytest.approx(whole - 3)
    assert beyond_without == beyond
    assert "dashboard" not in text.partition("### Cost of a month")[2].partition("Assumed:")[0]
    template = json.loads((tmp_path / "Orders.template.json").read_text())["Resources"].values()
    assert not [r for r in template if r["Type"] == "AWS::CloudWatch::Dashboard"]
    functions = [r["Properties"] for r in template if r["Type"] == "AWS::Lambda::Function"]
    variables = [f.get("Environment", {}).get("Variables", {}) for f in functions]
    [link] = [v[Variable.DASHBOARD] for v in variables if Variable.DASHBOARD in v]
    assert link == ""
