"""The dashboard and the alert rules: every expression is PromQL, and asks for metrics that exist."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml
from prometheus_client import REGISTRY as DEFAULT_REGISTRY

from pulp_actor.metrics.queue import METRICS
from pulp_actor.metrics.table import REGISTRY

DEPLOY = Path(__file__).parents[3] / "deploy"
SUFFIXES = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}


def series() -> dict[str, set[str]]:
    """Every series there can be, with its labels."""
    found = {name: {label} - {""} for name, (_, label) in METRICS.items()}
    for metric in list(REGISTRY._collector_to_names):
        family = next(iter(metric.describe()))
        for suffix in SUFFIXES[family.type]:
            found[family.name + suffix] = set(metric._labelnames) | ({"le"} if suffix == "_bucket" else set())
    return found


def rules() -> list[dict[str, Any]]:
    document = yaml.safe_load((DEPLOY / "prometheus" / "alerts.yml").read_text())
    return [rule for group in document["groups"] for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    document = json.loads((DEPLOY / "grafana" / "pulp-actor.json").read_text())
    return [panel for panel in document["panels"] if panel["type"] != "row"]


def expressions() -> dict[str, str]:
    found = {f"alert {rule['alert']}": rule["expr"] for rule in rules()}
    for panel in panels():
        for target in panel["targets"]:
            found[f"panel {panel['title']} {panel['id']}{target['refId']}"] = target["expr"]
    return found


def selectors(node: Any) -> Iterator[Any]:
    """Every selector of series in a parsed expression."""
    if isinstance(node, promql_parser.VectorSelector):
        yield node
    elif isinstance(node, promql_parser.MatrixSelector):
        yield node.vector_selector
    elif isinstance(node, promql_parser.Call):
        for argument in node.args:
            yield from selectors(argument)
    elif isinstance(node, promql_parser.BinaryExpr):
        yield from selectors(node.lhs)
        yield from selectors(node.rhs)
    elif hasattr(node, "expr"):
        yield from selectors(node.expr)


@pytest.mark.parametrize("where", expressions())
def test_every_expression_asks_for_what_exists(where: str) -> None:
    parsed = promql_parser.parse(expressions()[where].replace("$__rate_interval", "5m"))
    asked = list(selectors(parsed))
    assert asked
    known = series()
    for selector in asked:
        assert selector.name in known, f"{where}: no metric is named {selector.name}"
        labels = {matcher.name for matcher in selector.matchers.matchers}
        assert labels <= known[selector.name], f"{where}: {selector.name} has no label {labels - known[selector.name]}"


def test_every_metric_is_on_the_dashboard() -> None:
    shown = {selector.name for where, text in expressions().items() if where.startswith("panel")
             for selector in selectors(promql_parser.parse(text.replace("$__rate_interval", "5m")))}
    shown = {name.removesuffix("_bucket") for name in shown}
    declared = {name for name in series() if not name.endswith(("_bucket", "_sum"))}
    assert {name.removesuffix("_count") if f"{name.removesuffix('_count')}_bucket" in series() else name
            for name in declared} - shown == set()


def test_alerts_say_what_to_do() -> None:
    for rule in rules():
        assert rule["labels"]["severity"] in ("critical", "warning"), rule["alert"]
        assert rule["annotations"]["summary"] and rule["annotations"]["description"], rule["alert"]
    assert len({rule["alert"] for rule in rules()}) == len(rules())


def test_panels_have_names_of_their_own() -> None:
    assert len({panel["id"] for panel in panels()}) == len(panels())
    assert all(panel["description"] for panel in panels())


def test_nothing_is_counted_outside_the_table() -> None:
    """The default registry has what the library puts there itself, and nothing of ours."""
    ours = [name for names in DEFAULT_REGISTRY._collector_to_names.values() for name in names if name.startswith("pulp_")]
    assert ours == []
