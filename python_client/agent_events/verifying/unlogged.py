"""Events that have no position: those that should, and those that have waited too long for one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from agent_events.verifying.findings import (
    MAX_OF_A_KIND,
    SEALING_STOPPED,
    UNLOGGED_EVENT,
    Findings,
)
from agent_events.verifying.head import Head
from agent_events.verifying.session import Session

# `sealed` is a snapshot: every event of a transaction that it shows has a position, unless it came
# into the table behind the log's back. Transaction ids compare in one cluster only, so where the
# log is still another cluster's, later events are left out. No honest row carries an id that is not
# over yet.
_WITHOUT_POSITION = """
with unsealed as materialized (
  select
    e.id,
    e.created_at,
    case
      when {has_head} then
        pg_catalog.pg_visible_in_snapshot(e.xact_id, {snapshot}::pg_catalog.pg_snapshot)
        and ({is_same_cluster} or e.created_at <= {sealed_at}::pg_catalog.timestamptz)
        or {is_same_cluster} and not pg_catalog.pg_visible_in_snapshot(
          e.xact_id, pg_catalog.pg_current_snapshot()
        )
      else false
    end as is_unlogged
  from (
    select h.id, h.created_at, h.xact_id
    from ledger.agent_events as h
    where h.tenant_id = {tenant_id}
    union all
    select a.id, a.created_at, a.xact_id
    from ledger.agent_events_archive as a
    where a.tenant_id = {tenant_id}
  ) as e
  where not exists (
    select
    from ledger.log_entries as l
    where l.tenant_id = {tenant_id} and l.event_id = e.id
  )
)
"""
_LISTED = f"""
select u.id, u.created_at::pg_catalog.text
from unsealed as u
where u.is_unlogged
order by u.created_at, u.id
limit {MAX_OF_A_KIND}
"""
_COUNTED = """
select
  count(*) filter (where u.is_unlogged),
  count(*) filter (where not u.is_unlogged),
  (min(u.created_at) filter (where not u.is_unlogged))::pg_catalog.text,
  count(*) filter (
    where not u.is_unlogged
      and u.created_at
      < pg_catalog.clock_timestamp() - pg_catalog.make_interval(secs => %(age)s)
  )
from unsealed as u
"""
_CLUSTER = "select c.system_identifier from pg_catalog.pg_control_system() as c"


@dataclass(frozen=True)
class Waiting:
    """Events that have no position yet: how many, and since when the oldest."""

    count: int
    oldest: str | None


def check_unlogged(
    session: Session, tenant_id: str, head: Head | None, max_age: float, findings: Findings
) -> Waiting:
    """Look for events without a position.

    Args:
        session: where.
        tenant_id: whose.
        head: of the tenant's log; None where nothing was ever sealed.
        max_age: seconds after which an event should have been sealed.
        findings: takes those that are not new.
    """
    ((cluster,),) = session.rows(_CLUSTER)
    names = ("has_head", "snapshot", "is_same_cluster", "sealed_at", "tenant_id")
    query = _WITHOUT_POSITION.format(**{name: f"%({name})s" for name in names})
    parameters = {
        "has_head": head is not None,
        "snapshot": head.snapshot if head else "1:1:",
        "is_same_cluster": head is not None and head.system_identifier == cluster,
        "sealed_at": head.sealed_at_text if head else "-infinity",
        "tenant_id": tenant_id,
        "age": max_age,
    }
    execute = session.connection.execute
    row = execute(query + _COUNTED, parameters).fetchone()
    unlogged, count, oldest, late = row or (0, 0, None, 0)
    if unlogged:
        _list(execute(query + _LISTED, parameters).fetchall(), unlogged, findings)
    if late:
        findings.add(
            SEALING_STOPPED,
            f"{late:,} events have waited for a position for more than {max_age:,.0f} seconds, "
            f"the oldest since {oldest}",
        )
    return Waiting(count, oldest)


def _list(events: Sequence[tuple[UUID, str]], count: int, findings: Findings) -> None:
    for event_id, created_at in events:
        findings.add(
            UNLOGGED_EVENT,
            f"created at {created_at}, it has no position, but was there when the log was last "
            "sealed, or its transaction id is none that the cluster gave",
            event_id=event_id,
        )
    if count > len(events):
        findings.add(UNLOGGED_EVENT, f"… and {count - len(events):,} more")
