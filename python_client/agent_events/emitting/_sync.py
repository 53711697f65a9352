"""The emitter. Generated from `_async.py` by scripts/unasync."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Literal, Self, Unpack, cast, overload

import psycopg

from agent_events import errors
from agent_events._queries import EMIT_OPTIONS, check_options
from agent_events.context import ambient, fill
from agent_events.emitting._threads import append, drain
from agent_events.emitting.connections._sync import Connections, Source
from agent_events.emitting.journal import Journal, open_journal
from agent_events.emitting.keys import keyed
from agent_events.emitting.options import EmitterOptions, Observer, OnUnavailable
from agent_events.emitting.storing._sync import Store
from agent_events.emitting.unavailable import is_unavailable
from agent_events.models import EventArguments, EventOptions, Json, Receipt, Spooled

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    R = TypeVar("R", covariant=True, default=Receipt)
else:
    from typing import TypeVar

    R = TypeVar("R", covariant=True)


class AuditEmitter(Generic[R]):
    """Emits events over connections of its own: what `emit` has returned is committed.

    `database` is a libpq connection string, a `psycopg_pool.ConnectionPool`, or None for what
    `agent_events.dsn.resolve` finds. Use it from any number of threads, as a context manager, or
    `close` it.

    `on_unavailable` says what happens when the database cannot be reached: "raise" raises psycopg's
    error; "spool" keeps the event in a journal on this machine and returns `Spooled`. While
    anything is in the journal, new events go behind it. So every event is stored once, and those of
    one thread in their order. `EmitterOptions` has the rest.

    What is refused, because of the event itself, raises `errors.LedgerError`.
    """

    @overload
    def __init__(
        self: AuditEmitter[Receipt],
        database: str | Source | None = None,
        *,
        on_unavailable: Literal["raise"] = "raise",
        logger: logging.Logger | None = None,
        **options: Unpack[EmitterOptions],
    ) -> None: ...

    @overload
    def __init__(
        self: AuditEmitter[Receipt | Spooled],
        database: str | Source | None = None,
        *,
        on_unavailable: Literal["spool"],
        logger: logging.Logger | None = None,
        **options: Unpack[EmitterOptions],
    ) -> None: ...

    def __init__(
        self,
        database: str | Source | None = None,
        *,
        on_unavailable: OnUnavailable = "raise",
        logger: logging.Logger | None = None,
        **options: Unpack[EmitterOptions],
    ) -> None:
        check_options(options, frozenset(EmitterOptions.__annotations__))
        self._logger = logger or logging.getLogger("agent_events")
        self._journal = _journal(on_unavailable, options)
        self._own = None if _is_pool(database) else _connections(database, options)
        self._store = Store(self._own or cast(Source, database), self._logger)

    @property
    def observers(self) -> list[Observer]:
        """Called in turn with each event and its receipt, once it is committed; add yours.

        What an observer raises is logged, and nothing else: the event is stored.
        """
        return self._store.observers

    def emit(
        self,
        event_type: str,
        payload: Json | None = None,
        *,
        tenant_id: str | None = None,
        **options: Unpack[EventOptions],
    ) -> R:
        """Store an event and commit it; the parameters are those of `Ledger.emit_event`.

        When the connection breaks in the middle, nobody knows whether it was stored: emit it again
        with the same `idempotency_key`, or spool.
        """
        check_options(options, EMIT_OPTIONS)
        given = {"event_type": event_type, "payload": payload, "tenant_id": tenant_id, **options}
        event = cast(EventArguments, fill(given, ambient()))
        if self._journal is None:
            return cast(R, self._store.store(event))
        return cast(R, self._store_or_spool(keyed(event), self._journal))

    def flush(self) -> None:
        """Store what waits in the journal; raises what keeps it from that."""
        if self._journal and not self._journal.is_empty():
            drain(self._journal, self._replay)

    def close(self) -> None:
        """Give the connections back. What waits in the journal stays there for the next emitter."""
        if self._own:
            self._own.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _store_or_spool(self, event: EventArguments, journal: Journal) -> Receipt | Spooled:
        if journal.is_empty():
            try:
                return self._store.store(event)
            except psycopg.Error as error:
                if not is_unavailable(error):
                    raise
                self._logger.warning("the database is unavailable, events are spooled: %s", error)
        append(journal, [event])
        return Spooled(cast(str, event["idempotency_key"]), cast(Any, event["occurred_at"]))

    def _replay(self, events: Sequence[EventArguments]) -> None:
        for failed in self._store.store_all(events):
            if self._journal:
                self._journal.set_aside(failed.event, str(failed.error))


def _journal(on_unavailable: OnUnavailable, options: EmitterOptions) -> Journal | None:
    journal, folder = options.get("journal"), options.get("spool_dir")
    if on_unavailable == "raise":
        return None
    if journal is None and folder is None:
        raise errors.InvalidArgument(
            "on_unavailable is 'spool', but there is no place for the journal",
            hint="Give spool_dir, a folder on a local disk.",
        )
    return journal or open_journal(Path(cast(str, folder)))


def _is_pool(database: str | Source | None) -> bool:
    return database is not None and not isinstance(database, str)


def _connections(database: str | Source | None, options: EmitterOptions) -> Connections:
    from agent_events.dsn import lasting, resolve

    return Connections(
        lasting(resolve(cast("str | None", database))),
        size=options.get("max_connections", 4),
        pgbouncer=options.get("pgbouncer", False),
    )
