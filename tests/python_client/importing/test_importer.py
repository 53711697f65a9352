from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent_events import Event, Ledger, errors
from agent_events.importing import (
    AuditSource,
    Importer,
    Report,
    Transformer,
    action_uuid,
    load_mapping,
)

ACTION = "0b8f5d3a-3a0e-4a8c-9a55-0d0b3a0c2f11"
GOOD = (1, ACTION, "2026-01-02T03:04:05Z", "approved", "user:bob", '{"comment": "ok"}')

Pg = psycopg.Connection[Any]
AuditFile = Callable[..., Path]


def run(pg: Pg, path: Path, source_name: str = "trail", **options: Any) -> Report:
    mapping = options.pop("mapping", None) or load_mapping()
    transform = Transformer(source_name, mapping, UTC, options.pop("publish", False))
    with AuditSource(path) as source, Report() as report:
        Importer(pg, transform, report, **options).run(source)
    return report


def events(pg: Pg) -> list[Event]:
    found = Ledger(pg).find_events(aggregate_type="action", newest_first=False, page_size=1000)
    return list(found)


def reasons(report: Report) -> dict[str, int]:
    return {reason: entry["rows"] for reason, entry in report.reasons.items()}


def test_a_row_becomes_an_event(pg: Pg, audit_file: AuditFile) -> None:
    report = run(pg, audit_file([GOOD]))
    assert (report.rows, report.imported, report.duplicate, report.rejected) == (1, 1, 0, 0)
    (event,) = events(pg)
    assert event.event_type == "action.approved"
    assert event.payload == {"comment": "ok"}
    assert (event.aggregate_type, event.aggregate_id, event.sequence) == ("action", ACTION, 1)
    assert event.action_id == event.correlation_id == UUID(ACTION)
    assert (event.actor_type, event.actor_id) == ("user", "bob")
    assert event.occurred_at == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert event.metadata == {
        "import": {
            "source": "trail",
            "audit_id": 1,
            "action_id": ACTION,
            "timestamp": "2026-01-02T03:04:05Z",
            "event": "approved",
            "actor": "user:bob",
            "details": {"comment": "ok"},
        }
    }


def test_an_action_id_that_is_no_uuid_always_gets_the_same(pg: Pg, audit_file: AuditFile) -> None:
    run(pg, audit_file([(1, "act-7", "2026-01-02", "approved", "user:bob", None)]))
    (event,) = events(pg)
    assert event.aggregate_id == "act-7"
    assert event.action_id == action_uuid("act-7") == UUID("c33802dd-9658-56bc-b9da-9baf10b833e6")
    assert event.metadata is not None
    assert event.metadata["import"]["action_id"] == "act-7"


def test_an_upper_case_uuid_is_the_same_action(pg: Pg, audit_file: AuditFile) -> None:
    run(pg, audit_file([GOOD, (2, ACTION.upper(), "2026-01-03", "started", None, None)]))
    assert [event.sequence for event in events(pg)] == [1, 2]


def test_the_deal_in_details_is_the_events_deal(pg: Pg, audit_file: AuditFile) -> None:
    deal = "7c1f2b9e-6a44-4d0e-8b1a-5f0a6d2e9c33"
    run(pg, audit_file([(1, "a", "2026-01-02", "created", None, f'{{"deal_id": "{deal}"}}')]))
    (event,) = events(pg)
    assert event.deal_id == event.correlation_id == UUID(deal)


def test_streams_follow_the_time_of_the_rows(pg: Pg, audit_file: AuditFile) -> None:
    rows = [
        (1, "a", "2026-01-03 00:00:00", "completed", "system", None),
        (2, "a", 1767312000, "started", "system", None),
        (3, "a", "2026-01-01T00:00:00Z", "created", "agent:x", None),
    ]
    run(pg, audit_file(rows), batch_size=2)
    stream = Ledger(pg).read_stream("action", "a")
    assert [event.event_type.removeprefix("action.") for event in stream] == [
        "created",
        "started",
        "completed",
    ]


