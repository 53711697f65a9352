"""The client over a connection. Generated from `_async.py` by scripts/unasync."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import astuple, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar, Unpack
from uuid import UUID

import psycopg
from psycopg import Connection, Cursor
from psycopg.pq import TransactionStatus
from psycopg.rows import tuple_row

from agent_events import _watching, errors
from agent_events._queries import (
    ACCESS_LOG,
    DEAD,
    DESCRIPTION,
    EMIT_OPTIONS,
    FIND_OPTIONS,
    INBOX_STATUS,
    PARTITIONS,
    RELAYS,
    SNAPSHOTS,
    STREAM_HEAD,
    SWAP_SETTINGS,
    TRACKED_TABLES,
    bind,
    check_options,
    reading_json,
    shares,
)
from agent_events._records import LOGGER, log_receipts
from agent_events._replaying import is_after, replay_note
from agent_events.context import ambient, around_run, fill
from agent_events.models import (
    AccessEntry,
    ActorType,
    AggregateState,
    DeadMessage,
    ErasureCertificate,
    Event,
    EventFilter,
    EventInput,
    EventOptions,
    Finding,
    Id,
    InboxFailure,
    InboxStatus,
    InclusionProof,
    Interval,
    Json,
    LogEntry,
    LogFinding,
    LogState,
    OutboxClaim,
    OutboxMessage,
    Outcome,
    ParkedMessage,
    PartitionInterval,
    PartitionStatus,
    PlannedStep,
    PrivateEvent,
    Receipt,
    RelaySettings,
    RelayStatus,
    ReplayedState,
    RetentionPolicy,
    RunOptions,
    Sample,
    SealReceipt,
    Snapshot,
    SnapshotFinding,
    SnapshotPolicy,
    Statistics,
    TierStorage,
    TraceNode,
    TrackedTable,
)
from agent_events.state_cache import Moment, StateCache, StreamHead, is_past, settled

if TYPE_CHECKING:
    from agent_events.building._sync import LedgerAudit
    from agent_events.running._sync import Run
    from agent_events.subscribing._sync import Subscription

T = TypeVar("T")


class Ledger:
    """The ledger over your own psycopg connection.

    Nothing here commits: what is emitted belongs to your transaction and is there, with its outbox
    row, exactly when that commits. Methods are named as the SQL functions of the schema `ledger`,
    and an argument that is None is left to `set_context` and the database's default; `tenant_id`
    is then 'default'.

    What the ledger refuses is raised as `errors.LedgerError`; like any error of PostgreSQL it
    aborts the transaction (use `connection.transaction()` as a savepoint to go on). Other errors
    are psycopg's. What an emit leaves out comes from `agent_events.context` first.

    Every emit is a record of `logger`, by default `logging.getLogger("agent_events")`, at INFO:
    which event, and never what is in it.
    """

    def __init__(
        self,
        connection: Connection[Any],
        *,
        state_cache: StateCache | None = None,
        logger: logging.Logger | None = None,
    ) -> None:
        """Use `connection`; a `state_cache` keeps past states of `state_of`, for many ledgers."""
        self._connection = connection
        self._state_cache = state_cache
        self._logger = logger or LOGGER

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

    def audit(self) -> LedgerAudit:
        """Begin to describe an audit event of this transaction; see `agent_events.building`."""
        from agent_events.building._sync import LedgerAudit

        return LedgerAudit(ledger=self)

    def set_context(
        self,
        *,
        tenant_id: str | None = None,
        run_id: Id | None = None,
        trace_id: Id | None = None,
        correlation_id: Id | None = None,
        causation_id: Id | None = None,
        actor_type: ActorType | None = None,
        actor_id: str | None = None,
    ) -> None:
        """Set what later calls of this transaction need not repeat; None leaves a setting as it is.

        Raises `errors.InvalidArgument` on an autocommit connection that is in no transaction, where
        the context would be gone before the next statement.
        """
        idle = self._connection.info.transaction_status == TransactionStatus.IDLE
        if self._connection.autocommit and idle:
            raise errors.InvalidArgument(
                "set_context needs a transaction: the context lasts until its end",
                hint="Use `with connection.transaction():` around it, or autocommit off.",
            )
        self._rows(
            "set_context",
            {
                "tenant_id": tenant_id,
                "run_id": run_id,
                "trace_id": trace_id,
                "correlation_id": correlation_id,
                "causation_id": causation_id,
                "actor_type": actor_type,
                "actor_id": actor_id,
            },
        )

    def start_run(
        self,
        agent_name: str,
        *,
        run_id: Id | None = None,
        tenant_id: str | None = None,
        parent_run_id: Id | None = None,
        trace_id: Id | None = None,
        correlation_id: Id | None = None,
        payload: Json | None = None,
        metadata: Json | None = None,
    ) -> UUID:
        """Start an agent run (emits run.started) and make it the context of this transaction.

        Tenant, trace, correlation and parent come from `agent_events.context` where they are left
        out. Returns its id. In a later transaction say `set_context(run_id=...)`. `run` is the same
        as a block.
        """
        given = {
            "agent_name": agent_name,
            "run_id": run_id,
            "tenant_id": tenant_id,
            "parent_run_id": parent_run_id,
            "trace_id": trace_id,
            "correlation_id": correlation_id,
            "payload": payload,
            "metadata": metadata,
        }
        rows = self._rows("start_run", fill(given, around_run(given)))
        started: UUID = rows[0][0]
        return started

    def add_run(
        self,
        agent_name: str,
        *,
        run_id: Id,
        tenant_id: str | None = None,
        parent_run_id: Id | None = None,
        trace_id: Id | None = None,
        correlation_id: Id | None = None,
    ) -> bool:
        """Add the row of a run without its event; False if it has one already.

        For a client that emits run.started itself; `start_run` and `run` do both. Without a parent
        a run needs its trace and its correlation.
        """
        rows = self._rows(
            "add_run",
            {
                "agent_name": agent_name,
                "run_id": run_id,
                "tenant_id": tenant_id,
                "parent_run_id": parent_run_id,
                "trace_id": trace_id,
                "correlation_id": correlation_id,
            },
        )
        return bool(rows[0][0])

    def finish_run(
        self,
        run_id: Id | None = None,
        *,
        outcome: Outcome | None = None,
        payload: Json | None = None,
        tenant_id: str | None = None,
    ) -> Receipt:
        """Finish a run, by default the context's.

        Emits run.failed for the outcome 'failure', else run.completed; the default is 'success'.
        """
        around = ambient()
        given = {"run_id": run_id, "outcome": outcome, "payload": payload, "tenant_id": tenant_id}
        defaults = {name: around.get(name) for name in ("run_id", "tenant_id")}
        rows = self._rows("finish_run", fill(given, defaults))
        return Receipt(*rows[0])

    def run(self, agent_name: str, **options: Unpack[RunOptions]) -> Run:
        """Have a block of code as a run of an agent, in the caller's transaction.

        If that is rolled back, the run is gone too, and with it that it failed: what must be on
        record whatever happens is a run of an emitter. docs/agents.md says what the block records.
        """
        from agent_events.running._sync import Run
        from agent_events.running.recording._sync import LedgerRecorder

        return Run(LedgerRecorder(self), agent_name, **options)

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

    def describe_event(self, id: Id, *, tenant_id: str | None = None) -> str | None:
        """Return the event in a sentence, as its type's summary puts it; None if there is none."""
        with self._cursor() as cursor:
            cursor.execute(DESCRIPTION, [id, tenant_id])
            row = cursor.fetchone()
        return row[0] if row else None

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

    def replay(
        self,
        aggregate_type: str,
        aggregate_id: str,
        apply: Callable[[T, Event], T],
        initial: T,
        *,
        at_time: datetime | None = None,
        at_sequence: int | None = None,
        upcast: bool | None = None,
        page_size: int = 1000,
        tenant_id: str | None = None,
    ) -> T:
        """Fold a stream with your own function: `state = apply(state, event)`, event by event.

        Begins with `initial`, which is also the result for a stream without events. Ends with the
        last event, the last one created at `at_time` or before, or the one with the sequence
        `at_sequence`. Holds one page of `page_size` events at a time. What `apply` raises gets a
        note that names the event.
        """
        state = initial
        for event in self.iter_stream(
            aggregate_type,
            aggregate_id,
            page_size=page_size,
            upcast=upcast,
            tenant_id=tenant_id,
        ):
            if is_after(event, at_time, at_sequence):
                break
            try:
                state = apply(state, event)
            except Exception as error:
                error.add_note(replay_note(event))
                raise
        return state

    def state_of(
        self,
        aggregate_type: str,
        aggregate_id: str,
        *,
        at_time: datetime | None = None,
        at_sequence: int | None = None,
        upcast: bool | None = None,
        tenant_id: str | None = None,
    ) -> AggregateState | None:
        """Return an aggregate's state as its reducer makes it, None if it had no event by then.

        Now, as of `at_time`, or after the event with the sequence `at_sequence`. With a
        `StateCache`, a state of the past that is known is not computed again.
        """
        arguments: dict[str, Any] = {
            "aggregate_type": aggregate_type,
            "aggregate_id": aggregate_id,
            "at_time": at_time,
            "at_sequence": at_sequence,
            "upcast": upcast,
            "tenant_id": tenant_id,
        }
        moment = self._moment(arguments)
        if self._state_cache is not None and moment is not None:
            if known := self._state_cache.get(moment):
                return known
            arguments |= {"at_time": moment.at_time, "at_sequence": moment.at_sequence}
        rows = self._rows("state_of", arguments)
        state = AggregateState(*rows[0]) if rows else None
        if self._state_cache is not None and moment is not None and state is not None:
            self._state_cache.put(moment, state)
        return state

    def trace(self, correlation_id: Id, *, tenant_id: str | None = None) -> list[TraceNode]:
        """Return every event of a correlation as trees of causes and effects, depth-first."""
        rows = self._rows("trace", {"correlation_id": correlation_id, "tenant_id": tenant_id})
        return [TraceNode(depth, Event(*event)) for depth, *event in rows]

    def seal(self, *, tenant_id: str | None = None) -> SealReceipt:
        """Give the tenant's newly committed events their positions, before reading the log.

        Events of the caller's own transaction are sealed after it has committed. Raises
        `errors.ClusterChanged` after a restore into another cluster, until `rebase_log`.
        """
        return SealReceipt(*(self._rows("seal", {"tenant_id": tenant_id}))[0])

    def seal_all(self) -> list[SealReceipt]:
        """Seal every tenant that has new events; for operators of all tenants, on a schedule."""
        return [SealReceipt(*row) for row in self._rows("seal_all", {})]

    def rebase_log(self, *, tenant_id: str | None = None, reason: str | None = None) -> SealReceipt:
        """Carry the tenant's log over to this cluster after a restore; for operators.

        The event ledger.log_rebased keeps the `reason`.
        """
        rows = self._rows("rebase_log", {"tenant_id": tenant_id, "reason": reason})
        return SealReceipt(*rows[0])

    def read_log(
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
        rows = self._rows(
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

    def iter_log(
        self,
        *,
        after_position: int = -1,
        page_size: int = 1000,
        event_types: Sequence[str] | None = None,
        wait: timedelta | None = None,
        upcast: bool | None = None,
        tenant_id: str | None = None,
    ) -> Iterator[LogEntry]:
        """Yield the log from a position on, page after page, until `wait` passes without news."""
        while page := self.read_log(
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

    def accept_event(
        self,
        consumer: str,
        event_id: Id,
        *,
        event_type: str | None = None,
        tenant_id: str | None = None,
    ) -> bool:
        """Return whether your transaction is the one that processes the event: True only once.

        Call it first in the transaction; it counts when that commits. Waits for another transaction
        that has accepted the event. Above READ COMMITTED `psycopg.errors.SerializationFailure` says
        that another one was faster: run the transaction again. `agent_events.consumer` does all
        this.
        """
        rows = self._rows(
            "accept_event",
            {
                "consumer": consumer,
                "event_id": event_id,
                "event_type": event_type,
                "tenant_id": tenant_id,
            },
        )
        is_first: bool = rows[0][0]
        return is_first

    def fail_event(
        self,
        consumer: str,
        event_id: Id,
        error: str,
        *,
        event_type: str | None = None,
        message: Json | None = None,
        max_attempts: int | None = None,
        retry_after: timedelta | None = None,
        tenant_id: str | None = None,
    ) -> InboxFailure | None:
        """Record that an event could not be processed, after that transaction was rolled back.

        It is due again after a delay that doubles from a second to an hour, or after `retry_after`
        if that is longer; dead after `max_attempts` (default 10). Returns None when it was
        processed meanwhile.
        """
        rows = self._rows(
            "fail_event",
            {
                "consumer": consumer,
                "event_id": event_id,
                "error": error,
                "event_type": event_type,
                "message": message,
                "max_attempts": max_attempts,
                "retry_after": retry_after,
                "tenant_id": tenant_id,
            },
        )
        return None if rows[0][0] is None else InboxFailure(*rows[0])

    def claim_failures(
        self,
        consumer: str,
        *,
        max_rows: int | None = None,
        lease: Interval | None = None,
        tenant_id: str | None = None,
    ) -> list[InboxFailure]:
        """Take up to `max_rows` (default 100) failures that are due, for yourself alone.

        Commit, and process each like a new message within the `lease` (default five minutes). Those
        of every tenant that the caller consumes for, unless `tenant_id` is given.
        """
        rows = self._rows(
            "claim_failures",
            {"consumer": consumer, "max_rows": max_rows, "lease": lease, "tenant_id": tenant_id},
        )
        return [InboxFailure(*row) for row in rows]

    def inbox_status(self) -> list[InboxStatus]:
        """Return what consumers could not process (view ledger.inbox_status), the oldest first."""
        with self._cursor() as cursor:
            cursor.execute(INBOX_STATUS)
            return [InboxStatus(*row) for row in cursor.fetchall()]

    def requeue_failures(
        self, consumer: str, event_id: Id | None = None, *, tenant_id: str | None = None
    ) -> int:
        """Make a failed message, or all dead ones of a consumer, due again; return how many."""
        rows = self._rows(
            "requeue_failures",
            {"consumer": consumer, "event_id": event_id, "tenant_id": tenant_id},
        )
        count: int = rows[0][0]
        return count

    def discard_failure(
        self, consumer: str, event_id: Id, reason: str, *, tenant_id: str | None = None
    ) -> None:
        """Give a failed message up: it counts as processed. The `reason` is kept; for operators."""
        self._rows(
            "discard_failure",
            {
                "consumer": consumer,
                "event_id": event_id,
                "reason": reason,
                "tenant_id": tenant_id,
            },
        )

    def purge_inbox(
        self, *, older_than: Interval | None = None, max_rows: int | None = None
    ) -> int:
        """Forget what was processed longer ago; return how many, at most `max_rows` (10,000).

        `older_than` defaults to the retention policy's `inbox_for`. A duplicate that arrives later
        than that is processed again. `maintain` does it; for operators of every tenant.
        """
        rows = self._rows("purge_inbox", {"older_than": older_than, "max_rows": max_rows})
        count: int = rows[0][0]
        return count

    def position_of(self, event_id: Id, *, tenant_id: str | None = None) -> int | None:
        """Return the event's position in the log, None while it is not sealed."""
        rows = self._rows("position_of", {"event_id": event_id, "tenant_id": tenant_id})
        position: int | None = rows[0][0]
        return position

    def log_root(self, *, tree_size: int | None = None, tenant_id: str | None = None) -> bytes:
        """Return the root of the tree when it held `tree_size` events; default now."""
        rows = self._rows("log_root", {"tree_size": tree_size, "tenant_id": tenant_id})
        root: bytes = rows[0][0]
        return root

    def inclusion_proof(
        self, event_id: Id, *, tree_size: int | None = None, tenant_id: str | None = None
    ) -> InclusionProof:
        """Return the proof that an event is in the tree of that size; default now.

        `agent_events.proofs.verify_inclusion` checks it. Raises `errors.InvalidArgument` when the
        event is not in that tree.
        """
        rows = self._rows(
            "inclusion_proof",
            {"event_id": event_id, "tree_size": tree_size, "tenant_id": tenant_id},
        )
        position, size, leaf_hash, proof, root = rows[0]
        return InclusionProof(position, size, leaf_hash, tuple(proof), root)

    def consistency_proof(
        self, from_size: int, *, to_size: int | None = None, tenant_id: str | None = None
    ) -> tuple[bytes, ...]:
        """Return the proof that the tree of `from_size` begins the tree of `to_size` (default now).

        `agent_events.proofs.verify_consistency` checks it.
        """
        rows = self._rows(
            "consistency_proof",
            {"from_size": from_size, "to_size": to_size, "tenant_id": tenant_id},
        )
        return tuple(rows[0][0])

    def checkpoint(
        self,
        *,
        ledger_name: str | None = None,
        tree_size: int | None = None,
        tenant_id: str | None = None,
    ) -> str:
        """Return the unsigned checkpoint: origin, tree size and root, a line each.

        `agent-events checkpoint` checks, signs and keeps it.
        """
        rows = self._rows(
            "checkpoint",
            {"ledger_name": ledger_name, "tree_size": tree_size, "tenant_id": tenant_id},
        )
        text: str = rows[0][0]
        return text

    def verify(
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
        rows = self._rows(
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

    def read_private(
        self,
        purpose: str,
        *,
        event_id: Id | None = None,
        subject_id: str | None = None,
        tenant_id: str | None = None,
    ) -> list[PrivateEvent]:
        """Return the private data of an event, or of all events about a person.

        For privacy officers. Every call is an event ledger.private_read that keeps the `purpose`.
        """
        rows = self._rows(
            "read_private",
            {
                "purpose": purpose,
                "event_id": event_id,
                "subject_id": subject_id,
                "tenant_id": tenant_id,
            },
        )
        return [PrivateEvent(*row) for row in rows]

    def subject_report(
        self, subject_id: str, *, tenant_id: str | None = None
    ) -> list[PrivateEvent]:
        """Return everything that is held about a person, and what was erased; for the person."""
        rows = self._rows("subject_report", {"subject_id": subject_id, "tenant_id": tenant_id})
        return [PrivateEvent(*row) for row in rows]

    def begin_export(
        self,
        format: str,
        *,
        with_proof: bool = False,
        redacted: bool = True,
        purpose: str | None = None,
        tenant_id: str | None = None,
        **filters: Unpack[EventFilter],
    ) -> UUID:
        """Begin an export of the events that match all of `EventFilter`; returns its id.

        An event ledger.export_started keeps who, what and what for. Once it is committed,
        `agent_events.exporting` and the functions ledger.export_events() and ledger.export_lines()
        give the events. `redacted=False` takes private data along; it needs the privilege privacy
        and a `purpose`.
        """
        check_options(filters, FIND_OPTIONS)
        rows = self._rows(
            "begin_export",
            {
                "format": format,
                "with_proof": with_proof,
                "redacted": redacted,
                "purpose": purpose,
                "tenant_id": tenant_id,
                **filters,
            },
        )
        export_id: UUID = rows[0][0]
        return export_id

    def finish_export(
        self,
        export_id: Id,
        event_count: int,
        *,
        file_sha256: bytes | None = None,
        tenant_id: str | None = None,
    ) -> UUID:
        """End an export that the caller began; returns the id of the event ledger.export_created.

        `file_sha256` is the digest of the file, 32 bytes.
        """
        rows = self._rows(
            "finish_export",
            {
                "export_id": export_id,
                "event_count": event_count,
                "file_sha256": file_sha256,
                "tenant_id": tenant_id,
            },
        )
        event_id: UUID = rows[0][0]
        return event_id

    def record_verification(
        self,
        tree_size: int,
        root: bytes,
        finding_count: int,
        *,
        findings: Sequence[Json] | None = None,
        duration_ms: float | None = None,
        tenant_id: str | None = None,
    ) -> UUID:
        """Record that the log was verified, as an event ledger.verified; returns its id.

        For auditors and operators. `root` is the one that was computed, 32 bytes; of the findings
        the first 20 are kept.
        """
        rows = self._rows(
            "record_verification",
            {
                "tree_size": tree_size,
                "root": root,
                "finding_count": finding_count,
                "findings": findings,
                "duration_ms": duration_ms,
                "tenant_id": tenant_id,
            },
        )
        event_id: UUID = rows[0][0]
        return event_id

    def record_checkpoint(self, note: str, *, tenant_id: str | None = None) -> UUID:
        """Record that a checkpoint was signed, as an event ledger.checkpoint_signed; return its id.

        For auditors and operators. `note` is the signed checkpoint, which must be one of the log;
        who signed it, the database does not check.

        Raises:
            LogDoesNotVerify: it is not of this log.
        """
        rows = self._rows("record_checkpoint", {"note": note, "tenant_id": tenant_id})
        event_id: UUID = rows[0][0]
        return event_id

    def access_log(
        self,
        *,
        actor: str | None = None,
        actions: Sequence[str] | None = None,
        subject_id: str | None = None,
        event_id: Id | None = None,
        from_time: datetime | None = None,
        to_time: datetime | None = None,
        page_size: int = 100,
        tenant_id: str | None = None,
    ) -> list[AccessEntry]:
        """Return who did what with the record, the newest first.

        For auditors, operators and privacy officers. All that is given must hold: the role `actor`,
        any of these `actions`, the person whose private data it was, the event whose private data
        it was or that was exported, and the time.
        """
        with self._cursor() as cursor:
            cursor.execute(
                ACCESS_LOG,
                {
                    "tenant_id": tenant_id,
                    "actor": actor,
                    "actions": None if actions is None else list(actions),
                    "subject_id": subject_id,
                    "event_id": None if event_id is None else str(event_id),
                    "from_time": from_time,
                    "to_time": to_time,
                    "page_size": page_size,
                },
            )
            return [AccessEntry(*row) for row in cursor.fetchall()]

    def erase_private(
        self,
        reason: str,
        *,
        subject_id: str | None = None,
        event_id: Id | None = None,
        tenant_id: str | None = None,
    ) -> ErasureCertificate:
        """Erase the private data about a person, or of one event, for good.

        The events and their hashes stay. Raises `errors.LegalHold`, and erases nothing, when a hold
        covers any of them.
        """
        rows = self._rows(
            "erase_private",
            {
                "reason": reason,
                "subject_id": subject_id,
                "event_id": event_id,
                "tenant_id": tenant_id,
            },
        )
        erasure_id, count, event_ids, hashes, erased_at = rows[0]
        return ErasureCertificate(erasure_id, count, tuple(event_ids), tuple(hashes), erased_at)

    def place_hold(
        self,
        reason: str,
        *,
        aggregate_type: str | None = None,
        aggregate_id: str | None = None,
        correlation_id: Id | None = None,
        subject_id: str | None = None,
        from_time: datetime | None = None,
        to_time: datetime | None = None,
        until_time: datetime | None = None,
        tenant_id: str | None = None,
    ) -> UUID:
        """Place a legal hold on what all conditions have in common, and return its id.

        Without any it covers the whole tenant. Nothing that it covers is erased or dropped until it
        is released, or `until_time` has passed.
        """
        rows = self._rows(
            "place_hold",
            {
                "reason": reason,
                "aggregate_type": aggregate_type,
                "aggregate_id": aggregate_id,
                "correlation_id": correlation_id,
                "subject_id": subject_id,
                "from_time": from_time,
                "to_time": to_time,
                "until_time": until_time,
                "tenant_id": tenant_id,
            },
        )
        hold_id: UUID = rows[0][0]
        return hold_id

    def release_hold(self, id: Id, reason: str, *, tenant_id: str | None = None) -> None:
        """End a legal hold."""
        self._rows("release_hold", {"id": id, "reason": reason, "tenant_id": tenant_id})

    def register_event_type(
        self,
        event_type: str,
        schema: Json,
        *,
        schema_version: int | None = None,
        catalog: str | None = None,
        description: str | None = None,
        publish: bool | None = None,
        compatibility: str | None = None,
        summary: str | None = None,
    ) -> int:
        """Register the next version of an event type (JSON Schema 2020-12) and return its number.

        An identical schema again is no new version. `compatibility` is 'backward' (the default) or
        'none'; a change that is not backward compatible raises `errors.IncompatibleSchema`.
        `summary` is an event of the type in a sentence, with placeholders such as {aggregate_id}
        and {payload.name}.
        """
        rows = self._rows(
            "register_event_type",
            {
                "event_type": event_type,
                "schema": schema,
                "schema_version": schema_version,
                "catalog": catalog,
                "description": description,
                "publish": publish,
                "compatibility": compatibility,
                "summary": summary,
            },
        )
        version: int = rows[0][0]
        return version

    def replay_stream(
        self,
        aggregate_type: str,
        aggregate_id: str,
        *,
        from_sequence: int | None = None,
        to_sequence: int | None = None,
        upcast: bool | None = None,
        tenant_id: str | None = None,
    ) -> list[ReplayedState]:
        """Return the state of an aggregate after each event from one sequence to another.

        All of it by default: ask for parts of a long stream. The reducer in the database computes
        the states; raises `errors.ReducerFailed` when it fails, `errors.EventsMissing` when events
        are in a cold file.
        """
        rows = self._rows(
            "replay",
            {
                "aggregate_type": aggregate_type,
                "aggregate_id": aggregate_id,
                "from_sequence": from_sequence,
                "to_sequence": to_sequence,
                "upcast": upcast,
                "tenant_id": tenant_id,
            },
        )
        return [ReplayedState(*row) for row in rows]

    def replay_log(
        self,
        reducer: str | None = None,
        *,
        initial: Any = None,
        after_position: int | None = None,
        max_events: int | None = None,
        event_types: Sequence[str] | None = None,
        tenant_id: str | None = None,
    ) -> LogState:
        """Fold up to `max_events` (default 10,000) sealed events into one state, in the database.

        `reducer` is the name of a function (state jsonb, event ledger.events) returns jsonb; the
        default merges the payloads. To go on give `initial` and `after_position` what `state` and
        `last_position` were, until `events` is 0.
        """
        rows = self._rows(
            "replay_log",
            {
                "reducer": reducer,
                "initial": initial,
                "after_position": after_position,
                "max_events": max_events,
                "event_types": event_types,
                "tenant_id": tenant_id,
            },
        )
        return LogState(*rows[0])

    def register_reducer(
        self,
        aggregate_type: str,
        reducer: str,
        *,
        initial: Any = None,
        upcast: bool | None = None,
    ) -> None:
        """Make a SQL function the reducer of an aggregate type, or of all without one ('*').

        It is (state jsonb, event ledger.events) returns jsonb, IMMUTABLE, and `ledger_sandbox` may
        execute it; raises `errors.InvalidArgument` when it is not pure. `initial` (default {}) is
        the state before the first event; with `upcast` it gets payloads as of the current schema
        version. For registrars.
        """
        self._rows(
            "register_reducer",
            {
                "aggregate_type": aggregate_type,
                "reducer": reducer,
                "initial": initial,
                "upcast": upcast,
            },
        )

    def drop_reducer(self, aggregate_type: str) -> bool:
        """Take the reducer of an aggregate type away; False when it had none."""
        rows = self._rows("drop_reducer", {"aggregate_type": aggregate_type})
        was_there: bool = rows[0][0]
        return was_there

    def create_snapshot(
        self, aggregate_type: str, aggregate_id: str, *, tenant_id: str | None = None
    ) -> UUID:
        """Make a snapshot of an aggregate as it is now and return its id; for operators.

        It is the same one again when nothing was emitted since.
        """
        rows = self._rows(
            "create_snapshot",
            {
                "aggregate_type": aggregate_type,
                "aggregate_id": aggregate_id,
                "tenant_id": tenant_id,
            },
        )
        snapshot_id: UUID = rows[0][0]
        return snapshot_id

    def snapshots(
        self,
        aggregate_type: str | None = None,
        aggregate_id: str | None = None,
        *,
        tenant_id: str | None = None,
    ) -> list[Snapshot]:
        """Return the snapshots of an aggregate, a type or a tenant, without their states."""
        with self._cursor() as cursor:
            cursor.execute(
                SNAPSHOTS,
                {
                    "aggregate_type": aggregate_type,
                    "aggregate_id": aggregate_id,
                    "tenant_id": tenant_id,
                },
            )
            return [Snapshot(*row) for row in cursor.fetchall()]

    def verify_snapshots(
        self, *, deep: bool | None = None, tenant_id: str | None = None
    ) -> list[SnapshotFinding]:
        """Return which snapshots are forged or stale; nobody is served from those.

        `deep` replays every aggregate that has snapshots and compares the states.
        """
        rows = self._rows("verify_snapshots", {"deep": deep, "tenant_id": tenant_id})
        return [SnapshotFinding(*row) for row in rows]

    def set_snapshot_policy(
        self,
        aggregate_type: str,
        *,
        every_events: int | None = None,
        every: Interval | None = None,
        every_bytes: int | None = None,
    ) -> SnapshotPolicy:
        """Set all of when aggregates of a type get snapshots; for operators of every tenant.

        With nothing given a type goes back to the policy of '*', and '*' itself makes none.
        """
        rows = self._rows(
            "set_snapshot_policy",
            {
                "aggregate_type": aggregate_type,
                "every_events": every_events,
                "every": every,
                "every_bytes": every_bytes,
            },
        )
        return SnapshotPolicy(*rows[0])

    def register_upcaster(
        self, event_type: str, from_version: int, upcaster: str, *, replace: bool | None = None
    ) -> bool:
        """Register the SQL function that lifts payloads of a version to the next.

        `upcaster` is its name with its schema, e.g. 'app.lift_deal': (payload jsonb) returns jsonb,
        IMMUTABLE, for ledger_sandbox to execute; else `errors.InvalidArgument` says what is
        missing. It is tried on the schema's examples and the newest events that the caller may
        read: `errors.IncompatibleSchema` names the first that it makes something wrong of. Returns
        False when it is registered already; `replace` puts it in the place of another one.
        """
        rows = self._rows(
            "register_upcaster",
            {
                "event_type": event_type,
                "from_version": from_version,
                "upcaster": upcaster,
                "replace": replace,
            },
        )
        changed: bool = rows[0][0]
        return changed

    def drop_upcaster(self, event_type: str, from_version: int) -> bool:
        """Forget the upcaster of a version. False if there was none."""
        rows = self._rows("drop_upcaster", {"event_type": event_type, "from_version": from_version})
        dropped: bool = rows[0][0]
        return dropped

    def doctor(self, *, deep: bool | None = None) -> list[Finding]:
        """Return what is not as it should be, such as a missing guard, the worst first.

        There is no error and no warning when all is well. `deep` checks every event and not only
        the recent ones.
        """
        return [Finding(*row) for row in self._rows("doctor", {"deep": deep})]

    def stats(
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
        (row,) = self._rows(
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

    def count_events(self, *, max_events: int | None = None, tenant_id: str | None = None) -> int:
        """Count sealed events for `stats`, of one tenant or of all; return how many it looked at.

        `maintain` does this. At most `max_events` (default 100,000) at a time: call it again, in
        another transaction, while it returns that many. For operators.
        """
        rows = self._rows("count_events", {"max_events": max_events, "tenant_id": tenant_id})
        count: int = rows[0][0]
        return count

    def recount_events(self, tenant_id: str) -> None:
        """Forget a tenant's counts; `count_events` begins anew. For operators."""
        self._rows("recount_events", {"tenant_id": tenant_id})

    def metrics(
        self, *, max_tenants: int | None = None, with_findings: bool | None = None
    ) -> list[Sample]:
        """Return what `agent-events metrics` tells Prometheus; for readers of every tenant.

        Tenants beyond the `max_tenants` (default 200) largest are added up under an empty name.
        Most of the time goes to `doctor`: `with_findings=False` leaves it out.
        """
        rows = self._rows("metrics", {"max_tenants": max_tenants, "with_findings": with_findings})
        return [Sample(*row) for row in rows]

    def maintain(self, *, dry_run: bool = False, max_wait: Interval | None = None) -> None:
        """Do what is due: partitions ahead, sealing, archiving; for operators of every tenant.

        Needs an autocommit connection, since each step commits. A step tries for `max_wait`
        (default five minutes) to get its locks. One that fails stops only those that build on it;
        its error is raised when the others are done, and ledger.maintenance_steps keeps all of
        them. `dry_run` does nothing but say what is due, as notices; `maintenance_plan` returns it.
        """
        self._call("maintain", {"dry_run": dry_run, "max_wait": max_wait})

    def maintenance_plan(self) -> list[PlannedStep]:
        """Return the steps that `maintain` would take now, in order."""
        return [PlannedStep(*row) for row in self._rows("maintenance_plan", {})]

    def archive_partition(self, partition_name: str, *, max_wait: Interval | None = None) -> None:
        """Move a partition of agent_events, an hour after its end or later, to the archive.

        Needs an autocommit connection. Emitting waits for some milliseconds at most; for
        `max_wait` (default five minutes) it is tried again while somebody holds the locks, then
        `psycopg.errors.LockNotAvailable` is raised. For operators of every tenant.
        """
        self._call("archive_partition", {"partition_name": partition_name, "max_wait": max_wait})

    def restore_partition(self, partition_name: str, *, max_wait: Interval | None = None) -> None:
        """Move an archived partition back to agent_events; otherwise as `archive_partition`."""
        self._call("restore_partition", {"partition_name": partition_name, "max_wait": max_wait})

    def partitions(self) -> list[PartitionStatus]:
        """Return every partition ever made (view ledger.partition_status), the oldest first."""
        with self._cursor() as cursor:
            cursor.execute(PARTITIONS)
            return [PartitionStatus(*row) for row in cursor.fetchall()]

    def track_table(
        self,
        table_name: str,
        *,
        event_prefix: str | None = None,
        aggregate_type: str | None = None,
        key_columns: Sequence[str] | None = None,
        excluded: Sequence[str] | None = None,
        masked: Sequence[str] | None = None,
        tenant_column: str | None = None,
        publish: bool | None = None,
    ) -> None:
        """Make every change of a table an event from now on; again, to change how.

        `table_name` as in SQL, with its schema unless the search path finds it. The events are
        `<event_prefix>.created`, `.updated` and `.deleted` (default: the table's name), about
        `aggregate_type` (default: the prefix) and the key (default: the primary key). `excluded`
        columns never appear, `masked` ones as "***". Call it as the table's owner, who must be a
        registrar. Raises `InvalidArgument` when the table cannot be tracked.
        """
        self._rows(
            "track_table",
            {
                "table_name": table_name,
                "event_prefix": event_prefix,
                "aggregate_type": aggregate_type,
                "key_columns": key_columns,
                "excluded": excluded,
                "masked": masked,
                "tenant_column": tenant_column,
                "publish": publish,
            },
        )

    def untrack_table(self, table_name: str) -> None:
        """End what `track_table` began; the events stay. Call it as the table's owner."""
        self._rows("untrack_table", {"table_name": table_name})

    def tracked_tables(self) -> list[TrackedTable]:
        """Return the tables whose changes are events (view ledger.tracking_status)."""
        with self._cursor() as cursor:
            cursor.execute(TRACKED_TABLES)
            return [TrackedTable(*row) for row in cursor.fetchall()]

    def add_correlation(self, table_name: str) -> None:
        """Add trace_id, correlation_id and causation_id to a table; safe to repeat.

        New rows get them from `set_context`; rows that are there keep None. Call it as the table's
        owner.
        """
        self._rows("add_correlation", {"table_name": table_name})

    def set_retention(
        self,
        *,
        hot_for: Interval | None = None,
        warm_for: Interval | None = None,
        cold_for: Interval | None = None,
        archive_tablespace: str | None = None,
        archive_access_method: str | None = None,
        outbox_for: Interval | None = None,
        inbox_for: Interval | None = None,
    ) -> RetentionPolicy:
        """Set the whole retention policy: what is None is for ever, or as it was.

        The ages count from the end of a partition, `inbox_for` from when an event was processed.
        Moves and deletes nothing by itself; `maintain` archives and purges what is due. For
        operators of every tenant.
        """
        rows = self._rows(
            "set_retention",
            {
                "hot_for": hot_for,
                "warm_for": warm_for,
                "cold_for": cold_for,
                "archive_tablespace": archive_tablespace,
                "archive_access_method": archive_access_method,
                "outbox_for": outbox_for,
                "inbox_for": inbox_for,
            },
        )
        return RetentionPolicy(*rows[0])

    def set_partition_interval(
        self, partition_interval: PartitionInterval, *, premake: int | None = None
    ) -> None:
        """Set the length of the partitions made from now on, and how many are made ahead.

        Needs an autocommit connection. Raises `psycopg.errors.LockNotAvailable` when somebody
        reads for longer than 100 ms what has to be cut down: call it again then. For operators of
        every tenant.
        """
        self._call(
            "set_partition_interval",
            {"partition_interval": partition_interval, "premake": premake},
        )

    def claim_outbox(
        self,
        relay: str,
        *,
        batch_size: int | None = None,
        lease: Interval | None = None,
        tenant_id: str | None = None,
        token: int | None = None,
    ) -> OutboxClaim | None:
        """Lease the next messages of a tenant to the caller, or return None when nothing is due.

        The tenant is the one given, else one that waits. Up to `batch_size` (default 1,000)
        positions are handed out, and nobody else gets them while the `lease` (default 30 seconds)
        lasts. `token`, with `tenant_id`, goes on under a lease that the caller holds; raises
        `errors.LeaseLost` when it does not any more. Commit before you read.
        """
        rows = self._rows(
            "claim_outbox",
            {
                "relay": relay,
                "batch_size": batch_size,
                "lease": lease,
                "tenant_id": tenant_id,
                "token": token,
            },
        )
        if not rows:
            return None
        name, tenant, held, after_position, through_position, retries = rows[0]
        return OutboxClaim(name, tenant, held, after_position, through_position, tuple(retries))

    def read_outbox(self, claim: OutboxClaim) -> list[OutboxMessage]:
        """Return the messages of a claim: those that are tried again, then the new ones in order.

        There may be none: confirm `claim.through_position` then, too.
        """
        row = (*astuple(claim)[:-1], list(claim.retries))
        return [OutboxMessage(*row) for row in self._rows("read_outbox", {"claim": row})]

    def confirm_outbox(
        self,
        relay: str,
        token: int,
        *,
        through_position: int | None = None,
        retried: Sequence[int] | None = None,
        release: bool | None = None,
        tenant_id: str | None = None,
    ) -> None:
        """Say that everything up to `through_position`, and these retries, is delivered.

        Renews the lease, or gives it back (`release`). Raises `errors.LeaseLost` when another
        worker took over: nothing is confirmed then.
        """
        self._rows(
            "confirm_outbox",
            {
                "relay": relay,
                "token": token,
                "through_position": through_position,
                "retried": list(retried) if retried else None,
                "release": release,
                "tenant_id": tenant_id,
            },
        )

    def fail_outbox(
        self,
        relay: str,
        token: int,
        position: int,
        error: str,
        *,
        retry_after: Interval | None = None,
        is_permanent: bool | None = None,
        tenant_id: str | None = None,
    ) -> ParkedMessage:
        """Say that a message was not taken: it is parked, and tried again after a growing pause.

        What was handed out of its aggregate after it is parked behind it: do not deliver it now.
        With `is_permanent`, or after the relay's last attempt, it is dead, and nothing waits.
        Raises `errors.LeaseLost` when another worker took over.
        """
        rows = self._rows(
            "fail_outbox",
            {
                "relay": relay,
                "token": token,
                "position": position,
                "error": error,
                "retry_after": retry_after,
                "is_permanent": is_permanent,
                "tenant_id": tenant_id,
            },
        )
        return ParkedMessage(*rows[0])

    def requeue_dead(
        self, relay: str, *, position: int | None = None, tenant_id: str | None = None
    ) -> int:
        """Have dead messages tried again: the one at this position, or all. Returns how many."""
        rows = self._rows(
            "requeue_dead", {"relay": relay, "position": position, "tenant_id": tenant_id}
        )
        count: int = rows[0][0]
        return count

    def discard_dead(
        self, relay: str, position: int, reason: str, *, tenant_id: str | None = None
    ) -> int:
        """Give the dead message at this position up for good. Returns how many that were."""
        rows = self._rows(
            "discard_dead",
            {"relay": relay, "position": position, "reason": reason, "tenant_id": tenant_id},
        )
        count: int = rows[0][0]
        return count

    def rewind_relay(self, relay: str, to_position: int, *, tenant_id: str | None = None) -> None:
        """Have a relay go on at this position of the tenant's log: back, or forth to pass over."""
        self._rows(
            "rewind_relay", {"relay": relay, "to_position": to_position, "tenant_id": tenant_id}
        )

    def set_relay(
        self,
        relay: str,
        *,
        event_types: Sequence[str] | None = None,
        max_attempts: int | None = None,
        min_backoff: Interval | None = None,
        max_backoff: Interval | None = None,
    ) -> RelaySettings:
        """Make a relay, or set all its settings anew: what is None gets its default."""
        rows = self._rows(
            "set_relay",
            {
                "relay": relay,
                "event_types": event_types,
                "max_attempts": max_attempts,
                "min_backoff": min_backoff,
                "max_backoff": max_backoff,
            },
        )
        name, types, *settings = rows[0]
        return RelaySettings(name, None if types is None else tuple(types), *settings)

    def drop_relay(self, relay: str) -> None:
        """Forget a relay, and where it stood with every tenant."""
        self._rows("drop_relay", {"relay": relay})

    def relays(self, relay: str | None = None) -> list[RelayStatus]:
        """Return how far each relay is with each tenant, or this relay only."""
        with self._cursor() as cursor:
            cursor.execute(RELAYS, {"relay": relay})
            return [RelayStatus(*row) for row in cursor.fetchall()]

    def dead_messages(self, relay: str, *, tenant_id: str | None = None) -> list[DeadMessage]:
        """Return what a relay gave up, of one tenant or of all."""
        with self._cursor() as cursor:
            cursor.execute(DEAD, {"relay": relay, "tenant_id": tenant_id})
            return [DeadMessage(*row) for row in cursor.fetchall()]

    def _append(self, event: Mapping[str, Any]) -> Receipt:
        """Append what is complete: nothing is filled in from the context."""
        rows = self._rows("emit_event", event)
        return Receipt(*rows[0])

    def _swap_settings(self, settings: Mapping[str, str | None]) -> dict[str, str | None]:
        """Set settings of the transaction, ledger.<name>; return what they were."""
        arguments = {"names": list(settings), "values": list(settings.values())}
        rows = self._execute(SWAP_SETTINGS, arguments)
        return {name: old for name, old, _ in rows}

    def _moment(self, arguments: Mapping[str, Any]) -> Moment | None:
        """Say which moment the cache may know; None where there is none, or no cache."""
        if self._state_cache is None or not is_past(arguments):
            return None
        with self._cursor() as cursor:
            cursor.execute(STREAM_HEAD, arguments)
            row = cursor.fetchone()
        if row is None:
            return None
        info = self._connection.info
        return settled(f"{info.host}:{info.port}", StreamHead(*row), arguments)

    def _rows(
        self, function: str, arguments: Mapping[str, Any], more: str = ""
    ) -> list[tuple[Any, ...]]:
        query, parameters = bind(function, arguments, more)
        if _watching.watch is None:
            return self._execute(query, parameters)
        with _watching.watch(function, arguments, self._connection.info):
            return self._execute(query, parameters)

    def _execute(
        self, query: str, arguments: Mapping[str, Any] | None = None
    ) -> list[tuple[Any, ...]]:
        try:
            cursor = reading_json(self._connection.cursor(row_factory=tuple_row))
            cursor.execute(query, arguments)
            return cursor.fetchall()
        except psycopg.Error as error:
            if refused := errors.translated(error):
                raise refused from error
            raise

    def _call(self, procedure: str, arguments: Mapping[str, Any]) -> None:
        idle = self._connection.info.transaction_status == TransactionStatus.IDLE
        if not (self._connection.autocommit and idle):
            raise errors.InvalidArgument(
                f"{procedure} commits each of its steps, so it needs a connection in autocommit",
                hint="psycopg.connect(..., autocommit=True), and no transaction around the call.",
            )
        with self._cursor() as cursor:
            cursor.execute(*bind(procedure, arguments))

    @contextmanager
    def _cursor(self) -> Iterator[Cursor[tuple[Any, ...]]]:
        try:
            with self._connection.cursor(row_factory=tuple_row) as cursor:
                yield reading_json(cursor)
        except psycopg.Error as error:
            if refused := errors.translated(error):
                raise refused from error
            raise
