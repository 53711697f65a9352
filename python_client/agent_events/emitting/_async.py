"""The emitter over asyncio. `_sync.py` is generated from this file."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Generic, Literal, Self, Unpack, cast, overload

from agent_events import errors
from agent_events._queries import EMIT_OPTIONS, check_options
from agent_events._records import LOGGER
from agent_events.building._async import AsyncEmitterAudit
from agent_events.context import ambient, fill
from agent_events.emitting._tasks import close_at_exit, close_journal, keep, release
from agent_events.emitting.buffering._async import AsyncBuffer
from agent_events.emitting.buffering.settings import BufferSettings
from agent_events.emitting.choosing import journal_for
from agent_events.emitting.connections._async import AsyncConnections, AsyncSource
from agent_events.emitting.failures import Failures
from agent_events.emitting.journal import Journal
from agent_events.emitting.keys import keyed
from agent_events.emitting.options import EmitterOptions, Observer, OnUnavailable
from agent_events.emitting.sending._async import AsyncSender
from agent_events.emitting.storing._async import AsyncStore
from agent_events.models import EventArguments, EventOptions, Json, Receipt, RunOptions, Spooled

if TYPE_CHECKING:
    from typing_extensions import TypeVar

    from agent_events.running._async import AsyncRun

    R = TypeVar("R", covariant=True, default=Receipt)
else:
    from typing import TypeVar

    R = TypeVar("R", covariant=True)


class AsyncAuditEmitter(Generic[R]):
    """Emits events over connections of its own: what `emit` has returned is committed.

    `database` is a libpq connection string, a `psycopg_pool.AsyncConnectionPool`, or None for what
    `agent_events.dsn.resolve` finds. Use it from any number of tasks, as a context manager, or
    `close` it.

    `on_unavailable` says what happens when the database cannot be reached: "raise" raises psycopg's
    error; "spool" keeps the event on disk, in a journal, and returns `Spooled`; it is stored when
    the database is back, also by another process. While anything is in the journal, new events go
    behind it. So every event is stored once, and those of one task in their order.
    `EmitterOptions` has the rest.

    What is refused, because of the event itself, raises `errors.LedgerError`. Every event that is
    stored or spooled is a record of `logger`, by default `logging.getLogger("agent_events")`, at
    INFO: which event, and never what is in it.
    """

    @overload
    def __init__(
        self: AsyncAuditEmitter[Receipt],
        database: str | AsyncSource | None = None,
        *,
        on_unavailable: Literal["raise"] = "raise",
        logger: logging.Logger | None = None,
        **options: Unpack[EmitterOptions],
    ) -> None: ...

    @overload
    def __init__(
        self: AsyncAuditEmitter[Receipt | Spooled],
        database: str | AsyncSource | None = None,
        *,
        on_unavailable: Literal["spool"],
        logger: logging.Logger | None = None,
        **options: Unpack[EmitterOptions],
    ) -> None: ...

    def __init__(
        self,
        database: str | AsyncSource | None = None,
        *,
        on_unavailable: OnUnavailable = "raise",
        logger: logging.Logger | None = None,
        **options: Unpack[EmitterOptions],
    ) -> None:
        check_options(options, frozenset(EmitterOptions.__annotations__))
        self._options = {"on_unavailable": on_unavailable, **options}
        self._logger = logger or LOGGER
        self._own = None if _is_pool(database) else _connections(database, options)
        source = self._own or cast(AsyncSource, database)
        self._journal = journal_for(on_unavailable, options, source, self._logger)
        self._has_own_journal = options.get("journal") is None
        self._has_parents_pool = False
        settings = _buffer_settings(self._journal, options)
        limit = None if self._journal is None else settings.max_buffered
        self._failures = Failures(self._logger, options.get("on_error"), limit)
        self._store = AsyncStore(source, self._logger)
        self._sender = AsyncSender(self._store, self._journal, self._failures, self._logger)
        self._buffer = AsyncBuffer(self._sender, self._failures, settings, self._logger)
        close_at_exit(self)

    @property
    def observers(self) -> list[Observer]:
        """Called in turn with each event and its receipt, once it is committed; add yours.

        What an observer raises is logged, and nothing else: the event is stored.
        """
        return self._store.observers

    async def emit(
        self,
        event_type: str,
        payload: Json | None = None,
        *,
        tenant_id: str | None = None,
        **options: Unpack[EventOptions],
    ) -> R:
        """Store an event and commit it; the parameters are those of `AsyncLedger.emit_event`.

        When the connection breaks in the middle, nobody knows whether it was stored: emit it again
        with the same `idempotency_key`, or spool.
        """
        result = await self._sender.send(self._complete(event_type, payload, tenant_id, options))
        if isinstance(result, Spooled) or self._is_unattended():
            await self._attend()
        return cast(R, result)

    async def buffer(
        self,
        event_type: str,
        payload: Json | None = None,
        *,
        tenant_id: str | None = None,
        **options: Unpack[EventOptions],
    ) -> None:
        """Take an event that is stored soon, in a batch; the parameters are those of `emit`.

        It is in memory until then, with the context and the time of this call: do not change the
        payload afterwards. Events of one task are stored in their order. What is refused does not
        take others down; it goes to the logger and `on_error`, and the next `flush` or `close`
        raises it. While the database is unavailable events are kept and tried again, or spooled.

        Raises `errors.BufferFull` where that is `when_full`, and `errors.EventsNotStored` when
        failures that nobody has asked for fill the buffer: them, and this event, which was not
        taken.
        """
        event = self._complete(event_type, payload, tenant_id, options)
        if event.get("occurred_at") is None:
            event["occurred_at"] = datetime.now(UTC)
        keep(self)
        await self._buffer.put(event)

    def audit(self) -> AsyncEmitterAudit[R]:
        """Begin to describe an audit event; see `agent_events.building`."""
        return AsyncEmitterAudit(emitter=self)

    def run(self, agent_name: str, **options: Unpack[RunOptions]) -> AsyncRun:
        """Have a block of code as a run of an agent; docs/agents.md says what it records."""
        from agent_events.running._async import AsyncRun
        from agent_events.running.recording._async import AsyncEmitterRecorder

        return AsyncRun(AsyncEmitterRecorder(self), agent_name, **options)

    async def flush(self) -> None:
        """Store what was buffered before, and what waits in the journal.

        Raises `errors.EventsNotStored` with every event that was refused since the last flush, and
        `psycopg.Error` when the database is unavailable: then the events are kept.
        """
        self._refuse_parents_pool()
        await self._buffer.flush()

    async def close(self) -> None:
        """Store what is buffered, and give the connections back.

        Raises `errors.EventsNotStored` with every event that could not be stored; they are gone
        then. What waits in the journal stays there, for the next emitter. If it is cut short, by a
        timeout or Ctrl-C, the rest is kept: for `close` again, or for the end of the process.
        """
        try:
            await self._buffer.close()
        finally:
            if self._buffer.is_empty():
                release(self)
                if self._own:
                    await self._own.close()
                if self._journal is not None and self._has_own_journal:
                    await close_journal(self._journal)

    async def __aenter__(self) -> Self:
        if self._is_unattended():
            await self._attend()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def _offer(
        self, event_type: str, payload: Json, *, tenant_id: str | None, occurred_at: datetime
    ) -> bool:
        """Buffer an event if there is room at once; say whether it was taken."""
        options: EventOptions = {"occurred_at": occurred_at}
        event = self._complete(event_type, payload, tenant_id, options)
        keep(self)
        return await self._buffer.offer(event)

    def _complete(
        self,
        event_type: str,
        payload: Json | None,
        tenant_id: str | None,
        options: EventOptions,
    ) -> EventArguments:
        check_options(options, EMIT_OPTIONS)
        self._refuse_parents_pool()
        given = {"event_type": event_type, "payload": payload, "tenant_id": tenant_id, **options}
        event = cast(EventArguments, fill(given, ambient()))
        return event if self._journal is None else keyed(event)

    def _is_unattended(self) -> bool:
        """Whether nobody looks after the journal: it may have what an ended process left."""
        return self._journal is not None and not self._buffer.has_worker()

    async def _attend(self) -> None:
        keep(self)
        await self._buffer.wake()

    def _forget_parent(self) -> None:
        """Begin anew in a process that was forked."""
        if self._own:
            self._own.forget()
        self._has_parents_pool = self._own is None
        self._failures.forget()
        self._sender.forget()
        self._buffer.forget()

    def _refuse_parents_pool(self) -> None:
        if self._has_parents_pool:
            raise errors.InvalidArgument(
                "this pool is the parent's: both processes would use the same connections",
                hint="Make pool and emitter after the fork.",
            )


def _buffer_settings(journal: Journal | None, options: EmitterOptions) -> BufferSettings:
    names = ("buffer_size", "flush_interval", "max_buffered", "when_full")
    given: Mapping[str, Any] = options
    settings = BufferSettings(**{name: given[name] for name in names if name in given})
    if settings.when_full == "spool" and journal is None:
        raise errors.InvalidArgument(
            "when_full is 'spool', but on_unavailable is 'raise': there is no journal",
            hint='It needs on_unavailable="spool".',
        )
    return settings


def _is_pool(database: str | AsyncSource | None) -> bool:
    return database is not None and not isinstance(database, str)


def _connections(database: str | AsyncSource | None, options: EmitterOptions) -> AsyncConnections:
    from agent_events.dsn import lasting, resolve

    return AsyncConnections(
        lasting(resolve(cast("str | None", database))),
        size=options.get("max_connections", 4),
        pgbouncer=options.get("pgbouncer", False),
    )
