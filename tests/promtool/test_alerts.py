"""docs/monitoring/alerts.yaml, as promtool sees it. promtool: Debian's package `prometheus`."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "monitoring"


@pytest.fixture(scope="session")
def promtool() -> str:
    """Path of the program; fetched where it is not installed."""
    found = subprocess.check_output([ROOT / "scripts" / "promtool"], text=True)
    return found.strip()


def run(*command: str | Path) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_rules_are_valid(promtool: str) -> None:
    assert "SUCCESS" in run(promtool, "check", "rules", FOLDER / "alerts.yaml")


def test_rules_fire_when_they_should(promtool: str) -> None:
    assert "SUCCESS" in run(promtool, "test", "rules", FOLDER / "alerts.test.yaml")


def test_every_rule_is_tested_both_ways() -> None:
    rules = yaml.safe_load((FOLDER / "alerts.yaml").read_text())
    tests = yaml.safe_load((FOLDER / "alerts.test.yaml").read_text())["tests"]
    alerts = {rule["alert"] for group in rules["groups"] for rule in group["rules"]}
    for fires in (True, False):
        tested = {
            case["alertname"]
            for test in tests
            for case in test["alert_rule_test"]
            if bool(case["exp_alerts"]) is fires
        }
        assert tested == alerts, fires
