"""The dashboard and the alerts ask for what the exporter has, and show all of it."""

from __future__ import annotations

import json
import re
from itertools import combinations
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from monitoring.conftest import Start, get

FOLDER = Path(__file__).parents[2] / "docs" / "monitoring"
DASHBOARD = json.loads((FOLDER / "grafana-dashboard.json").read_text())
ALERTS = yaml.safe_load((FOLDER / "alerts.yaml").read_text())
NAME = re.compile(r"\bagent_events_[a-z_]+")
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
RULES = [rule for group in ALERTS["groups"] for rule in group["rules"]]


@pytest.fixture
def exported(busy: psycopg.Connection[Any], dsn: str, start: Start) -> dict[str, set[str]]:
    """Names of a real scrape, with their labels where there are samples."""
    status, content = get(start(dsn, "--listen", "0").wait_for("listening")["port"])
    assert status == 200
    assert busy
    names: dict[str, set[str]] = {
        name: set() for name in re.findall(r"^# TYPE (\S+)", content, re.MULTILINE)
    }
    for name, labels in re.findall(r"^(agent_events_\w+)(?:\{(.*)\})? ", content, re.MULTILINE):
        names[name] |= set(re.findall(r'(\w+)="', labels))
    return names


def queries() -> list[str]:
    return [target["expr"] for panel in PANELS for target in panel["targets"]]


def test_every_query_is_about_a_metric_that_there_is(exported: dict[str, set[str]]) -> None:
    for expression in [*queries(), *(rule["expr"] for rule in RULES)]:
        names = set(NAME.findall(expression))
        assert names <= set(exported), expression
        assert names or expression.startswith(("up{", "time() - node_textfile_")), expression


def test_every_metric_has_a_panel(exported: dict[str, set[str]]) -> None:
    assert set(NAME.findall(" ".join(queries()))) == set(exported)


def test_legends_and_sums_name_labels_that_there_are(exported: dict[str, set[str]]) -> None:
    for panel in PANELS:
        for target in panel["targets"]:
            of_metrics = set().union(*(exported[name] for name in NAME.findall(target["expr"])))
            named = re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])
            named += re.findall(r"by \((\w+)\)", target["expr"])
            assert set(named) <= of_metrics | {"instance"}, panel["title"]


def test_the_dashboard_is_one(exported: dict[str, set[str]]) -> None:
    """Ids once each, nothing on top of something else, the variables that are used are defined."""
    assert exported
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)
    for one, other in combinations([panel["gridPos"] for panel in DASHBOARD["panels"]], 2):
        apart = (
            one["x"] + one["w"] <= other["x"]
            or other["x"] + other["w"] <= one["x"]
            or one["y"] + one["h"] <= other["y"]
            or other["y"] + other["h"] <= one["y"]
        )
        assert apart, (one, other)
    defined = {variable["name"] for variable in DASHBOARD["templating"]["list"]}
    used = set(re.findall(r"\$\{?(\w+)\}?", json.dumps(PANELS)))
    assert used == defined


def test_every_alert_says_how_bad_it_is_and_what_happened() -> None:
    assert len({rule["alert"] for rule in RULES}) == len(RULES)
    for rule in RULES:
        assert rule["labels"]["severity"] in ("critical", "warning")
        assert rule["annotations"]["summary"]


def test_the_page_tells_of_every_metric_and_alert(exported: dict[str, set[str]]) -> None:
    page = (FOLDER.parent / "monitoring.md").read_text()
    told = re.findall(r"^\| `(\w+)`", page, re.MULTILINE)
    assert [f"agent_events_{name}" for name in told] == list(exported)
    alerts = re.findall(r"\bAgentEvents\w+", page)
    assert sorted(alerts) == sorted(rule["alert"] for rule in RULES)
