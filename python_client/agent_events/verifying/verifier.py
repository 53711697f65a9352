"""Verifies a ledger from outside: the logs of its tenants, its guards and functions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from agent_events.verifying.checkpoints import Anchored, Signed
from agent_events.verifying.findings import BAD_CHECKPOINT, Finding, Findings
from agent_events.verifying.functions import check_functions
from agent_events.verifying.guards import check_guards
from agent_events.verifying.nodes import STRETCH
from agent_events.verifying.session import Session, open_session
from agent_events.verifying.tenant import Scope, TenantReport, TenantVerification
from agent_events.verifying.workers import workers

NOTHING = Anchored({}, frozenset(), (), {})

# A tenant whose head or row was removed still has blocks.
_TENANTS = """
select t.tenant_id from ledger.tenants as t
union
select h.tenant_id from ledger.log_heads as h
union
select b.tenant_id from ledger.log_blocks as b
order by 1
"""
_IS_FILTERED = "select pg_catalog.row_security_active('ledger.log_heads'::pg_catalog.regclass)"


class NothingVisible(Exception):
    """There is no such tenant, or the role may read none: nothing could be verified."""


class Listener(Protocol):
    """Hears of what goes on."""

    def begin(self, tenant_id: str, events: int) -> None:
        """Hear that a tenant's log is begun, and how many events will be read."""

    def advance(self, events: int) -> None:
        """Hear that so many more events were read."""

    def found(self, findings: Sequence[Finding]) -> None:
        """Hear of findings, as soon as they are certain."""


class Silence:
    """A listener to whom nothing is said twice: everything is in the report."""

    def begin(self, tenant_id: str, events: int) -> None:
        """Do nothing."""

    def advance(self, events: int) -> None:
        """Do nothing."""

    def found(self, findings: Sequence[Finding]) -> None:
        """Do nothing."""


@dataclass
class Report:
    """What came out.

    Attributes:
        tenants: what was verified of each.
        findings: what is wrong; none when all is well.
        has_event_triggers: whether the database refuses DDL on the ledger; False where no
            superuser installed it.
    """

    tenants: list[TenantReport] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    has_event_triggers: bool = False


def verify(
    dsn: str,
    *,
    tenant_id: str | None = None,
    scope: Scope | None = None,
    anchored: Anchored = NOTHING,
    worker_count: int = 1,
    listener: Listener | None = None,
) -> Report:
    """Verify the logs that the role may read.

    Everything is read by plain SELECT and COPY from one snapshot; no function of the ledger is
    called, nothing is written, and sealing goes on meanwhile.

    Args:
        dsn: connection string.
        tenant_id: whose log; None: every tenant's.
        scope: what of each log.
        anchored: signed checkpoints to hold them against.
        worker_count: processes, with a connection each.
        listener: hears what goes on.

    Raises:
        NothingVisible: there is no such tenant, or none that the role may read.
        psycopg.Error: the database refuses, or the connection is gone.
    """
    listener = listener or Silence()
    report = Report()

    def add(findings: Sequence[Finding]) -> None:
        report.findings.extend(findings)
        listener.found(findings)

    with open_session(dsn) as session:
        tenants = _tenants(session, tenant_id, anchored)
        add([f for f in anchored.findings if tenant_id in (None, f.tenant_id) or not f.tenant_id])
        of_ledger = Findings(None)
        report.has_event_triggers = check_guards(session, of_ledger)
        check_functions(session, of_ledger)
        add(of_ledger.all())
        passes = {
            name: TenantVerification(session, name, scope or Scope(), _signed(anchored, name))
            for name in tenants
        }
        if sum(each.events() for each in passes.values()) <= STRETCH:
            worker_count = 1
        with workers(dsn, session, worker_count) as run:
            for name, each in passes.items():
                listener.begin(name, each.events())
                of_tenant, findings = each.run(run, listener.advance)
                report.tenants.append(of_tenant)
                add([*findings, *_missing_checkpoints(anchored, of_tenant)])
    return report


def _tenants(session: Session, tenant_id: str | None, anchored: Anchored) -> list[str]:
    """Return whose logs to verify: also of who is gone, but has signed checkpoints."""
    names = [name for (name,) in session.rows(_TENANTS)]
    if tenant_id is not None:
        if tenant_id not in names and tenant_id not in anchored.signed:
            raise NothingVisible(f"there is no tenant {tenant_id} that this role may read")
        return [tenant_id]
    ((is_filtered,),) = session.rows(_IS_FILTERED)
    if not names and is_filtered:
        raise NothingVisible("there is no tenant that this role may read")
    return sorted({*names, *anchored.signed})


def _signed(anchored: Anchored, tenant_id: str) -> Sequence[Signed]:
    by_tenant: Mapping[str, Sequence[Signed]] = anchored.signed
    return by_tenant.get(tenant_id, ())


def _missing_checkpoints(anchored: Anchored, report: TenantReport) -> list[Finding]:
    """What was asked for and cannot be done must not pass for done."""
    tenant_id = report.tenant_id
    if tenant_id not in anchored.keys or anchored.signed.get(tenant_id) or not report.tree_size:
        return []
    detail = "a key was given, but the anchors hold no checkpoint that it signed"
    return [Finding(BAD_CHECKPOINT, detail, tenant_id)]
