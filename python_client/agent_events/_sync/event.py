"""Events. Generated from `_async/event.py` by scripts/unasync."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Unpack
from uuid import UUID

from agent_events._queries import EMIT_OPTIONS, FIND_OPTIONS, check_options
from agent_events._records import log_receipts
from agent_events._sync.calling import Caller
from agent_events.context import ambient, fill
from agent_events.models import (
    Event,
    EventFilter,
    EventInput,
    EventOptions,
    Id,
    Json,
    Receipt,
    TraceNode,
)


class Events(Caller):
    """Emitting events, and reading them."""

    def emit_event(
        self,
        event_type: str,
        payload: Json | None = None,
        *,
        tenant_id: str | None = None,
        **options: Unpack[EventOptions],
    ) -> Receipt:
        """Append an event, and its outbox row, in the caller's transaction.

        `event_type` is registered, e.g. 'deal.created', and `payload` matches its JSON Schema. The
        options are those of `EventOptions`.
        """
        check_options(options, EMIT_OPTIONS)
        given = {"event_type": event_type, "payload": payload, "tenant_id": tenant_id, **options}
        event = fill(given, ambient())
        receipt = self._append(event)
        log_receipts(self._logger, "emitted", [event], [receipt])
        return receipt

    def emit_events(
        self, events: Iterable[EventInput], *, tenant_id: str | None = None
    ) -> list[Receipt]:
        """Append many events in one statement, all or none. Receipts come in input order."""
        defaults = ambient()
        tenant = defaults.pop("tenant_id", None)
        batch = [
            {name: value for name, value in fill(event, defaults).items() if value is not None}
            for event in events
        ]
        chosen = tenant if tenant_id is None else tenant_id
        rows = self._rows("emit_events", {"events": batch, "tenant_id": chosen})
        receipts = [Receipt(*row) for row in rows]
        log_receipts(
            self._logger, "emitted", ({**event, "tenant_id": chosen} for event in batch), receipts
        )
        return receipts

    def get_event(
        self, id: Id, *, upcast: bool | None = None, tenant_id: str | None = None
    ) -> Event | None:
        """Return the event, hot or archived, or None if there is none that the caller may see.

        `upcast` lifts its payload to the current version of its type, here and in every other
        reader; `hash` stays that of the payload as it was emitted. A failing upcaster raises
        `errors.UpcasterFailed`.
        """
        rows = self._rows("get_event", {"id": id, "upcast": upcast, "tenant_id": tenant_id})
        return Event(*rows[0]) if rows else None

    def find_events(
        self,
        *,
        tenant_id: str | None = None,
        after_id: Id | None = None,
        page_size: int | None = None,
        newest_first: bool | None = None,
        upcast: bool | None = None,
        **filters: Unpack[EventFilter],
    ) -> list[Event]:
        """Return one page of the events that match all of `EventFilter`.

        `after_id` is the id of the previous page's last event; `page_size` defaults to 100 events
        and `newest_first` to True.
        """
        check_options(filters, FIND_OPTIONS)
        rows = self._rows(
            "find_events",
            {
                "tenant_id": tenant_id,
                "after_id": after_id,
                "page_size": page_size,
                "newest_first": newest_first,
                "upcast": upcast,
                **filters,
            },
        )
        return [Event(*row) for row in rows]

    def iter_events(
        self,
        *,
        tenant_id: str | None = None,
        page_size: int = 500,
        newest_first: bool | None = None,
        upcast: bool | None = None,
        **filters: Unpack[EventFilter],
    ) -> Iterator[Event]:
        """Yield every event that matches, reading page after page."""
        after_id: UUID | None = None
        while True:
            page = self.find_events(
                tenant_id=tenant_id,
                after_id=after_id,
                page_size=page_size,
                newest_first=newest_first,
                upcast=upcast,
                **filters,
            )
            for event in page:
                yield event
            if len(page) < page_size:
                return
            after_id = page[-1].id

    def read_stream(
        self,
        aggregate_type: str,
        aggregate_id: str,
        *,
        from_sequence: int | None = None,
        page_size: int | None = None,
        upcast: bool | None = None,
        tenant_id: str | None = None,
    ) -> list[Event]:
        """Return up to `page_size` events (default 1000) of a stream in order.

        They begin at `from_sequence` (default 1).
        """
        rows = self._rows(
            "read_stream",
            {
                "aggregate_type": aggregate_type,
                "aggregate_id": aggregate_id,
                "from_sequence": from_sequence,
                "page_size": page_size,
                "upcast": upcast,
                "tenant_id": tenant_id,
            },
        )
        return [Event(*row) for row in rows]

    def iter_stream(
        self,
        aggregate_type: str,
        aggregate_id: str,
        *,
        from_sequence: int = 1,
        page_size: int = 1000,
        upcast: bool | None = None,
        tenant_id: str | None = None,
    ) -> Iterator[Event]:
        """Yield a stream in order, reading page after page."""
        while True:
            page = self.read_stream(
                aggregate_type,
                aggregate_id,
                from_sequence=from_sequence,
                page_size=page_size,
                upcast=upcast,
                tenant_id=tenant_id,
            )
            for event in page:
                yield event
            if len(page) < page_size:
                return
            from_sequence += page_size

    def trace(self, correlation_id: Id, *, tenant_id: str | None = None) -> list[TraceNode]:
        """Return every event of a correlation as trees of causes and effects, depth-first."""
        rows = self._rows("trace", {"correlation_id": correlation_id, "tenant_id": tenant_id})
        return [TraceNode(depth, Event(*event)) for depth, *event in rows]

    def _append(self, event: Mapping[str, Any]) -> Receipt:
        """Append what is complete: nothing is filled in from the context."""
        rows = self._rows("emit_event", event)
        return Receipt(*rows[0])
