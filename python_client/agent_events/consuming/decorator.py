"""The decorator `consumer`."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from inspect import iscoroutinefunction
from typing import Any, Protocol, TypeVar, cast, overload

from psycopg import AsyncConnection, Connection
from psycopg_pool import AsyncConnectionPool, ConnectionPool

from agent_events.consuming._async import AsyncConsumer
from agent_events.consuming._sync import Consumer
from agent_events.consuming.message import InboxEvent
from agent_events.consuming.result import Policy

T = TypeVar("T")

Database = (
    ConnectionPool[Any] | Connection[Any] | AsyncConnectionPool[Any] | AsyncConnection[Any] | None
)


class Decorator(Protocol):
    """Makes a consumer of a handler: synchronous or not, as the handler is."""

    @overload
    def __call__(
        self, handler: Callable[[AsyncConnection[Any], InboxEvent], Awaitable[T]]
    ) -> AsyncConsumer[T]: ...

    @overload
    def __call__(self, handler: Callable[[Connection[Any], InboxEvent], T]) -> Consumer[T]: ...


def consumer(
    name: str,
    database: Database = None,
    *,
    tenant_id: str | None = None,
    policy: Policy | None = None,
) -> Decorator:
    """Make a function that handles an event, `handler(connection, event)`, exactly-once.

    `name` is the consumer's in the inbox: every consumer processes every event once, and changing
    the name begins anew. `database` is a pool, or a connection, of the database where the handler
    writes and the inbox is; synchronous for a function, asynchronous for a coroutine function. It
    may be left out and given to each call. `tenant_id` is whose inbox it is; by default the tenant
    of the event. `policy` says what happens when the handler fails.

    The function stays what it was when it is called; `process`, `process_event` and `retry_due` of
    `Consumer` and `AsyncConsumer` run it exactly-once.
    """
    chosen = policy or Policy()

    def decorate(handler: Callable[..., Any]) -> Any:
        kind: Any = AsyncConsumer if iscoroutinefunction(handler) else Consumer
        return kind(handler, name, database, tenant_id=tenant_id, policy=chosen)

    return cast(Decorator, decorate)
