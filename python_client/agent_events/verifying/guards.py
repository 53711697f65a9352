"""Whether the guards are there, from catalog queries that use nothing of the ledger's own.

The lists here say a second time what `sql/guard/` sets up; a test compares them.
"""

from __future__ import annotations

import re

from agent_events.verifying.findings import Findings
from agent_events.verifying.session import Session

ROW = 1  # bits of pg_trigger.tgtype; without it the trigger is one per statement
BEFORE = 2
INSERT = 4
DELETE = 8
UPDATE = 16
TRUNCATE = 32

_CHANGE = UPDATE | DELETE
_PARENT = {"ledger_guard_row": ROW | _CHANGE, "ledger_guard_statement": _CHANGE | TRUNCATE}
_INSERT_STATEMENT = {"ledger_guard_insert": INSERT}
_INSERT_ROW = {"ledger_guard_insert": ROW | INSERT}
_TRUNCATE = {"ledger_guard_statement": TRUNCATE}
_REMOVE = {"ledger_guard_statement": DELETE | TRUNCATE}
_WRITE = {"ledger_guard_write": INSERT | UPDATE}

PARTITIONED = ("agent_events", "agent_events_archive", "outbox")
TABLES: dict[str, dict[str, int]] = {
    "agent_events": _PARENT | _INSERT_STATEMENT,
    "agent_events_archive": {
        "ledger_guard_row": ROW | _CHANGE,
        "ledger_guard_statement": INSERT | _CHANGE | TRUNCATE,
    },
    "outbox": _PARENT,
    "agent_runs": _PARENT | _INSERT_ROW,
    "event_schemas": _PARENT | _INSERT_ROW,
    "event_private": {
        "ledger_guard_row": ROW | UPDATE,
        "ledger_guard_statement": UPDATE | TRUNCATE,
        "ledger_guard_delete": ROW | DELETE,
    },
    "erasures": _PARENT | _INSERT_STATEMENT,
    "cold_files": _PARENT | _INSERT_STATEMENT,
    "cold_drops": _PARENT | _INSERT_STATEMENT,
    "outbox_purges": _PARENT | _INSERT_STATEMENT,
    "cold_ranges": _PARENT | _INSERT_STATEMENT,
    "legal_holds": {"ledger_guard_row": ROW | DELETE} | _REMOVE | _WRITE,
    "partitions": {"ledger_guard_row": ROW | DELETE, "ledger_guard_statement": DELETE | TRUNCATE},
    "event_types": _TRUNCATE,
    "streams": _TRUNCATE,
    "idempotency_keys": _TRUNCATE,
    "inbox": _TRUNCATE,
    "inbox_failures": _TRUNCATE,
    "snapshots": {
        "ledger_guard_row": ROW | UPDATE,
        "ledger_guard_statement": UPDATE | TRUNCATE,
        "ledger_guard_write": INSERT | DELETE,
    },
    "capture_queue": {
        "ledger_guard_statement": TRUNCATE,
        "ledger_guard_write": UPDATE | DELETE,
    },
    "log_entries": _PARENT | _INSERT_STATEMENT,
    "log_tiles": _PARENT | _INSERT_STATEMENT,
    "log_blocks": _PARENT | _INSERT_STATEMENT,
    "log_heads": _REMOVE | _WRITE,
    "log_edges": _REMOVE | _WRITE,
    "log_sweep": _REMOVE | _WRITE,
}
PARTITION = {
    "ledger_guard_row": ROW | _CHANGE,  # the parent's, cloned
    "ledger_guard_partition_row": ROW | _CHANGE,
    "ledger_guard_partition": INSERT | _CHANGE | TRUNCATE,
}
CONDITIONAL = ("ledger_guard_insert", "ledger_guard_delete", "ledger_guard_write")
"""Guards that let `ledger_append`, which nobody can become, through."""
CONDITION = re.compile(r"WHEN \(\(CURRENT_USER <> 'ledger_append'::(name|text)\)\)")
FIRING = {"A": None, "D": "disabled", "R": "disabled"}
"""What is wrong with a trigger, by its tgenabled; else it is 'demoted'."""
EVENT_TRIGGERS = {
    "ledger_guard_ddl": ("ddl_command_end", "refuse_ddl"),
    "ledger_guard_drop": ("sql_drop", "refuse_drop"),
    "ledger_guard_rewrite": ("table_rewrite", "refuse_rewrite"),
    "ledger_guard_detach": ("ddl_command_start", "refuse_detach"),
}
POLICIES = (
    "ledger_append",
    "ledger_owner",
    "ledger_reader",
    "ledger_privacy",
    "ledger_auditor",
    "ledger_consumer",
    "ledger_operator",
)

