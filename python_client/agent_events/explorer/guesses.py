"""Wrong passwords, by the address that they came from: who guesses waits."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from ipaddress import IPv6Address, ip_address
from time import monotonic

MOST = 10
"""Different wrong passwords after which an address has to wait before each further one."""

WAIT = 60.0
"""Seconds that it waits."""

KEPT = 3600.0
"""Seconds after which an address begins anew."""

MOST_ADDRESSES = 10_000
"""The last ones are remembered."""


class TooManyGuesses(Exception):
    """The address has to wait, for some `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"wait for {seconds:.0f} seconds")
        self.seconds = seconds


@dataclass
class _Tries:
    wrong: OrderedDict[bytes, None] = field(default_factory=OrderedDict)
    last: float = 0.0


class Guesses:
    """The wrong passwords of each address, as digests.

    The same one again is no guess: pages that are still open after the password was changed go on
    asking with the old one.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._tries: OrderedDict[str, _Tries] = OrderedDict()

    def is_wrong(self, host: str, digest: bytes) -> bool:
        """Tell whether it is known to be wrong; else one may try it now.

        Raises:
            TooManyGuesses: not now.
        """
        address, now = _address(host), self._clock()
        tries = self._tries.get(address)
        if tries is None:
            return False
        if now - tries.last >= KEPT:
            del self._tries[address]
            return False
        if digest in tries.wrong:
            return True
        if len(tries.wrong) >= MOST and now - tries.last < WAIT:
            raise TooManyGuesses(tries.last + WAIT - now)
        return False

    def add(self, host: str, digest: bytes) -> None:
        """Note a wrong one."""
        address = _address(host)
        tries = self._tries.setdefault(address, _Tries())
        tries.wrong[digest] = None
        tries.last = self._clock()
        self._tries.move_to_end(address)
        if len(tries.wrong) > MOST:
            tries.wrong.popitem(last=False)
        if len(self._tries) > MOST_ADDRESSES:
            self._tries.popitem(last=False)

    def forget(self, host: str) -> None:
        """Let an address begin anew: it knew the right one."""
        self._tries.pop(_address(host), None)


def _address(host: str) -> str:
    """Return what one person has: of IPv6, a network of /64."""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if isinstance(address, IPv6Address) and address.ipv4_mapped is None:
        return str(int(address) >> 64)
    return host
