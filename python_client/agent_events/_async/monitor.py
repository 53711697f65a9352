"""Monitoring over asyncio. `_sync/monitor.py` is generated from this file."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from agent_events._async.calling import AsyncCaller
from agent_events._queries import shares
from agent_events.models import Finding, Sample, Statistics, TierStorage


class AsyncMonitoring(AsyncCaller):
    """What a ledger holds, and whether all is well with it."""

    async def doctor(self, *, deep: bool | None = None) -> list[Finding]:
        """Return what is not as it should be, such as a missing guard, the worst first.

        There is no error and no warning when all is well. `deep` checks every event and not only
        the recent ones.
        """
        return [Finding(*row) for row in await self._rows("doctor", {"deep": deep})]

    async def stats(
        self,
        *,
        tenant_id: str | None = None,
        from_time: datetime | None = None,
        to_time: datetime | None = None,
        with_actors: bool | None = None,
    ) -> Statistics:
        """Return a tenant at a glance: events, lags, and counts by type, outcome and actor.

        `from_time` and `to_time` are about the counts. They are rounded to whole hours, for actors
        to whole days, in UTC. Actors of a time are counted only `with_actors`, since they may be
        many; `by_actor` is else empty.
        """
        (row,) = await self._rows(
            "stats",
            {
                "tenant_id": tenant_id,
                "from_time": from_time,
                "to_time": to_time,
                "with_actors": with_actors,
            },
        )
        found = Statistics(*row)
        storage = None
        if found.storage is not None:
            storage = {tier: TierStorage(**size) for tier, size in row[-1].items()}
        return replace(
            found,
            by_type=shares(found.by_type),
            by_outcome=shares(found.by_outcome),
            by_actor=shares(found.by_actor),
            storage=storage,
        )

    async def count_events(
        self, *, max_events: int | None = None, tenant_id: str | None = None
    ) -> int:
        """Count sealed events for `stats`, of one tenant or of all; return how many it looked at.

        `maintain` does this. At most `max_events` (default 100,000) at a time: call it again, in
        another transaction, while it returns that many. For operators.
        """
        rows = await self._rows("count_events", {"max_events": max_events, "tenant_id": tenant_id})
        count: int = rows[0][0]
        return count

    async def recount_events(self, tenant_id: str) -> None:
        """Forget a tenant's counts; `count_events` begins anew. For operators."""
        await self._rows("recount_events", {"tenant_id": tenant_id})

    async def metrics(
        self, *, max_tenants: int | None = None, with_findings: bool | None = None
    ) -> list[Sample]:
        """Return what `agent-events metrics` tells Prometheus; for readers of every tenant.

        Tenants beyond the `max_tenants` (default 200) largest are added up under an empty name.
        Most of the time goes to `doctor`: `with_findings=False` leaves it out.
        """
        rows = await self._rows(
            "metrics", {"max_tenants": max_tenants, "with_findings": with_findings}
        )
        return [Sample(*row) for row in rows]