_RELATIONS = """
with listed as (
  select
    c.oid,
    c.relname::pg_catalog.text as name,
    c.relkind::pg_catalog.text as kind,
    false as is_partition
  from pg_catalog.pg_class as c
  where c.relnamespace = pg_catalog.to_regnamespace('ledger') and c.relname = any(%s)
)
select l.oid, l.name, l.kind, l.is_partition from listed as l
union all
select c.oid, c.relname::pg_catalog.text, c.relkind::pg_catalog.text, true
from listed as l
join pg_catalog.pg_inherits as i on i.inhparent = l.oid
join pg_catalog.pg_class as c on c.oid = i.inhrelid
where l.name = any(%s)
"""
_TRIGGERS = """
select
  t.tgname::pg_catalog.text,
  t.tgtype,
  t.tgenabled::pg_catalog.text,
  p.proname::pg_catalog.text = 'refuse_change'
    and p.pronamespace = pg_catalog.to_regnamespace('ledger_guard'),
  t.tgattr::pg_catalog.text,
  t.tgqual is not null,
  pg_catalog.pg_get_triggerdef(t.oid)
from pg_catalog.pg_trigger as t
join pg_catalog.pg_proc as p on p.oid = t.tgfoid
where t.tgrelid = %s and (not t.tgisinternal or t.tgname like 'ledger\\_guard%%')
"""
_RULES = "select r.rulename::pg_catalog.text from pg_catalog.pg_rewrite as r where r.ev_class = %s"
_POLICIES = """
select c.relname::pg_catalog.text, p.polname::pg_catalog.text
from pg_catalog.pg_policy as p
join pg_catalog.pg_class as c on c.oid = p.polrelid
where c.relnamespace = pg_catalog.to_regnamespace('ledger')
  and (not p.polpermissive or p.polname <> all(%s))
"""
_EVENT_TRIGGERS = """
select
  e.evtname::pg_catalog.text,
  e.evtevent::pg_catalog.text,
  p.proname::pg_catalog.text,
  e.evtenabled::pg_catalog.text
from pg_catalog.pg_event_trigger as e
join pg_catalog.pg_proc as p on p.oid = e.evtfoid
where e.evtname like 'ledger\\_guard%%'
  and p.pronamespace = pg_catalog.to_regnamespace('ledger_guard')
"""


def check_guards(session: Session, findings: Findings) -> bool:
    """Check the triggers, rules and policies of every table, and the event triggers.

    Returns:
        whether there are event triggers: without a superuser none are installed.
    """
    present = set()
    relations = session.rows(_RELATIONS, list(TABLES), list(PARTITIONED))
    for oid, name, kind, is_partition in relations:
        if not is_partition:
            present.add(name)
        _check_kind(name, kind, is_partition, findings)
        _check_triggers(session, oid, name, PARTITION if is_partition else TABLES[name], findings)
        for (rule,) in session.rows(_RULES, oid):
            findings.add("guard foreign rule", f"ledger.{name}: {rule} could change what is read")
    for name in sorted(TABLES.keys() - present):
        findings.add("guard missing", f"there is no table ledger.{name}")
    for table, policy in session.rows(_POLICIES, list(POLICIES)):
        findings.add("guard foreign policy", f"ledger.{table}: {policy} could hide or show rows")
    return _check_event_triggers(session, findings)


def _check_kind(name: str, kind: str, is_partition: bool, findings: Findings) -> None:
    wanted = "r" if is_partition or name not in PARTITIONED else "p"
    if kind != wanted:
        findings.add("guard altered", f"ledger.{name} is no table of the ledger (relkind {kind})")


def _check_triggers(
    session: Session, oid: int, name: str, wanted: dict[str, int], findings: Findings
) -> None:
    rows = {row[0]: row[1:] for row in session.rows(_TRIGGERS, oid)}
    for guard in sorted({*wanted, *rows}):
        problem = _problem(guard, wanted.get(guard), rows.get(guard))
        if problem:
            findings.add(f"guard {problem}", f"{name}: trigger {guard}")


def _problem(guard: str, wanted: int | None, row: tuple[object, ...] | None) -> str | None:
    if row is None:
        return "missing"
    if wanted is None:
        return "foreign trigger"
    kind, enabled, refuses, columns, is_conditional, definition = row
    is_whole = (
        kind == wanted | BEFORE
        and refuses
        and columns == ""
        and is_conditional == (guard in CONDITIONAL)
        and (not is_conditional or CONDITION.search(str(definition)))
    )
    if not is_whole:
        return "altered"
    return FIRING.get(str(enabled), "demoted")


def _check_event_triggers(session: Session, findings: Findings) -> bool:
    rows = {row[0]: row[1:] for row in session.rows(_EVENT_TRIGGERS)}
    if not rows:
        return False
    for name, (event, function) in EVENT_TRIGGERS.items():
        if name not in rows:
            problem = "missing"
        elif rows[name][:2] != (event, function):
            problem = "altered"
        elif rows[name][2] != "A":
            problem = FIRING.get(rows[name][2]) or "demoted"
        else:
            continue
        findings.add(f"guard {problem}", f"event trigger {name}")
    return True
