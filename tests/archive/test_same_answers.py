"""Whatever is asked, the answer is the same before archiving, after it, and after coming back."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from archive.history import check_manifest, findings, tiers
from log.consistency import Row, check_log, rows
from log.emitting import seal_all
from problems import problems

from agent_events.verifying import verify

AnyConnection = psycopg.Connection[Any]

Answers = tuple[dict[str, list[Row]], list[Any]]

CORRELATION = "00000000-0000-4000-8000-000000000001"
TRACE = "00000000-0000-4000-9000-000000000003"
QUERIES = {
    "find_events, newest first": """
        select * from ledger.find_events('acme', page_size => 1000)""",
    "find_events, oldest first, a page in the middle": """
        select f.* from (
          select id from ledger.events
          where tenant_id = 'acme' order by created_at offset 25 limit 1
        ) as e, ledger.find_events(
          'acme', after_id => e.id, page_size => 50, newest_first => false
        ) as f""",
    "find_events by stream": """
        select * from ledger.find_events('acme', 'deal', '1', newest_first => false)""",
    "find_events by type and actor": """
        select * from ledger.find_events(
          'acme', event_types => '{test.rare}', actor_id => 'ada', outcome => 'success'
        )""",
    "find_events by trace": f"""
        select * from ledger.find_events('acme', trace_id => '{TRACE}')""",
    "find_events by correlation and time": f"""
        select f.* from (
          select min(created_at) as first from ledger.events where tenant_id = 'acme'
        ) as e, ledger.find_events(
          'acme', correlation_id => '{CORRELATION}', from_time => e.first + interval '12 hours',
          to_time => e.first + interval '60 hours', page_size => 1000
        ) as f""",
    "read_stream": """
        select * from ledger.read_stream('deal', '1', tenant_id => 'acme')""",
    "read_stream from the middle": """
        select * from ledger.read_stream('deal', '1', 7, 20, tenant_id => 'acme')""",
    "trace": f"""
        select * from ledger.trace('{CORRELATION}', 'acme')""",
    "get_event": """
        select g.*
        from ledger.log_entries as l, ledger.get_event(l.event_id, tenant_id => l.tenant_id) as g
        where l.tenant_id in ('acme', 'other')
        order by l.tenant_id, l.position""",
    "ledger.log": """
        select * from ledger.log where tenant_id = 'acme' order by position""",
    "read_log": """
        select * from ledger.read_log(-1, 1000, tenant_id => 'acme')""",
    "read_log by type, from the middle": """
        select * from ledger.read_log(30, 20, '{test.rare}', tenant_id => 'acme')""",
    "inclusion_proof": """
        select l.position, p.*
        from ledger.log_entries as l,
          ledger.inclusion_proof(l.event_id, tenant_id => l.tenant_id) as p
        where l.tenant_id = 'acme' order by l.position""",
    "checkpoint": """
        select ledger.checkpoint('acme') as note""",
    "verify": """
        select t.tenant_id, v.* from ledger.tenants as t, ledger.verify(t.tenant_id) as v""",
    "verify of a stream": """
        select * from ledger.verify('acme', aggregate_type => 'deal', aggregate_id => '1')""",
}


def answers(connection: AnyConnection, dsn: str) -> Answers:
    """What everything says about the tenants, without the tier."""
    found = {
        name: [{key: row[key] for key in row if key != "tier"} for row in rows(connection, query)]
        for name, query in QUERIES.items()
    }
    report = verify(dsn)
    tenants = [tenant for tenant in report.tenants if tenant.tenant_id in ("acme", "other")]
    assert len(tenants) == 2
    return found, [report.findings, tenants]


def check_answers(found: Answers, before: Answers) -> None:
    assert [name for name in QUERIES if found[0][name] != before[0][name]] == []
    assert found[1] == before[1]


def tiers_seen(connection: AnyConnection, function: str) -> set[str]:
    query = f"select distinct tier from ledger.{function}"
    return {row[0] for row in connection.execute(query).fetchall()}  # type: ignore[arg-type]


@pytest.mark.parametrize("which", [slice(0, 1), slice(1, 2), slice(0, 3)], ids=str)
def test_every_answer_stays_the_same(ledger: AnyConnection, dsn: str, which: slice) -> None:
    seal_all(ledger)
    before = answers(ledger, dsn)
    assert [name for name, found in before[0].items() if not found] == [
        "verify",
        "verify of a stream",
    ]
    assert before[1][0] == []

    names = list(tiers(ledger))[which]
    for name in names:
        ledger.execute("call ledger.archive_partition(%s)", [name])
    assert [name for name, tier in tiers(ledger).items() if tier == "archive"] == names
    check_answers(answers(ledger, dsn), before)
    assert "archive" in tiers_seen(ledger, "find_events('acme', page_size => 1000)")
    assert "archive" in tiers_seen(ledger, "log")
    check_manifest(ledger)
    assert problems(ledger) == []
    for tenant_id in ("acme", "other"):
        check_log(ledger, tenant_id)

    for name in names:
        ledger.execute("call ledger.restore_partition(%s)", [name])
    assert set(tiers(ledger).values()) == {"hot"}
    check_answers(answers(ledger, dsn), before)
    assert tiers_seen(ledger, "events") == {"hot"}
    check_manifest(ledger)
    seal_all(ledger)
    assert findings(ledger, "acme", "other", "ledger") == []
    assert problems(ledger) == []


def test_streams_go_on_after_their_beginning_was_archived(ledger: AnyConnection) -> None:
    for name in tiers(ledger):
        ledger.execute("call ledger.archive_partition(%s)", [name])
    before = ledger.execute("select max(sequence) from ledger.events where aggregate_id = '1'")
    (last,) = before.fetchone() or (0,)
    emitted = ledger.execute(
        """
        select sequence from ledger.emit_event(
          'test.happened', tenant_id => 'acme', aggregate_type => 'deal', aggregate_id => '1',
          expected_sequence => %s
        )
        """,
        [last],
    ).fetchone()
    assert emitted == (last + 1,)
    stream = rows(ledger, "select * from ledger.read_stream('deal', '1', tenant_id => 'acme')")
    assert [event["sequence"] for event in stream] == list(range(1, last + 2))
    assert {event["tier"] for event in stream} == {"hot", "archive"}
    assert seal_all(ledger)["acme"] == 1
    assert findings(ledger, "acme", "other", "ledger") == []
