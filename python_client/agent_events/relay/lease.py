"""What the engine holds of one tenant while nobody else may deliver for it."""

from __future__ import annotations

from asyncio import Lock
from collections.abc import Callable, Sequence
from time import monotonic

from agent_events.relay.envelope import Outgoing
from agent_events.relay.failures import Refused, Unavailable
from agent_events.relay.message import Message
from agent_events.relay.window import Window

FIRST_PAUSE = 0.01
"""Seconds until the next look, where there was something."""

LONGEST_PAUSE = 0.5
"""Seconds between two looks, at most, while there is nothing."""


class Pace:
    """When to look again: soon where there was something, ever later where there was nothing.

    A look that takes long is followed by twice its time, so that at most a third of it goes there.
    """

    def __init__(self) -> None:
        self.next_at = 0.0
        self._pause = FIRST_PAUSE

    def is_due(self, now: float) -> bool:
        """Tell whether it is time."""
        return now >= self.next_at

    def found(self, began: float, *, is_more: bool) -> None:
        """There was something; is_more: and surely there is more."""
        now = monotonic()
        self._pause = FIRST_PAUSE
        self.next_at = now if is_more else now + max(FIRST_PAUSE, 2 * (now - began))

    def found_nothing(self, began: float) -> None:
        """There was nothing."""
        now = monotonic()
        self.next_at = now + max(self._pause, 2 * (now - began))
        self._pause = min(LONGEST_PAUSE, 2 * self._pause)


class Lease:
    """A tenant's messages, from claim to confirmation.

    Args:
        length: of the lease, in seconds.
        changed: is told that something was settled.

    is_short   the last claim brought all there was
    is_ending  nothing more is claimed under it
    delivered  and not counted yet, with `latencies` from sending to acknowledgement in seconds
    """

    def __init__(
        self,
        tenant_id: str,
        token: int,
        *,
        length: float,
        keeps_order: bool,
        changed: Callable[[Lease, Unavailable | None], None],
    ) -> None:
        self.tenant_id = tenant_id
        self.token = token
        self.window = Window(keeps_order=keeps_order)
        self.pace = Pace()
        # Held while messages are claimed and read, refused or given back: the database decides for
        # all that was handed out, so what was handed out must be in the window.
        self.lock = Lock()
        self.began = monotonic()
        self.is_short = False
        self.is_ending = False
        self.delivered = 0
        self.latencies: list[float] = []
        self.refused: list[tuple[Message, Refused]] = []
        self._length = length
        self._changed = changed
        self.renewed(self.began)

    def renewed(self, at: float) -> None:
        """It lasts from then on: from when the statement was sent, to be on the safe side."""
        self.expires_at = at + self._length
        self.renew_at = at + self._length / 3

    @property
    def is_drained(self) -> bool:
        """Nothing is left to do: it may be given back."""
        return (self.is_short or self.is_ending) and self.window.is_idle

    def settle(self, batch: Sequence[Outgoing], failure: Refused | Unavailable | None) -> None:
        """Take down what became of messages; for the transport to call."""
        messages = [outgoing.message for outgoing in batch]
        if failure is None:
            sent_at = self.window.deliver(messages)
            now = monotonic()
            self.delivered += len(sent_at)
            self.latencies += [now - at for at in sent_at]
            self._changed(self, None)
        elif isinstance(failure, Unavailable):
            self.window.put_back(messages)
            self._changed(self, failure)
        else:
            for message in messages:
                self.refuse(message, failure)

    def refuse(self, message: Message, failure: Refused) -> None:
        """Take down that a message was refused; the database has to be told."""
        if self.window.refuse(message):
            self.refused.append((message, failure))
        self._changed(self, None)
