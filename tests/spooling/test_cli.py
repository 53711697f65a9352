"""`agent-events spool`: list, flush, retry, discard."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner, Result
from spooling.conftest import note, only_segment

from agent_events import Ledger
from agent_events.cli import main
from agent_events.spooling import DiskJournal, folder_for
from agent_events.spooling.names import damaged_in, segments_in

Run = Callable[..., Result]


@pytest.fixture
def run(dsn: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Call `agent-events spool …` on the test's folder and database."""
    monkeypatch.setenv("AGENT_EVENTS_DSN", dsn)
    monkeypatch.setenv("AGENT_EVENTS_SPOOL_DIR", str(folder))

    def invoke(*arguments: str, stdin: str | None = None) -> Result:
        return CliRunner().invoke(main, ["spool", *arguments], input=stdin, catch_exceptions=False)

    return invoke


@pytest.fixture
def spool(dsn: str, folder: Path) -> Path:
    """The folder of the test's database, with two events that wait."""
    spool = folder_for(dsn, folder)
    journal = DiskJournal(spool)
    journal.append([note("1"), note("2")])
    journal.close()
    return spool


def listed(run: Run) -> dict[str, dict[str, Any]]:
    lines = run("list", "--json").stdout.splitlines()
    return {each["state"]: each for each in map(json.loads, lines)}


def refuse(spool: Path) -> None:
    journal = DiskJournal(spool)
    journal.set_aside(note("3"), "LG002: event type test.noted is not registered")
    journal.close()


def damage(spool: Path) -> None:
    """Damage the second event."""
    path = only_segment(spool)
    path.write_bytes(path.read_bytes().replace(b'"text":"2"', b'"text":"X"'))


def test_nothing_waits(run: Run) -> None:
    result = run("list")
    assert result.exit_code == 0
    assert result.stdout == "nothing waits\n"
    assert run("flush").stdout == "0 delivered\n"


def test_list_says_what_waits_for_whom(run: Run, spool: Path) -> None:
    waiting = listed(run)["waiting"]
    assert waiting["events"] == 2
    assert waiting["files"] == 1
    assert waiting["bytes"] == only_segment(spool).stat().st_size
    assert waiting["oldest"] is not None
    assert waiting["destination"] in run("list").stdout


def test_what_a_process_holds_is_listed_as_such(run: Run, spool: Path) -> None:
    journal = DiskJournal(spool)
    journal.append([note("mine")])
    assert {state: each["events"] for state, each in listed(run).items()} == {"held": 3}
    result = run("flush")
    assert result.exit_code == 0
    assert "3 are held by running processes, which deliver them" in result.stdout
    journal.close()


@pytest.mark.usefixtures("spool")
def test_flush_delivers(run: Run, noted: str, pg: psycopg.Connection[Any]) -> None:
    result = run("flush", "--json")
    assert result.exit_code == 0
    document = json.loads(result.stdout)
    assert (document["delivered"], document["left"]) == (2, {})
    events = Ledger(pg).find_events(event_types=[noted])
    assert sorted(event.payload["text"] for event in events) == ["1", "2"]
    assert run("list").stdout == "nothing waits\n"


@pytest.mark.usefixtures("noted")
def test_damaged_line_is_set_aside_and_the_rest_delivered(run: Run, spool: Path) -> None:
    damage(spool)
    result = run("flush")
    assert result.exit_code == 1
    assert "1 delivered\n" in result.stdout
    assert "1 damaged: agent-events spool list" in result.stdout
    assert listed(run)["damaged"]["events"] == 1
    assert len(damaged_in(spool)) == 1


def test_refused_events_are_delivered_when_that_is_mended(
    run: Run, spool: Path, pg: psycopg.Connection[Any]
) -> None:
    result = run("flush")
    assert result.exit_code == 1
    assert "2 refused: agent-events spool list" in result.stdout
    assert listed(run).keys() == {"refused"}
    assert run("retry").exit_code == 1  # still
    assert listed(run)["refused"]["events"] == 2
    Ledger(pg).register_event_type("test.noted", {"type": "object"})
    result = run("retry")
    assert result.exit_code == 0
    assert result.stdout == "2 delivered\n"
    assert list(spool.iterdir()) == []


@pytest.mark.usefixtures("noted")
def test_flush_of_what_waits_for_a_database_that_has_moved(
    run: Run, spool: Path, folder: Path
) -> None:
    spool.rename(folder / "app@old.example.com:5432%2Fdeals")
    assert run("flush").stdout == "0 delivered\n"
    result = run("flush", "--destination", "app@old.example.com:5432/deals")
    assert result.exit_code == 0
    assert result.stdout == "2 delivered\n"


@pytest.mark.usefixtures("spool")
def test_flush_for_an_unknown_destination(run: Run) -> None:
    result = run("flush", "--destination", "nobody@nowhere")
    assert result.exit_code == 2
    assert "nothing waits for nobody@nowhere" in result.stderr


@pytest.mark.usefixtures("noted")
def test_database_that_is_down(run: Run, spool: Path, outage: Any) -> None:
    with outage():
        assert run("flush").exit_code == 3
    assert listed(run)["waiting"]["events"] == 2
    assert len(segments_in(spool)) == 1


@pytest.mark.usefixtures("noted")
def test_discard_deletes_only_what_is_set_aside(run: Run, spool: Path) -> None:
    damage(spool)
    run("flush")
    refuse(spool)
    journal = DiskJournal(spool)
    journal.append([note("waits")])
    journal.close()
    result = run("discard", stdin="n\n")
    assert result.exit_code == 1
    assert "Delete 1 refused, 1 damaged, which are in no ledger?" in result.stderr
    assert listed(run).keys() == {"waiting", "refused", "damaged"}
    assert run("discard", "--refused", "--yes").stdout == "1 refused discarded\n"
    assert listed(run).keys() == {"waiting", "damaged"}
    result = run("discard", "--yes", "--json")
    assert json.loads(result.stdout) == {"discarded": {"refused": 0, "damaged": 1}}
    assert listed(run).keys() == {"waiting"}
