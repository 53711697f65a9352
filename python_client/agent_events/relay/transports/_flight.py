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


class Silence:
    """Looks after a destination that may fall silent, with one timer for all that is under way.

    Where what is oldest stays the same for `timeout` seconds, `silent` is called, whatever came of
    the younger; it must leave nothing under way.

    Args:
        timeout: in seconds.
        oldest: returns what is under way for longest; None: nothing is.
        silent: is called when it is given up.
    """

    def __init__(
        self, timeout: float, oldest: Callable[[], Hashable | None], silent: Callable[[], None]
    ) -> None:
        self.timeout = timeout
        self._oldest = oldest
        self._silent = silent
        self._timer: asyncio.TimerHandle | None = None
        self._seen: Hashable | None = None
        self._looks = 0

    def watch(self) -> None:
        """Something is under way: look, until nothing is."""
        if self._timer is None:
            self._looks = 0
            self._look_again()

    def stop(self) -> None:
        """Nothing is under way any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look_again(self) -> None:
        self._seen = self._oldest()
        self._timer = asyncio.get_running_loop().call_later(self.timeout / LOOKS, self._look)

    def _look(self) -> None:
        self._timer = None
        if (oldest := self._oldest()) is None:
            return
        self._looks = self._looks + 1 if oldest == self._seen else 0
        if self._looks >= LOOKS:
            self._silent()
        else:
            self._look_again()


class Flight(Generic[Key]):
    """Messages that were sent and are not settled, oldest first; each is settled once.

    Where the oldest stays the same for `timeout` seconds, `silent` is called.
    """

    def __init__(self, timeout: float, silent: Callable[[], None]) -> None:
        self.timeout = timeout
        self._messages: dict[Key, tuple[Outgoing, Settled]] = {}
        self._silence = Silence(timeout, lambda: next(iter(self._messages), None), silent)

    def __len__(self) -> int:
        return len(self._messages)

    def __iter__(self) -> Iterator[tuple[Key, Outgoing]]:
        """What is under way now, whatever is settled meanwhile."""
        return iter([(key, outgoing) for key, (outgoing, _) in self._messages.items()])

    def __contains__(self, key: Key) -> bool:
        return key in self._messages

    def add(self, key: Key, outgoing: Outgoing, settled: Settled) -> None:
        self._messages[key] = outgoing, settled
        if len(self._messages) == 1:
            self._silence.watch()

    def settle(self, key: Key, failure: Refused | Unavailable | None = None) -> None:
        """Settle one; one that is not (or no longer) under way is none of our business."""
        if found := self._messages.pop(key, None):
            outgoing, settled = found
            settled([outgoing], failure)

    def fail(self, failure: Unavailable) -> None:
        """The connection was lost: settle all, oldest first."""
        lost, self._messages = self._messages, {}
        self._silence.stop()
        for outgoing, settled in lost.values():
            settled([outgoing], failure)
