"""Events that wait for the thread that stores them."""

from __future__ import annotations

from collections import deque
from threading import Condition
from time import monotonic
from typing import Generic, TypeVar

T = TypeVar("T")


class Waiting(Generic[T]):
    """A bounded queue for one reader, who takes an item away only when it is done with it."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.forget()

    def forget(self) -> None:
        """Begin anew, in a process that was forked."""
        self._changed = Condition()
        self._items: deque[T] = deque()
        self._put = self._done = 0
        self.is_closed = False

    def __len__(self) -> int:
        return len(self._items)

    def put(self, item: T) -> bool:
        """Add an item; False where there is no room, or no more is taken."""
        with self._changed:
            if self.is_closed or len(self._items) >= self._limit:
                return False
            self._items.append(item)
            self._put += 1
            self._changed.notify_all()
        return True

    def first(self) -> T | None:
        """Wait for the oldest item; None when the queue is closed and empty."""
        with self._changed:
            self._changed.wait_for(lambda: self._items or self.is_closed)
            return self._items[0] if self._items else None

    def done(self) -> None:
        """Take the oldest item away."""
        with self._changed:
            self._items.popleft()
            self._done += 1
            self._changed.notify_all()

    def pause(self, seconds: float) -> None:
        """Wait for so long, or until the queue is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self.is_closed, seconds)

    def join(self, seconds: float) -> bool:
        """Wait until everything that was put before is done; False when that takes longer."""
        with self._changed:
            target, until = self._put, monotonic() + seconds
            return self._changed.wait_for(lambda: self._done >= target, until - monotonic())

    def close(self) -> None:
        """Take no more."""
        with self._changed:
            self.is_closed = True
            self._changed.notify_all()
