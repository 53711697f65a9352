"""`agent-events partitions`."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from click.testing import Result

Run = Callable[..., Result]


@pytest.fixture
def old_partitions(pg: psycopg.Connection[Any]) -> list[str]:
    """Of last month and the month before."""
    for months in (2, 1):
        pg.execute("select ledger.ensure_partition(now() - make_interval(months => %s))", [months])
    return [
        row[0]
        for row in pg.execute(
            "select partition_name from ledger.partitions where parent_name = 'agent_events' "
            "order by from_time limit 2"
        )
    ]


def columns(result: Result, *, row: int) -> list[str]:
    """The words of a line of the table; 0 is the header."""
    return result.stdout.splitlines()[row].split()


def test_a_new_ledger_keeps_everything(run: Run) -> None:
    result = run("partitions")
    assert result.exit_code == 0
    names = ["partition", "tier", "from", "to", "age", "events", "size", "due"]
    assert columns(result, row=0) == names
    assert columns(result, row=1)[1] == "hot"
    assert columns(result, row=1)[4] == "now"
    assert columns(result, row=2)[4] == "ahead"
    assert "Interval:   month, 3 ahead\n" in result.stdout
    assert "Retention:  for ever: nothing is archived" in result.stdout
    assert "outbox_p" not in result.stdout
    assert run("partitions", "--outbox").stdout.count("outbox_p") == 4


def test_json_has_every_partition(run: Run, old_partitions: list[str]) -> None:
    rows = [json.loads(line) for line in run("partitions", "--json").stdout.splitlines()]
    assert len(rows) == 12
    assert rows[0]["partition_name"] == old_partitions[0]
    assert rows[0]["age"] > 86400
    assert (rows[0]["due"], rows[0]["is_counted"]) == (None, False)


def test_set_retention_says_what_is_due_now(run: Run, old_partitions: list[str]) -> None:
    result = run("partitions", "set-retention", "--hot", "1h", "--warm", "2d", "--cold", "365d")
    assert result.stdout.splitlines()[0] == "Retention:  hot 1 hour, warm 2 days, cold 365 days"
    assert f"archive {len(old_partitions)} partitions (agent-events maintain)" in result.stdout
    assert columns(run("partitions"), row=1)[-1] == "archive"
    run("maintain")
    listed = run("partitions")
    assert columns(listed, row=1)[:2] == [old_partitions[0], "archive"]
    assert "2 archive (" in listed.stdout


def test_set_retention_keeps_what_is_not_given(run: Run) -> None:
    run("partitions", "set-retention", "--hot", "7d", "--warm", "30d", "--tablespace", "pg_default")
    given = run("partitions", "set-retention", "--warm", "never", "--json").stdout
    policy = json.loads(given)
    assert (policy["hot_for"], policy["warm_for"]) == (7 * 86400, None)
    assert policy["archive_tablespace"] == "pg_default"
    result = run("partitions", "set-retention", "--tablespace", "")
    assert result.stdout == "Retention:  hot 7 days, warm for ever, cold for ever\n"
    result = run("partitions", "set-retention", "--inbox", "90d")
    assert result.stdout == "Retention:  hot 7 days, warm for ever, cold for ever; inbox 90 days\n"
    result = run("partitions", "set-retention", "--hot", "never")
    assert "; inbox 90 days" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "exit_code", "reason"),
    [
        (["--hot", "30d", "--warm", "7d"], 1, "out of order"),
        (["--hot", "30"], 2, "is no length of time"),
        (["--hot", "-1d"], 2, "is no length of time"),
        (["--hot", "1m"], 1, "out of order"),
        (["--tablespace", "nowhere"], 1, "tablespace nowhere does not exist"),
        ([], 2, "say at least one"),
    ],
)
def test_set_retention_refuses(run: Run, arguments: list[str], exit_code: int, reason: str) -> None:
    result = run("partitions", "set-retention", *arguments)
    assert (result.exit_code, reason in result.stderr) == (exit_code, True)


def test_set_interval(run: Run) -> None:
    result = run("partitions", "set-interval", "day", "--ahead", "14")
    assert result.stdout == "Interval:   day, 14 ahead\n"
    result = run("partitions", "set-interval", "week", "--json")
    assert json.loads(result.stdout) == {"partition_interval": "week", "premake": 14}
    assert run("partitions", "set-interval", "year").exit_code == 2


def test_set_interval_waits_for_a_reader(
    run: Run, connect: Callable[..., psycopg.Connection[Any]]
) -> None:
    """It gives up after 100 ms, and tries again until the reader is gone."""
    reader = connect(autocommit=False)
    reader.execute("select count(*) from ledger.agent_events")
    reader.execute("set idle_in_transaction_session_timeout = '1s'")
    assert run("partitions", "set-interval", "day").exit_code == 0
    with pytest.raises(psycopg.errors.IdleInTransactionSessionTimeout):
        reader.execute("select 1")
