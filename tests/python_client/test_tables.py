"""Tracked tables through the client and the command."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner
from psycopg import AsyncConnection

from agent_events import AsyncLedger, Ledger, errors
from agent_events.cli import main


@pytest.fixture
def deals(pg: psycopg.Connection[Any]) -> Ledger:
    pg.execute("create table deals (id int primary key, stage text, iban text, note text)")
    return Ledger(pg)


def test_tracked_listed_and_untracked(deals: Ledger, pg: psycopg.Connection[Any]) -> None:
    deals.add_correlation("deals")
    deals.track_table(
        "deals", event_prefix="pipeline.deal", excluded=["note"], masked=["iban"], publish=False
    )
    pg.execute("insert into deals values (1, 'lead', 'DE89', 'secret')")
    (event,) = deals.find_events(event_types=["pipeline.deal.created"])
    assert (event.aggregate_type, event.aggregate_id) == ("pipeline.deal", "1")
    assert event.payload["new"]["iban"] == "***"
    (table,) = deals.tracked_tables()
    assert (table.table_name, table.key_columns, table.publish) == ("deals", ["id"], False)
    assert (table.excluded, table.masked, table.problem) == (["note"], ["iban"], None)
    deals.untrack_table("deals")
    assert deals.tracked_tables() == []


def test_refused(deals: Ledger) -> None:
    with pytest.raises(errors.InvalidArgument, match="is registered for something else"):
        deals.track_table("deals", event_prefix="deal")


def test_async(deals: Ledger, dsn: str) -> None:  # noqa: ARG001
    async def track() -> list[str]:
        async with await AsyncConnection.connect(dsn) as connection:
            ledger = AsyncLedger(connection)
            await ledger.track_table("deals", key_columns=["id"])
            return [table.event_prefix for table in await ledger.tracked_tables()]

    assert asyncio.run(track()) == ["deals"]


def test_command(deals: Ledger, pg: psycopg.Connection[Any], dsn: str) -> None:  # noqa: ARG001
    def run(*arguments: str) -> str:
        done = CliRunner().invoke(main, ["tables", *arguments, "--dsn", dsn])
        assert done.exit_code == 0, done.output
        return done.stdout

    assert run("list") == "No table is tracked.\n"
    assert run("track", "deals", "--mask", "iban", "--exclude", "note") == "deals: tracked\n"
    assert json.loads(run("add-correlation", "deals", "--json"))["state"] == "correlated"
    table = json.loads(run("list", "--json"))
    assert (table["event_prefix"], table["masked"], table["problem"]) == ("deals", ["iban"], None)
    pg.execute("create table notes (id int primary key)")
    run("track", "notes")
    assert len(run("list", "--json").splitlines()) == 2
    run("untrack", "notes")
    pg.execute("alter table deals disable trigger all")
    assert "disabled" in run("list")
    assert run("untrack", "deals") == "deals: untracked\n"
    assert run("list", "--json") == ""


def test_deferred(deals: Ledger, pg: psycopg.Connection[Any]) -> None:
    deals.track_table("deals", deferred=True)
    pg.execute("insert into deals values (1), (2)")
    (table,) = deals.tracked_tables()
    assert table.deferred
    assert table.waiting_since is not None
    assert deals.find_events(event_types=["deals.created"]) == []
    assert [deals.emit_captured(max_events=1), deals.emit_captured()] == [2, 0]
    assert len(deals.find_events(event_types=["deals.created"])) == 2
    with pytest.raises(errors.InvalidArgument, match="no statement 1"):
        deals.discard_captured(1, reason="gone")


def test_command_of_deferred_tables(
    deals: Ledger,  # noqa: ARG001
    pg: psycopg.Connection[Any],
    dsn: str,
) -> None:
    def run(*arguments: str) -> str:
        done = CliRunner().invoke(main, ["tables", *arguments, "--dsn", dsn])
        return done.stdout + done.stderr

    tracked = run("track", "deals", "--deferred")
    assert tracked.startswith("deals: tracked\n")
    assert "agent-events maintain" in tracked
    pg.execute("insert into deals values (1), (2)")
    assert "20" in run("list").splitlines()[1].split("at once")[-1]
    assert run("emit") == "2 events made.\n"
    assert json.loads(run("emit", "--json")) == {"emitted": 0}
    assert "no statement 7" in run("discard", "7", "--reason", "gone")
    assert run("track", "deals") == "deals: tracked\n"
    assert "at once" in run("list")


def test_command_says_what_is_refused(deals: Ledger, dsn: str) -> None:  # noqa: ARG001
    done = CliRunner().invoke(main, ["tables", "track", "deals", "--key", "stage", "--dsn", dsn])
    assert done.exit_code == 1
    assert "unique index" in done.stderr
