"""Who read what: private reads, exports, verifications, holds and erasures, in one view."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest
from click.testing import Result

from agent_events import Ledger

AnyConnection = psycopg.Connection[Any]
Run = Callable[..., Result]
Forge = Callable[..., Any]
Refused = Callable[..., psycopg.Error]


@pytest.fixture
def story(ledger: Ledger, officer: AnyConnection, reader: AnyConnection) -> dict[str, Any]:
    """An event about a person is read, held, exported and erased; its id and who did it."""
    private = {"private": {"phone": "1"}, "subject_id": "u-7"}
    event = ledger.emit_event("run.paused", {}, **private).id
    other = ledger.emit_event("run.paused", {}, private={"phone": "2"}, subject_id="u-8").id
    client = Ledger(officer)
    client.read_private("Ticket 1", event_id=event)
    client.subject_report("u-8")
    client.release_hold(client.place_hold("Matter 1", subject_id="u-7"), "Settled")
    export = Ledger(reader).begin_export("csv", purpose="Yearly audit")
    Ledger(reader).finish_export(export, 9)
    client.erase_private("Request 1", subject_id="u-7")
    return {
        "event": event,
        "other": other,
        "officer": officer.info.user,
        "reader": reader.info.user,
    }


def entries(connection: AnyConnection, **options: Any) -> list[tuple[str, str | None, str | None]]:
    """Action, actor and purpose, in the order of time."""
    found = Ledger(connection).access_log(**options)
    return [(each.action, each.actor, each.purpose) for each in reversed(found)]


def test_everything_is_in_it(story: dict[str, Any], auditor: AnyConnection) -> None:
    officer, reader = story["officer"], story["reader"]
    Ledger(auditor).record_verification(9, bytes(32), 0)
    assert entries(auditor) == [
        ("private_read", officer, "Ticket 1"),
        ("private_read", officer, "subject report"),
        ("held", officer, "Matter 1"),
        ("released", officer, "Settled"),
        ("export_started", reader, "Yearly audit"),
        ("exported", reader, "Yearly audit"),
        ("erased", officer, "Request 1"),
        ("verified", auditor.info.user, None),
    ]


def test_who_read_what(story: dict[str, Any], auditor: AnyConnection) -> None:
    officer, reader = story["officer"], story["reader"]
    assert entries(auditor, subject_id="u-8") == [("private_read", officer, "subject report")]
    assert entries(auditor, event_id=story["event"]) == [
        ("private_read", officer, "Ticket 1"),
        ("export_started", reader, "Yearly audit"),
        ("exported", reader, "Yearly audit"),
        ("erased", officer, "Request 1"),
    ]
    assert {action for action, _, _ in entries(auditor, actor=reader)} == {
        "export_started",
        "exported",
    }
    (last,) = Ledger(auditor).access_log(actions=["exported"])
    assert last.event_count == 9
    assert entries(auditor, from_time=last.at)[0][0] == "exported"
    assert entries(auditor, to_time=last.at)[-1][0] == "export_started"
    assert [each.action for each in Ledger(auditor).access_log(page_size=1)] == ["erased"]


def test_operators_and_privacy_officers_see_it_and_readers_do_not(
    story: dict[str, Any],  # noqa: ARG001
    operator: AnyConnection,
    officer: AnyConnection,
    reader: AnyConnection,
    refused: Refused,
) -> None:
    assert len(entries(operator)) == len(entries(officer)) == 7
    refused(reader, "42501", "select * from ledger.access_log")


def test_tenants_are_apart(
    pg: AnyConnection,
    story: dict[str, Any],  # noqa: ARG001
    connect: Callable[..., AnyConnection],
    login_role: Callable[..., str],
) -> None:
    pg.execute("select ledger.place_hold('Matter 2', tenant_id => 'globex')")
    globex = connect(user=login_role("globex", {"globex": ["operate"]}))
    assert [each[0] for each in entries(globex)] == ["held"]
    everybody = connect(user=login_role("chief", {"*": ["audit"]}))
    assert len(entries(everybody)) == 8
    assert [each[0] for each in entries(everybody, tenant_id="globex")] == ["held"]
    # Who audits one tenant and reads another sees the one's.
    both = connect(user=login_role("both", {"globex": ["audit"], "acme": ["read"]}))
    assert [each[0] for each in entries(both)] == ["held"]


def test_the_command(story: dict[str, Any], auditor: AnyConnection, run: Run) -> None:
    done = run(auditor, "access-log", "--subject-id", "u-7", "--json")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["action"] for row in rows] == ["erased"]
    text = run(auditor, "access-log", "--event", str(story["event"])).stdout
    assert "Ticket 1" in text
    assert story["officer"] in text
    exports = run(auditor, "access-log", "--action", "exported", "--action", "export_started")
    assert exports.stdout.count("Yearly audit") == 2


def test_a_verification_is_recorded(ledger: Ledger, auditor: AnyConnection, run: Run) -> None:
    sealed = ledger.seal()
    done = run(auditor, "verify")
    assert done.exit_code == 0, done.output
    (entry,) = Ledger(auditor).access_log()
    event = ledger.get_event(entry.event_id)
    assert event is not None
    assert event.outcome == "success"
    assert entry.details.pop("duration_ms") > 0
    assert entry.details == {
        "tree_size": sealed.tree_size,
        "root": sealed.root.hex(),
        "finding_count": 0,
        "findings": [],
        "verified_by": auditor.info.user,
    }
    assert run(auditor, "verify", "--no-record").exit_code == 0
    assert len(Ledger(auditor).access_log()) == 1


def test_findings_are_recorded(ledger: Ledger, auditor: AnyConnection) -> None:
    findings = [{"kind": "changed event", "position": n} for n in range(30)]
    Ledger(auditor).record_verification(9, bytes(32), 30, findings=findings)
    (entry,) = Ledger(auditor).access_log()
    assert entry.details["finding_count"] == 30
    assert entry.details["findings"] == findings[:20]
    event = ledger.get_event(entry.event_id)
    assert event is not None
    assert event.outcome == "failure"


def test_who_only_reads_verifies_without_a_record(
    ledger: Ledger,  # noqa: ARG001
    reader: AnyConnection,
    run: Run,
) -> None:
    done = run(reader, "verify")
    assert done.exit_code == 0
    assert "Not recorded as an event: " in done.stderr


@pytest.mark.parametrize(
    ("filters", "has_it"),
    [
        ({}, True),
        ({"aggregate_type": "deal"}, False),
        ({"event_types": ["run.paused", "deal.created"]}, True),
        ({"event_types": ["deal.created"]}, False),
        ({"action_prefix": "run."}, True),
        ({"action_prefix": "deal."}, False),
        ({"outcome": "success"}, False),
        ({"run_id": "00000000-0000-0000-0000-000000000000"}, True),
        ({"deal_id": "10000000-0000-4000-8000-000000000001"}, False),
        ({"from_time": datetime(2026, 1, 1, tzinfo=UTC)}, True),
        ({"to_time": datetime(2026, 1, 1, tzinfo=UTC)}, False),
    ],
    ids=str,
)
def test_which_exports_gave_an_event_out(
    ledger: Ledger,
    reader: AnyConnection,
    operator: AnyConnection,
    filters: dict[str, Any],
    has_it: bool,
) -> None:
    """The answer is what the export gives; an operator gets it without reading events."""
    event_id = ledger.emit_event("run.paused", {}).id
    export_id = Ledger(reader).begin_export("jsonl", **filters)
    rows = reader.execute("select id from ledger.export_events(%s)", [export_id]).fetchall()
    assert ((event_id,) in rows) is has_it
    found = Ledger(operator).access_log(event_id=event_id)
    assert [each.event_id for each in found] == [export_id] * has_it
    late = ledger.emit_event("run.paused", {}).id
    assert Ledger(operator).access_log(event_id=late) == []


CHANGE = """
    update ledger.agent_events set payload = payload || %s
    where event_type = 'ledger.export_started' returning id
