"""Consumers over a connection. Generated from `_async.py` by scripts/unasync."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import update_wrapper
from typing import Any, Generic, TypeVar

import psycopg
from psycopg import Connection
from psycopg.pq import TransactionStatus
from psycopg_pool import ConnectionPool

from agent_events import errors
from agent_events._sync import Ledger
from agent_events.consuming.message import (
    Headers,
    InboxEvent,
    MalformedMessage,
    reread,
    unreadable,
)
from agent_events.consuming.result import Policy, Reject, Result, Retry
from agent_events.models import InboxFailure

T = TypeVar("T")

TRANSIENT = (psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected)
"""What says nothing about the message: the transaction met another one, and may run again."""


class RolledBack(Exception):
    """What the handler did, or did not do, is not in the database, although it raised no error."""


class Consumer(Generic[T]):
    """A handler that processes each event exactly once; what the decorator `consumer` makes.

    Called, it is the handler itself. `process` takes a broker's message.
    """

    def __init__(
        self,
        handler: Callable[[Connection[Any], InboxEvent], T],
        name: str,
        database: ConnectionPool[Any] | Connection[Any] | None,
        *,
        tenant_id: str | None,
        policy: Policy,
    ) -> None:
        self.name = name
        self.policy = policy
        self._handler = handler
        self._database = database
        self._tenant_id = tenant_id
        update_wrapper(self, handler)

    def __call__(self, connection: Connection[Any], event: InboxEvent, /) -> T:
        """Run the handler, and nothing else."""
        return self._handler(connection, event)

    def process(
        self,
        headers: Headers,
        body: str | bytes,
        *,
        content_type: str | None = None,
        connection: Connection[Any] | None = None,
    ) -> Result:
        """Process a message and say what became of it; see `process_event`.

        A message that is no CloudEvent is dead at once.
        """
        named = dict(headers)
        with self._connected(connection) as own:
            try:
                event = InboxEvent.parse(named, body, content_type=content_type)
            except MalformedMessage as error:
                event_id, message = unreadable(named, body)
                return self._fail(own, event_id, None, message, error, self._tenant_id)

            # Read once more, and only when it is needed: the handler may have changed event.data.
            def again() -> dict[str, Any]:
                return InboxEvent.parse(named, body, content_type=content_type).to_json()

            return self._process(own, event, again)

    def process_event(
        self, event: InboxEvent, *, connection: Connection[Any] | None = None
    ) -> Result:
        """Run the handler in a transaction that also accepts the event, once and for all.

        Both are committed, or neither is. What the handler raises is recorded in a transaction of
        its own and never raised here; what is raised is about the database (a lost connection, no
        privilege): do not acknowledge the message then. With a `connection` that is in a
        transaction of yours all of it belongs to that, and counts when you commit.

        Events that the handler emits are caused by this one: the transaction's context has its id
        as causation, its correlation, its trace and its tenant.
        """
        with self._connected(connection) as own:
            return self._process(own, event, event.to_json)

    def retry_due(
        self,
        *,
        max_events: int = 100,
        lease: timedelta = timedelta(minutes=5),
        tenant_id: str | None = None,
        connection: Connection[Any] | None = None,
    ) -> list[Result]:
        """Process failed events that are due again, the longest waiting first; call it regularly.

        Those of every tenant that the role consumes for, unless one is given. `lease` is for how
        long no other process takes them: longer than all of them need. Each is a transaction, so a
        `connection` that is in one of yours is refused.
        """
        with self._connected(connection) as own:
            if own.info.transaction_status != TransactionStatus.IDLE:
                raise errors.InvalidArgument(
                    "retry_due commits each event, so it needs a connection in no transaction",
                    hint="Commit first, or leave `connection` out.",
                )
            with own.transaction():
                claimed = Ledger(own).claim_failures(
                    self.name,
                    max_rows=max_events,
                    lease=lease,
                    tenant_id=tenant_id or self._tenant_id,
                )
            return [self._process_again(own, failure) for failure in claimed]

    def _process_again(self, own: Connection[Any], failure: InboxFailure) -> Result:
        try:
            event = reread(failure.message or {})
        except MalformedMessage as error:
            return self._fail(own, failure.event_id, None, None, error, failure.tenant_id)
        return self._process(own, event, lambda: None, failure)

    def _process(
        self,
        own: Connection[Any],
        event: InboxEvent,
        message: Callable[[], dict[str, Any] | None],
        failure: InboxFailure | None = None,
    ) -> Result:
        tenant_id = failure.tenant_id if failure else self._tenant_id or event.tenant_id
        event_id = failure.event_id if failure else event.id
        is_joining = own.info.transaction_status != TransactionStatus.IDLE
        attempts = 1 if is_joining else 1 + self.policy.again
        for left in reversed(range(attempts)):
            is_accepted = is_done = False
            try:
                with own.transaction():
                    ledger = Ledger(own)
                    is_accepted = ledger.accept_event(
                        self.name, event_id, event_type=event.type, tenant_id=tenant_id
                    )
                    if not is_accepted:
                        return Result("duplicate", event, event_id)
                    ledger.set_context(
                        tenant_id=tenant_id,
                        trace_id=event.trace_id,
                        correlation_id=event.correlation_id,
                        causation_id=event.causation_id,
                    )
                    self._handler(own, event)
                    _require_transaction(own)
                    is_done = True
                if not is_done:
                    raise RolledBack("the handler raised psycopg.Rollback")
                return Result("processed", event, event_id)
            except Exception as error:
                is_transient = isinstance(error, TRANSIENT)
                if is_transient and left:
                    continue
                if own.closed or not is_accepted or (is_transient and is_joining):
                    raise
                return self._fail(own, event_id, event, message(), error, tenant_id)
        raise AssertionError("the last attempt returns or raises")

    def _fail(
        self,
        own: Connection[Any],
        event_id: Any,
        event: InboxEvent | None,
        message: dict[str, Any] | None,
        error: Exception,
        tenant_id: str | None,
    ) -> Result:
        """Record the failure in a transaction of its own; without a message the kept one stays."""
        text = f"{type(error).__name__}: {error}".replace("\0", "")
        is_final = isinstance(error, Reject | MalformedMessage)
        with own.transaction():
            failure = Ledger(own).fail_event(
                self.name,
                event_id,
                text,
                event_type=event.type if event else None,
                message=message,
                max_attempts=1 if is_final else self.policy.max_attempts,
                retry_after=error.after if isinstance(error, Retry) else None,
                tenant_id=tenant_id,
            )
        if failure is None:
            return Result("duplicate", event, event_id)
        return Result(
            "dead" if failure.is_dead else "failed",
            event,
            event_id,
            attempts=failure.attempts,
            retry_at=failure.next_attempt_at,
            error=text,
            redeliver=self.policy.redeliver,
        )

    @contextmanager
    def _connected(self, connection: Connection[Any] | None) -> Iterator[Connection[Any]]:
        database = connection or self._database
        if database is None:
            raise errors.InvalidArgument(
                f"consumer {self.name} has no database",
                hint='@consumer("name", pool), or process(..., connection=connection).',
            )
        if isinstance(database, ConnectionPool):
            with database.connection() as own:
                yield own
        else:
            yield database


def _require_transaction(own: Connection[Any]) -> None:
    """Raise where a handler returned although its transaction can no longer be committed.

    psycopg does not: COMMIT of an aborted transaction is a ROLLBACK that reports no error.
    """
    if own.closed:
        raise psycopg.OperationalError("the connection was lost while the handler ran")
    if own.info.transaction_status != TransactionStatus.INTRANS:
        raise RolledBack("the handler hid an error that has aborted its transaction")
