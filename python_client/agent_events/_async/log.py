"""The log over asyncio. `_sync/log.py` is generated from this file."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import timedelta

from agent_events._async.calling import AsyncCaller
from agent_events.models import Event, Id, InclusionProof, LogEntry, LogFinding, SealReceipt


class AsyncLog(AsyncCaller):
    """Sealing the log, reading it, and proving what is in it."""

    async def seal(self, *, tenant_id: str | None = None) -> SealReceipt:
        """Give the tenant's newly committed events their positions, before reading the log.

        Events of the caller's own transaction are sealed after it has committed. Raises
        `errors.ClusterChanged` after a restore into another cluster, until `rebase_log`.
        """
        return SealReceipt(*(await self._rows("seal", {"tenant_id": tenant_id}))[0])

    async def seal_all(self) -> list[SealReceipt]:
        """Seal every tenant that has new events; for operators of all tenants, on a schedule."""
        return [SealReceipt(*row) for row in await self._rows("seal_all", {})]

    async def rebase_log(
        self, *, tenant_id: str | None = None, reason: str | None = None
    ) -> SealReceipt:
        """Carry the tenant's log over to this cluster after a restore; for operators.

        The event ledger.log_rebased keeps the `reason`.
        """
        rows = await self._rows("rebase_log", {"tenant_id": tenant_id, "reason": reason})
        return SealReceipt(*rows[0])

    async def read_log(
        self,
        *,
        after_position: int | None = None,
        page_size: int | None = None,
        event_types: Sequence[str] | None = None,
        wait: timedelta | None = None,
        upcast: bool | None = None,
        tenant_id: str | None = None,
    ) -> list[LogEntry]:
        """Return up to `page_size` (default 1000) sealed events after a position, in order.

        From the beginning by default. `event_types` keeps these types only. `wait`, at most a
        minute, waits for the next position to be sealed; it sees what others seal in autocommit or
        READ COMMITTED only.
        """
        rows = await self._rows(
            "read_log",
            {
                "after_position": after_position,
                "page_size": page_size,
                "event_types": event_types,
                "wait": wait,
                "upcast": upcast,
                "tenant_id": tenant_id,
            },
        )
        return [LogEntry(position, Event(*event)) for position, *event in rows]

    async def iter_log(
        self,
        *,
        after_position: int = -1,
        page_size: int = 1000,
        event_types: Sequence[str] | None = None,
        wait: timedelta | None = None,
        upcast: bool | None = None,
        tenant_id: str | None = None,
    ) -> AsyncIterator[LogEntry]:
        """Yield the log from a position on, page after page, until `wait` passes without news."""
        while page := await self.read_log(
            after_position=after_position,
            page_size=page_size,
            event_types=event_types,
            wait=wait,
            upcast=upcast,
            tenant_id=tenant_id,
        ):
            for entry in page:
                yield entry
            after_position = page[-1].position

    async def position_of(self, event_id: Id, *, tenant_id: str | None = None) -> int | None:
        """Return the event's position in the log, None while it is not sealed."""
        rows = await self._rows("position_of", {"event_id": event_id, "tenant_id": tenant_id})
        position: int | None = rows[0][0]
        return position

    async def log_root(
        self, *, tree_size: int | None = None, tenant_id: str | None = None
    ) -> bytes:
        """Return the root of the tree when it held `tree_size` events; default now."""
        rows = await self._rows("log_root", {"tree_size": tree_size, "tenant_id": tenant_id})
        root: bytes = rows[0][0]
        return root

    async def inclusion_proof(
        self, event_id: Id, *, tree_size: int | None = None, tenant_id: str | None = None
    ) -> InclusionProof:
        """Return the proof that an event is in the tree of that size; default now.

        `agent_events.proofs.verify_inclusion` checks it. Raises `errors.InvalidArgument` when the
        event is not in that tree.
        """
        rows = await self._rows(
            "inclusion_proof",
            {"event_id": event_id, "tree_size": tree_size, "tenant_id": tenant_id},
        )
        position, size, leaf_hash, proof, root = rows[0]
        return InclusionProof(position, size, leaf_hash, tuple(proof), root)

    async def consistency_proof(
        self, from_size: int, *, to_size: int | None = None, tenant_id: str | None = None
    ) -> tuple[bytes, ...]:
        """Return the proof that the tree of `from_size` begins the tree of `to_size` (default now).

        `agent_events.proofs.verify_consistency` checks it.
        """
        rows = await self._rows(
            "consistency_proof",
            {"from_size": from_size, "to_size": to_size, "tenant_id": tenant_id},
        )
        return tuple(rows[0][0])

    async def checkpoint(
        self,
        *,
        ledger_name: str | None = None,
        tree_size: int | None = None,
        tenant_id: str | None = None,
    ) -> str:
        """Return the unsigned checkpoint: origin, tree size and root, a line each.

        `agent-events checkpoint` checks, signs and keeps it.
        """
        rows = await self._rows(
            "checkpoint",
            {"ledger_name": ledger_name, "tree_size": tree_size, "tenant_id": tenant_id},
        )
        text: str = rows[0][0]
        return text

    async def verify(
        self,
        *,
        from_position: int | None = None,
        to_position: int | None = None,
        aggregate_type: str | None = None,
        aggregate_id: str | None = None,
        tenant_id: str | None = None,
    ) -> list[LogFinding]:
        """Return what is wrong with the log: all of it, a range of positions, or one stream.

        It asks the database about itself; `agent-events verify` does not trust it.
        """
        rows = await self._rows(
            "verify",
            {
                "from_position": from_position,
                "to_position": to_position,
                "aggregate_type": aggregate_type,
                "aggregate_id": aggregate_id,
                "tenant_id": tenant_id,
            },
        )
        return [LogFinding(*row) for row in rows]