"""


@pytest.mark.parametrize(
    ("count", "shown"),
    [
        ("9223372036854775807", 2**63 - 1),
        ("9223372036854775808", None),
        ("1e30", None),
        ("-1", None),
        ('"many"', None),
        ("null", None),
        ('{"a": 1}', None),
    ],
)
def test_no_event_breaks_the_view(
    forge: Forge,
    story: dict[str, Any],  # noqa: ARG001
    auditor: AnyConnection,
    count: str,
    shown: int | None,
) -> None:
    forge(CHANGE, f'{{"event_count": {count}}}')
    (entry,) = Ledger(auditor).access_log(actions=["export_started"])
    assert entry.event_count == shown


@pytest.mark.parametrize(
    "filters",
    [
        '{"from_time": "never"}',
        '{"from_time": "2026-01-01 Nowhere/Land"}',
        '{"to_time": "2026-99-01"}',
        '{"from_time": {}}',
        "[]",
        "7",
        '{"payload": "{}"}',
        '{"event_types": null}',
    ],
)
def test_a_filter_that_is_none_matches_nothing(
    ledger: Ledger, forge: Forge, reader: AnyConnection, operator: AnyConnection, filters: str
) -> None:
    """Nor is it a way to learn of a payload what it says."""
    event_id = ledger.emit_event("run.paused", {}).id
    Ledger(reader).begin_export("jsonl")
    export_id = forge(CHANGE, f'{{"filters": {filters}}}')
    has = operator.execute("select ledger.export_has_event(%s, %s)", [export_id, event_id])
    assert has.fetchone() == (False,)
    assert Ledger(operator).access_log(event_id=event_id) == []