def test_the_second_import_finds_every_row_there(pg: Pg, audit_file: AuditFile) -> None:
    path = audit_file((i, f"a{i % 7}", 1767312000 + i, "started", None, None) for i in range(50))
    assert run(pg, path, batch_size=20).imported == 50
    again = run(pg, path, batch_size=7)
    assert (again.imported, again.duplicate) == (0, 50)
    assert len(events(pg)) == 50


def test_rows_that_came_later_are_added(pg: Pg, audit_file: AuditFile) -> None:
    path = audit_file([GOOD])
    run(pg, path)
    connection = sqlite3.connect(path)
    connection.execute(
        "insert into action_audit_events values (2, 'b', '2026-01-01', 'started', null, null)"
    )
    connection.commit()
    connection.close()
    report = run(pg, path)
    assert (report.imported, report.duplicate) == (1, 1)


def test_another_source_is_another_trail(pg: Pg, audit_file: AuditFile) -> None:
    path = audit_file([GOOD])
    run(pg, path, source_name="one")
    assert run(pg, path, source_name="two").imported == 1


def test_audit_ids_that_differ_in_spaces_are_different_rows(pg: Pg, audit_file: AuditFile) -> None:
    rows = [(audit_id, *GOOD[1:]) for audit_id in (1, " 1", "1 ", "1.0", "01")]
    assert run(pg, audit_file(rows)).imported == 5


BAD_ROWS = [
    ((None, *GOOD[1:]), "no audit_id"),
    ((" ", *GOOD[1:]), "no audit_id"),
    ((2, None, *GOOD[2:]), "no action_id"),
    ((2, "", *GOOD[2:]), "no action_id"),
    ((2, ACTION, None, "approved", None, None), "broken timestamp"),
    ((2, ACTION, "soon", "approved", None, None), "broken timestamp"),
    ((2, ACTION, "2026-01-01", None, None, None), "no event"),
    ((2, ACTION, "2026-01-01", "viewed", None, None), "event not mapped: viewed"),
    ((1, ACTION, "2026-02-01", "started", None, None), "audit_id occurs again"),
    ((2, ACTION, "2026-01-01", "approved", None, b"\xff"), "not UTF-8"),
    ((2, ACTION, "2026-01-01", "approved", b"\xff", None), "not UTF-8"),
    ((2, ACTION, "2026-01-01", "approved", None, '{"a": "\\u0000"}'), "NUL character"),
    ((2, ACTION, "2026-01-01", "approved", None, "a\0b"), "NUL character"),
    ((2, "a\0b", "2026-01-01", "approved", None, None), "NUL character"),
    ((2, ACTION, "2026-01-01", "approved", None, '{"a": "\\ud800"}'), "half of a surrogate pair"),
    ((2, ACTION, "2026-01-01", "approved", None, "x" * (9 * 1024 * 1024)), "details too large"),
]


@pytest.mark.parametrize(("row", "reason"), BAD_ROWS)
def test_a_bad_row_alone_is_set_aside(
    pg: Pg, audit_file: AuditFile, row: tuple[Any, ...], reason: str
) -> None:
    others = [(i, ACTION, "2026-03-01", "started", None, None) for i in range(10, 20)]
    report = run(pg, audit_file([GOOD, row, *others]))
    assert reasons(report) == {reason: 1}
    assert (report.rows, report.imported, report.rejected) == (12, 11, 1)


@pytest.mark.parametrize("column", ["action_id", "audit_id"])
def test_what_the_ledger_refuses_is_set_aside_with_its_reason(
    pg: Pg, audit_file: AuditFile, column: str
) -> None:
    long = "x" * 300
    row = (2, long, *GOOD[2:]) if column == "action_id" else (long, *GOOD[1:])
    report = run(pg, audit_file([GOOD, row]))
    (reason,) = reasons(report)
    assert reason.startswith("refused (LG009)")
    assert report.imported == 1


def test_a_type_that_is_not_registered_rejects_its_rows(pg: Pg, audit_file: AuditFile) -> None:
    rows = [GOOD, (2, "a", "2026-01-01", "viewed", None, None)]
    report = run(pg, audit_file(rows), mapping=load_mapping(unmapped_as="custom.absent"))
    (reason,) = reasons(report)
    assert reason.startswith("refused (LG002)")
    assert report.imported == 1


