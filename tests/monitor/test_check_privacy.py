"""doctor() about private data: what a superuser did behind erase_private()'s back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

AnyConnection = psycopg.Connection[Any]
Findings = Callable[..., set[tuple[str, str, str]]]

DELETE = "delete from ledger.event_private where event_id = '{event}'"
ERASE = "select ledger.erase_private(event_id => '{event}', reason => 'request 1')"


@pytest.fixture
def event(pg: AnyConnection) -> str:
    """An event with private data about ada, and others without."""
    pg.execute("select ledger.set_tenant_policy('default', 'open')")
    pg.execute("select ledger.emit_event('test.happened')")
    row = pg.execute(
        "select id from ledger.emit_event('test.happened', private => '{\"a\": 1}',"
        " subject_id => 'ada', aggregate_type => 'deal', aggregate_id => '1')"
    ).fetchone()
    assert row is not None
    return str(row[0])


def tamper(pg: AnyConnection, *statements: str) -> None:
    """Silence the guards, which the report then shows too, and put them back."""
    tables = ("event_private", "erasures", "legal_holds")
    names = ["ddl", "detach", "drop", "rewrite"]
    for name in names:
        pg.execute(f"alter event trigger ledger_guard_{name} disable")
    for table in tables:
        pg.execute(f"alter table ledger.{table} disable trigger user")
    for statement in statements:
        pg.execute(statement)  # type: ignore[arg-type]
    for name in names:
        pg.execute(f"alter event trigger ledger_guard_{name} enable always")
    pg.execute("select ledger.repair_guards()")


@pytest.mark.parametrize("deep", [False, True])
def test_erased_data_is_no_finding(
    pg: AnyConnection, findings: Findings, event: str, deep: bool
) -> None:
    pg.execute(ERASE.format(event=event))
    pg.execute("select ledger.place_hold('matter 88')")
    assert findings(deep) == set()


@pytest.mark.parametrize("deep", [False, True])
def test_data_that_no_erasure_names_is_missing(
    pg: AnyConnection, findings: Findings, event: str, deep: bool
) -> None:
    tamper(pg, DELETE.format(event=event))
    wanted = ("error", "private data missing", f"event {event} of tenant default")
    assert findings(deep) == {wanted}


@pytest.mark.parametrize("scope", ["", ", 'deal', '1'"])
def test_data_under_a_hold_is_missing(
    pg: AnyConnection, findings: Findings, event: str, scope: str
) -> None:
    pg.execute(f"select ledger.place_hold('matter 88'{scope})")
    tamper(pg, DELETE.format(event=event))
    wanted = ("error", "held private data missing", f"event {event} of tenant default")
    assert findings() == {wanted}


def test_data_was_altered(pg: AnyConnection, findings: Findings, event: str) -> None:
    tamper(pg, "update ledger.event_private set private = '{\"a\": 2}'")
    wanted = ("error", "private data altered", f"event {event} of tenant default")
    assert findings() == {wanted}


def test_data_for_an_event_that_had_none(pg: AnyConnection, findings: Findings, event: str) -> None:
    row = pg.execute("select id from ledger.events where private_hash is null").fetchone()
    assert row is not None
    tamper(
        pg,
        f"insert into ledger.event_private select tenant_id, '{row[0]}', null, salt, private"
        f" from ledger.event_private where event_id = '{event}'",
    )
    wanted = ("error", "private data altered", f"event {row[0]} of tenant default")
    assert findings() == {wanted}


def test_a_backup_brought_erased_data_back(
    pg: AnyConnection, findings: Findings, event: str
) -> None:
    pg.execute("create table public.backup as select * from ledger.event_private")
    pg.execute(ERASE.format(event=event))
    tamper(pg, "insert into ledger.event_private select * from public.backup")
    wanted = ("error", "erased data is back", f"event {event} of tenant default")
    assert findings() == {wanted}
    pg.execute(ERASE.format(event=event))
    assert findings() == set()


def test_a_forged_record_has_no_event(pg: AnyConnection, findings: Findings, event: str) -> None:
    forged = "0197c2a4-91f3-7abc-8def-0123456789ab"
    tamper(
        pg,
        "insert into ledger.erasures select tenant_id, id, "
        f"'{forged}', private_hash, null, now() from ledger.events where private_hash is not null",
        DELETE.format(event=event),
    )
    assert findings() == {("error", "erasure without event", f"erasure {forged} of tenant default")}


@pytest.mark.parametrize("scope", ["", ", 'deal', '1'", ", subject_id => 'ada'"])
def test_an_erasure_that_a_hold_forbade(
    pg: AnyConnection, findings: Findings, event: str, scope: str
) -> None:
    """As if somebody had replaced the functions: the hold was there before."""
    row = pg.execute(
        f"select (ledger.erase_private(event_id => '{event}', reason => 'x')).erasure_id"
    ).fetchone()
    assert row is not None
    pg.execute(f"select ledger.place_hold('matter 88'{scope})")
    assert findings() == set()
    tamper(pg, "update ledger.legal_holds set placed_at = placed_at - interval '1 day'")
    wanted = ("error", "erased under a hold", f"erasure {row[0]} of tenant default")
    assert findings() == {wanted}


def test_only_recent_events_are_looked_at_unless_deep(
    pg: AnyConnection, findings: Findings, event: str
) -> None:
    pg.execute("select ledger.emit_event('test.happened') from generate_series(1, 1000)")
    tamper(pg, DELETE.format(event=event))
    assert findings() == set()
    assert {kind for _, kind, _ in findings(deep=True)} == {"private data missing"}
