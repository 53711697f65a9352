"""What is under way to a destination."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Iterator
from typing import Generic, TypeVar

from agent_events.relay.envelope import Outgoing
from agent_events.relay.failures import Refused, Unavailable
from agent_events.relay.transport import Settled

Key = TypeVar("Key", bound=Hashable)

LOOKS = 4  # how often within the time limit


class Flight(Generic[Key]):
    """Messages that were sent and are not settled, oldest first; each is settled once.

    It looks after a destination that has fallen silent, too. One timer watches them all: where the
    oldest message stays the same for `timeout` seconds, `silent` is called, whatever came of
    younger ones.
    """

    def __init__(self, timeout: float, silent: Callable[[], None]) -> None:
        self.timeout = timeout
        self._silent = silent
        self._messages: dict[Key, tuple[Outgoing, Settled]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._oldest: Key | None = None
        self._looks = 0

    def __len__(self) -> int:
        return len(self._messages)

    def __iter__(self) -> Iterator[tuple[Key, Outgoing]]:
        """What is under way now, whatever is settled meanwhile."""
        return iter([(key, outgoing) for key, (outgoing, _) in self._messages.items()])

    def __contains__(self, key: Key) -> bool:
        return key in self._messages

    def add(self, key: Key, outgoing: Outgoing, settled: Settled) -> None:
        self._messages[key] = outgoing, settled
        if self._timer is None:
            self._looks = 0
            self._watch()

    def settle(self, key: Key, failure: Refused | Unavailable | None = None) -> None:
        """Settle one; one that is not (or no longer) under way is none of our business."""
        if found := self._messages.pop(key, None):
            outgoing, settled = found
            settled(outgoing, failure)

    def fail(self, failure: Unavailable) -> None:
        """The connection was lost: settle all, oldest first."""
        lost, self._messages = self._messages, {}
        self._stop()
        for outgoing, settled in lost.values():
            settled(outgoing, failure)

    def _watch(self) -> None:
        self._oldest = next(iter(self._messages))
        self._timer = asyncio.get_running_loop().call_later(self.timeout / LOOKS, self._look)

    def _look(self) -> None:
        self._timer = None
        if not self._messages:
            return
        self._looks = self._looks + 1 if self._oldest in self._messages else 0
        if self._looks >= LOOKS:
            self._silent()
        else:
            self._watch()

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
