"""What the database says of a partition: where it is, and which positions its events have."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from agent_events.cold.errors import ColdError
from agent_events.verifying.session import Session

_PARTITIONS = """
select p.partition_name, p.tier, p.from_time, p.to_time, p.moved_at
from ledger.partitions as p
where p.parent_name = 'agent_events'
order by p.from_time
"""
_NAME = """
select
  coalesce(nullif(pg_catalog.current_setting('ledger.name', true), ''), current_database()),
  c.system_identifier::pg_catalog.text
from pg_catalog.pg_control_system() as c
"""
_ENTRIES = """
select l.tenant_id, min(l.position), max(l.position), count(*)
from ledger.log_entries as l
where l.created_at >= %s and l.created_at < %s
group by l.tenant_id
order by l.tenant_id
"""
_ROWS = """
select e.tenant_id, count(*)
from ledger.agent_events_archive as e
where e.created_at >= {} and e.created_at < {}
group by e.tenant_id
"""
_FIRST_BLOCKS = """
select b.tenant_id, pg_catalog.encode(b.block_hash, 'hex')
from ledger.log_blocks as b
where b.block_no = 1 and b.tenant_id = any(%s)
"""


@dataclass(frozen=True)
class Partition:
    """A row of `ledger.partitions`; times in UTC."""

    name: str
    tier: str
    from_time: datetime
    to_time: datetime
    moved_at: datetime | None


@dataclass(frozen=True)
class Stretch:
    """Where a tenant's events of a partition stand in its log: between two positions, included."""

    tenant_id: str
    first: int
    last: int
    count: int


def read_partitions(session: Session) -> list[Partition]:
    """Return the partitions of the events that ever were, by time."""
    return [Partition(*row) for row in session.rows(_PARTITIONS)]


def find_partition(session: Session, name: str) -> Partition:
    """Return a partition.

    Raises:
        ColdError: there is none of that name.
    """
    for partition in read_partitions(session):
        if partition.name == name:
            return partition
    raise ColdError(
        f"there is no partition {name}", "select partition_name, tier from ledger.partitions;"
    )


def require_access(session: Session, *privileges: str) -> None:
    """Check that the role has privileges for every tenant, so that nothing is hidden from it.

    Raises:
        psycopg.Error: LG005, with a hint that says who can allow it.
    """
    for privilege in privileges:
        session.rows("select ledger.require_tenant('*', %s)", privilege)


def ledger_identity(session: Session) -> tuple[str, str]:
    """Return the ledger's name, as `ledger.checkpoint` has it, and its cluster's identifier."""
    ((name, system_identifier),) = session.rows(_NAME)
    return name, system_identifier


def read_stretches(session: Session, partition: Partition) -> list[Stretch]:
    """Return where the events of an archived partition stand in the logs, by tenant.

    Raises:
        ColdError: the archive does not have exactly the events that the logs have of that time.
    """
    bounds = partition.from_time, partition.to_time
    stretches = [Stretch(*row) for row in session.rows(_ENTRIES, *bounds)]
    # Literals, so that the planner looks into one partition only.
    rows = dict(session.connection.execute(session.compose(_ROWS, bounds)).fetchall())
    logged = {stretch.tenant_id: stretch.count for stretch in stretches}
    for tenant_id in sorted({*rows, *logged}):
        there, wanted = rows.get(tenant_id, 0), logged.get(tenant_id, 0)
        if there != wanted:
            raise ColdError(
                f"{partition.name} holds {there:,} events of tenant {tenant_id}, but the log has "
                f"{wanted:,} of its time",
                "Find out which: agent-events verify",
            )
    return stretches


def first_blocks(session: Session, tenants: Sequence[str]) -> dict[str, str]:
    """Return the hash of the first block of tenants' logs, hex."""
    return dict(session.rows(_FIRST_BLOCKS, list(tenants)))
