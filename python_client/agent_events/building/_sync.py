"""The ends of the chain. Generated from `_async.py` by scripts/unasync."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic

from agent_events.building.audit import Audit

if TYPE_CHECKING:
    from agent_events._sync import Ledger
    from agent_events.emitting._sync import AuditEmitter, R
    from agent_events.models import Receipt
else:
    from typing import TypeVar

    R = TypeVar("R", covariant=True)


@dataclass(frozen=True, kw_only=True)
class LedgerAudit(Audit):
    """An audit event for a ledger on a connection: it belongs to that transaction."""

    ledger: Ledger

    def emit(self) -> Receipt:
        """Append it in the transaction; see `Ledger.emit_event`."""
        return self.ledger.emit_event(**_spread(self))


@dataclass(frozen=True, kw_only=True)
class EmitterAudit(Audit, Generic[R]):
    """An audit event for an emitter."""

    emitter: AuditEmitter[R]

    def emit(self) -> R:
        """Store it and commit it; see `AuditEmitter.emit`."""
        return self.emitter.emit(**_spread(self))

    def buffer(self) -> None:
        """Have it stored soon, in a batch; see `AuditEmitter.buffer`."""
        self.emitter.buffer(**_spread(self))


def _spread(audit: Audit) -> Any:
    return audit.arguments()
