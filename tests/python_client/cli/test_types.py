"""`agent-events types` against a real database."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner, Result

from agent_events import Ledger
from agent_events._resources import sql_dir
from agent_events.cli import main

SCHEMA = {
    "description": "A lamp was switched.",
    "x-publish": False,
    "type": "object",
    "properties": {"is_on": {"type": "boolean"}},
    "required": ["is_on"],
}


class Types:
    """The command `types` on the test's database."""

    def __init__(self, dsn: str) -> None:
        self.dsn = dsn

    def __call__(self, *args: str | Path) -> Result:
        return CliRunner().invoke(main, ["types", *map(str, args), "--dsn", self.dsn])

    def rows(self, *args: str | Path, exit_code: int = 0) -> list[dict[str, Any]]:
        result = self(*args, "--json")
        assert result.exit_code == exit_code, result.output
        return [json.loads(line) for line in result.stdout.splitlines()]


@pytest.fixture
def types(dsn: str) -> Types:
    return Types(dsn)


@pytest.fixture
def lamp(tmp_path: Path) -> Path:
    """A folder named `lamps` with one schema in it."""
    folder = tmp_path / "lamps"
    folder.mkdir()
    (folder / "lamp.switched.v1.json").write_text(json.dumps(SCHEMA))
    return folder


def results(rows: list[dict[str, Any]]) -> list[tuple[str, int | None, str]]:
    return [(row["event_type"], row["schema_version"], row["result"]) for row in rows]


def test_apply_registers_once(types: Types, lamp: Path) -> None:
    assert results(types.rows("apply", lamp)) == [("lamp.switched", 1, "registered")]
    assert results(types.rows("apply", lamp)) == [("lamp.switched", 1, "unchanged")]
    assert types.rows("list", "--catalog", "lamps") == [
        {
            "event_type": "lamp.switched",
            "current_version": 1,
            "catalog": "lamps",
            "publish": False,
            "description": "A lamp was switched.",
        }
    ]


def test_apply_takes_files_and_a_catalog(types: Types, lamp: Path) -> None:
    types.rows("apply", lamp / "lamp.switched.v1.json", "--catalog", "home")
    assert types.rows("show", "lamp.switched")[0]["catalog"] == "home"


def test_apply_registers_versions_in_order(types: Types, lamp: Path) -> None:
    for version in (10, 9, 8, 7, 6, 5, 4, 3, 2):
        schema = {**SCHEMA, "title": f"Lamp {version}"}
        (lamp / f"lamp.switched.v{version}.json").write_text(json.dumps(schema))
    versions = [row["schema_version"] for row in types.rows("apply", lamp)]
    assert versions == list(range(1, 11))


def test_apply_without_version_is_the_next_one(types: Types, lamp: Path) -> None:
    types.rows("apply", lamp)
    (lamp / "lamp.switched.v1.json").unlink()
    (lamp / "lamp.switched.json").write_text(json.dumps({**SCHEMA, "title": "Lamp"}))
    assert results(types.rows("apply", lamp)) == [("lamp.switched", 2, "registered")]
    assert results(types.rows("apply", lamp)) == [("lamp.switched", 2, "unchanged")]


def test_apply_reports_each_refused_file_and_registers_the_others(types: Types, lamp: Path) -> None:
    (lamp / "lamp.broken.v1.json").write_text("{")
    (lamp / "lamp.odd.v1.json").write_text(json.dumps({"type": "object", "minimun": 1}))
    rows = types.rows("apply", lamp, exit_code=1)
    assert results(rows) == [
        ("lamp.broken", 1, "refused"),
        ("lamp.odd", 1, "refused"),
        ("lamp.switched", 1, "registered"),
    ]
    assert "minimun" in rows[1]["error"]
    assert len(types.rows("list", "--catalog", "lamps")) == 1


def test_apply_refuses_another_schema_for_a_known_version(types: Types, lamp: Path) -> None:
    types.rows("apply", lamp)
    (lamp / "lamp.switched.v1.json").write_text(json.dumps({**SCHEMA, "title": "Lamp"}))
    assert results(types.rows("apply", lamp, exit_code=1)) == [("lamp.switched", 1, "refused")]


def test_the_shipped_catalogs_are_applied_already(types: Types) -> None:
    rows = types.rows("apply", sql_dir() / "catalog")
    assert {row["result"] for row in rows} == {"unchanged"}
    assert len(rows) == len(types.rows("list"))


def test_show_prints_the_schema(types: Types) -> None:
    row = types.rows("show", "agent.call_completed")[0]
    assert (row["schema_version"], row["catalog"]) == (1, "llm")
    assert row["private_paths"] == ["/prompt", "/raw_output"]
    assert "latency_ms" in row["schema"]["required"]
    assert '"latency_ms"' in types("show", "agent.call_completed").stdout


@pytest.mark.parametrize("args", [["no.such_type"], ["deal.created", "--version", "7"]])
def test_show_of_an_unknown_type_fails(types: Types, args: list[str]) -> None:
    result = types("show", *args)
    assert result.exit_code == 1
    assert "is not registered" in result.stderr


def test_coverage_shows_the_gaps(types: Types, pg: psycopg.Connection[Any]) -> None:
    before = {row["event_type"]: row for row in types.rows("coverage")}
    assert not before["deal.created"]["is_seen"]
    Ledger(pg).emit_event("deal.created", {"name": "Acme"})
    after = {row["event_type"]: row for row in types.rows("coverage")}
    assert after["deal.created"]["is_seen"]
    unseen = {row["event_type"] for row in types.rows("coverage", "--unseen")}
    assert before.keys() - unseen == {"deal.created"}


def test_without_json_it_prints_tables(types: Types, lamp: Path) -> None:
    assert "registered lamp.switched v1" in types("apply", lamp).stdout
    assert "deal.created" in types("list", "--catalog", "agent_platform").stdout
    coverage = types("coverage", "--catalog", "agent_platform").stdout
    assert re.search(r"deal\.created +yes +0", coverage)
