"""Subscriptions. Generated from `_async/subscription.py` by scripts/unasync."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from agent_events._sync.calling import Caller

if TYPE_CHECKING:
    from agent_events.subscribing._sync import Subscription


class Subscriptions(Caller):
    """Following the log, and where a reader of it stands."""

    def subscribe(
        self,
        name: str | None = None,
        *,
        from_position: int | None = None,
        only_new: bool = False,
        event_types: Sequence[str] | None = None,
        upcast: bool | None = None,
        tenant_id: str | None = None,
        page_size: int = 500,
        save_every: int | None = 100,
        save_interval: timedelta | None = timedelta(seconds=1),
    ) -> Subscription:
        """Yield every event of the log from a position on, and then those to come, as `LogEntry`.

        With a `name` the position is kept in the database: the next subscription of that name goes
        on there, and `from_position` (the first to be yielded, default 0) or `only_new` (what is
        sealed from now on) say where a new one begins. An event counts as handled when the next one
        is asked for; the position of the last handled one is saved after `save_every` events or
        `save_interval`, and whenever there is nothing new. So after a crash the events since then
        come again: at least once. `subscription.save()` saves the event at hand, and
        `subscription.save(connection)` does it in your transaction: exactly once. With both None it
        is saved by nothing else. `event_types` keeps these types only; `upcast` as in `get_event`.

        The privileges: read, and consume for one with a name. On a replica it follows what the
        primary seals, without a name.
        """
        from agent_events.subscribing._sync import Subscription

        return Subscription(
            self._connection,
            name,
            from_position=from_position,
            only_new=only_new,
            event_types=event_types,
            upcast=upcast,
            tenant_id=tenant_id,
            page_size=page_size,
            save_every=save_every,
            save_interval=save_interval,
        )

    def subscription_position(self, name: str, *, tenant_id: str | None = None) -> int | None:
        """Return the position of the last event that a subscription has handled, None for none."""
        rows = self._rows("subscription_position", {"subscription": name, "tenant_id": tenant_id})
        position: int | None = rows[0][0]
        return position

    def save_position(
        self, name: str, position: int, *, reset: bool = False, tenant_id: str | None = None
    ) -> bool:
        """Save that a subscription has handled the log up to `position`, in your transaction.

        Returns False, and saves nothing, when it was as far already; `reset` also goes back, -1 to
        before the first event.
        """
        rows = self._rows(
            "save_position",
            {
                "subscription": name,
                "through_position": position,
                "reset": reset,
                "tenant_id": tenant_id,
            },
        )
        moved: bool = rows[0][0]
        return moved

    def drop_subscription(self, name: str, *, tenant_id: str | None = None) -> bool:
        """Forget a subscription: the next of that name begins anew. False if there was none."""
        rows = self._rows("drop_subscription", {"subscription": name, "tenant_id": tenant_id})
        dropped: bool = rows[0][0]
        return dropped
