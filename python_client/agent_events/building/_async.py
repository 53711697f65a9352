"""The ends of the chain over asyncio. `_sync.py` is generated from this file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic

from agent_events.building.audit import Audit

if TYPE_CHECKING:
    from agent_events._async import AsyncLedger
    from agent_events.emitting._async import AsyncAuditEmitter, R
    from agent_events.models import Receipt
else:
    from typing import TypeVar

    R = TypeVar("R", covariant=True)


@dataclass(frozen=True, kw_only=True)
class AsyncLedgerAudit(Audit):
    """An audit event for a ledger on a connection: it belongs to that transaction."""

    ledger: AsyncLedger

    async def emit(self) -> Receipt:
        """Append it in the transaction; see `AsyncLedger.emit_event`."""
        return await self.ledger.emit_event(**_spread(self))


@dataclass(frozen=True, kw_only=True)
class AsyncEmitterAudit(Audit, Generic[R]):
    """An audit event for an emitter."""

    emitter: AsyncAuditEmitter[R]

    async def emit(self) -> R:
        """Store it and commit it; see `AsyncAuditEmitter.emit`."""
        return await self.emitter.emit(**_spread(self))

    async def buffer(self) -> None:
        """Have it stored soon, in a batch; see `AsyncAuditEmitter.buffer`."""
        await self.emitter.buffer(**_spread(self))


def _spread(audit: Audit) -> Any:
    return audit.arguments()
