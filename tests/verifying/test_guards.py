"""Guards and functions, from the verifier's own lists."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest
from psycopg import sql
from verifying.tampering import unguarded

from agent_events._resources import sql_dir
from agent_events.verifying import guards
from agent_events.verifying.functions import OPTIONAL, shipped

AnyConnection = psycopg.Connection[Any]
BITS = {
    "insert": guards.INSERT,
    "delete": guards.DELETE,
    "update": guards.UPDATE,
    "truncate": guards.TRUNCATE,
}


def test_the_lists_are_those_of_the_ledger(ledger: AnyConnection) -> None:
    rows = ledger.execute(
        """
        select p.target::text, p.parent is not null, g.guard, g.events, g.level, g.condition
        from ledger_guard.protected_tables as p
        cross join lateral ledger_guard.guards_of(array[p.target::oid]) as g
        """
    ).fetchall()
    tables: dict[str, dict[str, int]] = {}
    for table, is_partition, guard, events, level, condition in rows:
        kind = sum(BITS[event] for event in events.split(" or "))
        wanted = kind | (guards.ROW if level == "row" else 0)
        name = "partition" if is_partition else table.removeprefix("ledger.")
        tables.setdefault(name, {})[guard] = wanted
        assert (condition is not None) == (guard in guards.CONDITIONAL)
    partition = tables.pop("partition")
    assert tables == guards.TABLES
    assert (
        partition | {"ledger_guard_row": tables["outbox"]["ledger_guard_row"]} == guards.PARTITION
    )


def test_every_function_is_found_in_its_file(ledger: AnyConnection) -> None:
    rows = ledger.execute(
        """
        select n.nspname, p.proname, count(*)
        from pg_proc as p join pg_namespace as n on n.oid = p.pronamespace
        where n.nspname in ('ledger', 'ledger_guard')
        group by 1, 2
        """
    ).fetchall()
    optional = shipped(sql_dir() / OPTIONAL)
    counts = {
        name: len(definitions)
        for name, definitions in shipped(sql_dir()).items()
        if name not in optional
    }
    assert {(schema, name): count for schema, name, count in rows} == counts


@pytest.mark.parametrize(
    ("statement", "kind", "what"),
    [
        ("alter table {} disable trigger ledger_guard_partition", "guard disabled", "_partition"),
        ("alter table {} enable trigger ledger_guard_row", "guard demoted", "ledger_guard_row"),
        ("drop trigger ledger_guard_partition_row on {}", "guard missing", "_partition_row"),
        ("drop trigger ledger_guard_insert on ledger.log_tiles", "guard missing", "log_tiles"),
        (
            (
                "create or replace trigger ledger_guard_insert before insert on ledger.log_entries "
                "for each statement when (false) execute function ledger_guard.refuse_change()"
            ),
            "guard altered",
            "log_entries",
        ),
        (
            (
                "create trigger other before insert on {} "
                "for each row execute function suppress_redundant_updates_trigger()"
            ),
            "guard foreign trigger",
            "other",
        ),
        (
            "create rule other as on update to ledger.agent_runs do instead nothing",
            "guard foreign rule",
            "agent_runs",
        ),
        (
            "create policy other on ledger.log_entries using (true)",
            "guard foreign policy",
            "log_entries",
        ),
        (
            (
                "alter table ledger.log_sweep rename to log_swept; "
                "create view ledger.log_sweep as select * from ledger.log_swept"
            ),
            "guard altered",
            "log_sweep",
        ),
    ],
)
def test_guards(ledger: AnyConnection, check: Any, statement: str, kind: str, what: str) -> None:
    row = ledger.execute(
        "select inhrelid::regclass::text from pg_inherits"
        " where inhparent = 'ledger.agent_events'::regclass limit 1"
    ).fetchone()
    assert row
    with without_event_triggers(ledger):
        ledger.execute(statement.format(row[0]))
    found = [finding for finding in check().findings if finding.kind == kind]
    assert found
    assert what in found[0].detail


def test_event_triggers(ledger: AnyConnection, check: Any) -> None:
    ledger.execute("alter event trigger ledger_guard_drop disable")
    (finding,) = check().findings
    assert (finding.kind, finding.detail) == ("guard disabled", "event trigger ledger_guard_drop")
    for name in guards.EVENT_TRIGGERS:
        ledger.execute(sql.SQL("drop event trigger {}").format(sql.Identifier(name)))
    report = check()
    assert report.findings == []
    assert not report.has_event_triggers


BODY = "returns text language plpgsql as $$ begin return 'all is well'; end $$"


@pytest.mark.parametrize(
    ("statement", "what"),
    [
        (
            (
                "create or replace function ledger.checkpoint("
                "ledger_name text default null, tree_size bigint default null, "
                f"tenant_id text default null) {BODY}"
            ),
            "ledger.checkpoint(): it is not as",
        ),
        (f"create function ledger.other() {BODY}", "ledger.other(): this version ships no"),
        (f"create function ledger.seal(text, int) {BODY}", "ledger.seal(): there are 2"),
        ("drop function ledger.find_receipt", "ledger.find_receipt(): it is missing"),
        (
            "alter function ledger.read_log security definer",
            "ledger.read_log(): it is not as",
        ),
        (
            (
                f"create function public.other() {BODY}; "
                "alter function public.other() owner to ledger_append"
            ),
            "public.other(): this version ships no",
        ),
    ],
)
def test_functions(ledger: AnyConnection, check: Any, statement: str, what: str) -> None:
    with without_event_triggers(ledger):
        ledger.execute("grant create on schema public to ledger_append")
        ledger.execute(statement)
    (finding,) = check().findings
    assert finding.kind == "altered function"
    assert finding.detail.startswith(what)


def test_partitions_change_no_function(ledger: AnyConnection, check: Any) -> None:
    """covered_period() is rewritten whenever partitions are made."""
    ledger.execute("update ledger.partition_settings set premake = 9")
    ledger.execute("select ledger.ensure_partitions()")
    assert check().findings == []


def without_event_triggers(ledger: AnyConnection) -> Any:
    """Let DDL through; nothing else is switched off."""
    return unguarded(ledger, tables=False)
