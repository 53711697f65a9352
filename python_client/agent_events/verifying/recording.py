"""That a log was verified, or a checkpoint of it signed, said in the log itself."""

from __future__ import annotations

from typing import Any

import psycopg

from agent_events import Ledger, LedgerError
from agent_events.verifying.verifier import Report

MOST_FINDINGS = 20


def record(connection: psycopg.Connection[Any], report: Report, duration_ms: float) -> list[str]:
    """Leave an event ledger.verified in the log of each tenant, where the role audits or operates.

    What was found was said already; that it cannot be recorded does not change it.

    Args:
        connection: autocommit.
        report: what came out.
        duration_ms: how long it took.

    Returns:
        why there is none, each reason once.
    """
    reasons = set()
    for tenant in report.tenants:
        found = [f for f in report.findings if f.tenant_id in (None, tenant.tenant_id)]
        try:
            Ledger(connection).record_verification(
                tenant.tree_size,
                tenant.root,
                len(found),
                findings=[f.as_dict() for f in found[:MOST_FINDINGS]],
                duration_ms=round(duration_ms),
                tenant_id=tenant.tenant_id,
            )
        except (LedgerError, psycopg.Error) as error:
            reasons.add(_reason(error))
    return sorted(reasons)


def record_checkpoint(connection: psycopg.Connection[Any], note: str, tenant_id: str) -> str | None:
    """Leave an event ledger.checkpoint_signed, where the role audits or operates.

    Args:
        connection: autocommit.
        note: the checkpoint, signed and kept.
        tenant_id: whose log.

    Returns:
        why there is none.
    """
    try:
        Ledger(connection).record_checkpoint(note, tenant_id=tenant_id)
    except (LedgerError, psycopg.Error) as error:
        return _reason(error)
    return None


def _reason(error: LedgerError | psycopg.Error) -> str:
    if isinstance(error, LedgerError):
        return error.message
    if isinstance(error, psycopg.errors.ReadOnlySqlTransaction):
        return "this is a replica, or read-only"
    return error.diag.message_primary or str(error)
