"""Subscriptions over a connection. Generated from `_async.py` by scripts/unasync."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from datetime import timedelta
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self
from weakref import finalize

from psycopg import Connection
from psycopg.conninfo import make_conninfo

from agent_events import errors
from agent_events._queries import LISTEN, LOG_SIZE, LOOK_AROUND
from agent_events.dsn import lasting
from agent_events.models import LogEntry
from agent_events.subscribing.pace import Pace

if TYPE_CHECKING:
    from agent_events._sync import Ledger


class Subscription:
    """A tenant's log from a position on, for ever; what `Ledger.subscribe` returns.

    Iterating yields every committed event once, in the order of positions: first what there is,
    then what is committed, as it is sealed. It ends after `stop`.

    It has a connection of its own, in autocommit, made with the connection string of the ledger's
    (but without its SET ROLE and settings). Inside your transaction it would see no news under
    REPEATABLE READ, and under any level it would keep your transaction, and with it everything that
    vacuum could remove, open while it waits for the next event. So your connection is free for your
    own work, and an error there does not end the subscription. When its own connection is lost the
    error is raised: subscribe again, and a subscription with a name goes on where it was saved.

    Close it, or use it as a context manager; one that is dropped half-way closes its connection
    too. It is for one thread at a time, but `stop` may be called from anywhere.
    """

    def __init__(
        self,
        connection: Connection[Any],
        name: str | None,
        *,
        from_position: int | None,
        only_new: bool,
        event_types: Sequence[str] | None,
        upcast: bool | None = None,
        tenant_id: str | None,
        page_size: int,
        save_every: int | None,
        save_interval: timedelta | None,
    ) -> None:
        info = connection.info
        self.name = name
        password = {"password": info.password} if info.password else {}
        self._dsn = make_conninfo(lasting(info.dsn), **password)
        self._prepare_threshold = connection.prepare_threshold
        self._from_position = from_position
        self._only_new = only_new
        self._event_types = event_types
        self._upcast = upcast
        self._tenant_id = tenant_id
        self._page_size = page_size
        interval = None if save_interval is None else save_interval.total_seconds()
        self._pace = Pace(save_every, interval)
        self._connection: Connection[Any] | None = None
        self._finalizer: finalize[..., Any] | None = None
        self._page: deque[LogEntry] = deque()
        self._size = 0  # of the log, as of the last look
        self._read = -1  # last position that was read, or passed over
        self._given = -1  # last position that was yielded, or passed over
        self._saved = -1
        self._is_replica = False
        self._is_stopping = False
        self._is_closed = False

    @property
    def position(self) -> int:
        """Position of the event at hand; before the first, the one before it (-1 = none)."""
        return self._given

    def __enter__(self) -> Self:
        self._open()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> LogEntry:
        if self._is_stopping and self._connection is None:
            raise StopIteration
        ledger, connection = self._open()
        if self._pace.is_due():
            self._autosave(ledger)
        while not self._page or self._is_stopping:
            if self._is_stopping:
                self._autosave(ledger)
                self.close()
                raise StopIteration
            self._look(ledger, connection)
        entry = self._page.popleft()
        self._given = entry.position
        self._pace.unsaved += 1
        return entry

    def stop(self) -> None:
        """End the iteration when the next event is asked for, or within half a second."""
        self._is_stopping = True

    def save(self, connection: Connection[Any] | None = None) -> bool:
        """Save that the event at hand, and all before it, are handled.

        With your `connection` the cursor moves in your transaction: what the handler writes there
        and the position are committed together, so that each event takes effect exactly once. Roll
        back when it returns False: another process of this name has saved this event or a later
        one. Without, it is saved at once, over the subscription's own connection.
        """
        if self.name is None:
            raise errors.InvalidArgument(
                "a subscription without a name has no cursor to save",
                hint='Name it after what it is for: subscribe("search-index").',
            )
        if connection is None:
            ledger, _ = self._open()
            return self._save(ledger)
        return _ledger(connection).save_position(self.name, self._given, tenant_id=self._tenant_id)

    def close(self) -> None:
        """Close the connection. What was not saved is delivered again to the next of that name."""
        self._is_closed = True
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._finalizer is not None:
            self._finalizer.detach()
            self._finalizer = None

    def _open(self) -> tuple[Ledger, Connection[Any]]:
        if self._connection is not None:
            return _ledger(self._connection), self._connection
        if self._is_closed:
            raise errors.InvalidArgument(
                "this subscription was closed", hint="Subscribe again to go on."
            )
        connection = Connection.connect(
            self._dsn, autocommit=True, prepare_threshold=self._prepare_threshold
        )
        try:
            ledger = _ledger(connection)
            self._begin(ledger, connection)
        except BaseException:
            connection.close()
            raise
        self._connection = connection
        self._finalizer = finalize(self, connection.pgconn.finish)
        return ledger, connection

    def _begin(self, ledger: Ledger, connection: Connection[Any]) -> None:
        cursor = connection.execute(LOOK_AROUND)
        notifies, self._is_replica = cursor.fetchone() or (False, False)
        # Through PgBouncer, which is what no prepared statements stand for, LISTEN reaches nobody.
        if notifies and not self._is_replica and self._prepare_threshold is not None:
            connection.execute(LISTEN)
        self._size = self._sealed_size(ledger, connection)
        saved = None
        if self.name is not None:
            saved = ledger.subscription_position(self.name, tenant_id=self._tenant_id)
        if saved is not None:
            start = saved
        elif self._only_new:
            start = self._size - 1
        else:
            start = (self._from_position or 0) - 1
        if not -1 <= start < self._size:
            raise errors.InvalidArgument(
                f"there is no position {start + 1} yet: the log has {self._size} events",
                hint="from_position is where to begin, at most the next one that will be given.",
            )
        if self.name is not None and saved is None:
            # So that it begins there also when this process ends before it has saved anything.
            ledger.save_position(self.name, start, tenant_id=self._tenant_id)
        self._read = self._given = self._saved = start
        self._pace.saved()

    def _look(self, ledger: Ledger, connection: Connection[Any]) -> None:
        """Read the next page; seal first, and pause, when all that is sealed was read."""
        self._given = self._read
        if self._read + 1 >= self._size:
            self._size = self._sealed_size(ledger, connection)
            if self._read + 1 >= self._size:
                if self._pace.unsaved or self._pace.is_due():
                    self._autosave(ledger)
                self._pause(connection)
                return
        self._pace.quicken()
        page = ledger.read_log(
            after_position=self._read,
            page_size=self._page_size,
            event_types=self._event_types,
            upcast=self._upcast,
            tenant_id=self._tenant_id,
        )
        last = page[-1].position if page else self._read
        # A page that is not full has come to the end of what was sealed before it was read: other
        # types, and events in cold files, are passed over.
        self._read = last if len(page) == self._page_size else max(last, self._size - 1)
        self._page.extend(page)

    def _sealed_size(self, ledger: Ledger, connection: Connection[Any]) -> int:
        """Seal what was committed, and return how long the log is; a replica only looks."""
        if self._is_replica:
            cursor = connection.execute(LOG_SIZE, [self._tenant_id])
            row = cursor.fetchone()
            return 0 if row is None else int(row[0])
        receipt = ledger.seal(tenant_id=self._tenant_id)
        self._tenant_id = receipt.tenant_id
        return receipt.tree_size

    def _pause(self, connection: Connection[Any]) -> None:
        """Wait for a while, or until a seal of this tenant says that there is something new."""
        until = monotonic() + self._pace.slow_down()
        while not self._is_stopping and (left := until - monotonic()) > 0:
            # To its end: the generator holds the connection's lock until then.
            notified = connection.notifies(timeout=left, stop_after=1)
            if self._tenant_id in [notification.payload for notification in notified]:
                return

    def _autosave(self, ledger: Ledger) -> None:
        if self.name is not None and self._pace.saves and self._given > self._saved:
            self._save(ledger)

    def _save(self, ledger: Ledger) -> bool:
        position = self._given
        moved = ledger.save_position(str(self.name), position, tenant_id=self._tenant_id)
        self._saved = position
        self._pace.saved()
        return moved


def _ledger(connection: Connection[Any]) -> Ledger:
    from agent_events._sync import Ledger  # which imports this module

    return Ledger(connection)