def test_a_payload_that_does_not_match_says_where(pg: Pg, audit_file: AuditFile) -> None:
    schema = {"type": "object", "properties": {"page": {"type": "string"}}, "required": ["page"]}
    Ledger(pg).register_event_type("custom.viewed", schema)
    rows = [
        (1, "a", "2026-01-01", "viewed", None, '{"page": "/home"}'),
        (2, "a", "2026-01-01", "viewed", None, '{"page": 7}'),
    ]
    report = run(pg, audit_file(rows), mapping=load_mapping(unmapped_as="custom.viewed"))
    (entry,) = report.reasons.values()
    assert entry["audit_ids"] == [2]
    assert "/page" in entry["detail"]
    assert report.imported == 1


def test_huge_details_are_imported_below_the_limit(pg: Pg, audit_file: AuditFile) -> None:
    details = json.dumps({"log": "line\n" * 400_000})
    rows = [(i, "a", "2026-01-01", "completed", None, details) for i in range(6)]
    assert run(pg, audit_file(rows)).imported == 6


def test_secrets_in_details_are_masked(pg: Pg, audit_file: AuditFile) -> None:
    rows = [(1, "a", "2026-01-01", "started", None, '{"api_key": "sk-1", "worker": "w"}')]
    run(pg, audit_file(rows))
    assert "sk-1" not in str(events(pg))


def test_history_is_not_published_unless_asked(pg: Pg, audit_file: AuditFile) -> None:
    run(pg, audit_file([GOOD]))
    assert pg.execute("select count(*) from ledger.outbox").fetchone() == (0,)
    run(pg, audit_file([(2, *GOOD[1:])], name="news.sqlite"), publish=True)
    assert pg.execute("select count(*) from ledger.outbox").fetchone() == (1,)


def test_a_dry_run_checks_everything_and_keeps_nothing(pg: Pg, audit_file: AuditFile) -> None:
    report = run(pg, audit_file([GOOD, (2, "a\0b", *GOOD[2:])]), dry_run=True)
    assert (report.imported, report.rejected) == (1, 1)
    assert events(pg) == []


def test_a_tenant_that_is_not_permitted_ends_the_import(
    pg: Pg,  # noqa: ARG001
    audit_file: AuditFile,
    connect: Callable[..., Pg],
    login_role: Callable[..., str],
) -> None:
    app = connect(user=login_role("importer", {"acme": ["write"]}))
    path = audit_file([GOOD])
    with pytest.raises(errors.TenantNotPermitted):
        run(app, path, tenant_id="other")
    assert run(app, path, tenant_id="acme").imported == 1


values = st.one_of(
    st.none(),
    st.integers(-(2**63), 2**63 - 1),
    st.floats(allow_nan=False),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=30),
    st.binary(max_size=10),
)
rows = st.tuples(
    st.integers(0, 30) | values,
    st.sampled_from([ACTION, "a"]) | values,
    st.sampled_from(["2026-01-01", 1767312000]) | values,
    st.sampled_from(["created", "approved", "failed"]) | values,
    st.sampled_from(["user:bob", "system"]) | values,
    st.dictionaries(st.text(max_size=5), st.none() | st.text(max_size=5), max_size=3).map(
        json.dumps
    )
    | values,
)


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(trail=st.lists(rows, max_size=12))
def test_any_trail_is_accounted_for_and_idempotent(
    pg: Pg, audit_file: AuditFile, tmp_path: Path, trail: list[tuple[Any, ...]]
) -> None:
    (tmp_path / "trail.sqlite").unlink(missing_ok=True)
    path = audit_file(trail)
    first = run(pg, path, source_name=f"trail-{tmp_path.name}")
    again = run(pg, path, source_name=f"trail-{tmp_path.name}")
    assert first.rows == again.rows == len(trail)
    assert again.imported == 0
    assert again.duplicate == first.imported + first.duplicate
    assert reasons(again) == reasons(first)
