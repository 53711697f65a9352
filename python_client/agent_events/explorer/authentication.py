"""Who a request is from: nobody asks, HTTP Basic, or what a reverse proxy says."""

from __future__ import annotations

import asyncio
import base64
import binascii
import hashlib
import hmac
import secrets
from abc import ABC, abstractmethod
from ipaddress import ip_address

from starlette.requests import HTTPConnection

from agent_events.explorer.guesses import Guesses

_SCHEME = "scrypt"
_COST = {"n": 2**14, "r": 8, "p": 1}


class Authentication(ABC):
    """Says who a request is from.

    name                as the command calls it
    holds_off_strangers  whether it is enough where other machines can connect
    remedy               what to do where it is not
    challenge            the header WWW-Authenticate of a refusal, None without one
    """

    name: str
    holds_off_strangers: bool
    remedy: str
    challenge: str | None = None

    @abstractmethod
    async def user_of(self, request: HTTPConnection) -> str | None:
        """Return the name of the user, None to refuse.

        Raises:
            TooManyGuesses: whoever asks has guessed too often.
        """


class NoAuthentication(Authentication):
    """Whoever can connect may look: for a page on the own machine. The user has no name."""

    name = "none"
    holds_off_strangers = False
    remedy = "choose --auth basic or --auth proxy"

    async def user_of(self, request: HTTPConnection) -> str | None:
        """Return the empty name."""
        return ""


class BasicAuthentication(Authentication):
    """One user and a password (RFC 7617), given in clear or as `hashed` makes it."""

    name = "basic"
    holds_off_strangers = True
    remedy = ""
    challenge = 'Basic realm="agent-events", charset="UTF-8"'

    def __init__(self, user: str, password: str, guesses: Guesses | None = None) -> None:
        """Raises ValueError where there is no password, or `user` has a colon."""
        if not password or ":" in user:
            raise ValueError("a password is needed, and a user without a colon")
        self._user = user
        self._hash = password if password.startswith(f"{_SCHEME}:") else hashed(password)
        _verify(self._hash, "")  # a malformed one is told now
        self._key = secrets.token_bytes(32)
        self._accepted: bytes | None = None
        self._guesses = guesses or Guesses()
        self._one_at_a_time = asyncio.Lock()

    async def user_of(self, request: HTTPConnection) -> str | None:
        """Return the user where name and password are right.

        The slow hash is computed once for what is right, and for wrong guesses one after the other.
        Who has signed in is let in however many guesses came from the same address.
        """
        header = request.headers.get("authorization")
        if not header:
            return None
        digest = hmac.digest(self._key, header.encode(), "sha256")
        if self._is_accepted(digest):
            return self._user
        host = request.client.host if request.client else ""
        async with self._one_at_a_time:
            if self._is_accepted(digest):
                return self._user
            if self._guesses.is_wrong(host, digest):
                return None
            user, password = _credentials(header)
            is_right = await asyncio.to_thread(_verify, self._hash, password)
            if not (is_right and hmac.compare_digest(user.encode(), self._user.encode())):
                self._guesses.add(host, digest)
                return None
            self._guesses.forget(host)
            self._accepted = digest
        return self._user

    def _is_accepted(self, digest: bytes) -> bool:
        return self._accepted is not None and hmac.compare_digest(digest, self._accepted)


class ProxyAuthentication(Authentication):
    """The user that a reverse proxy names in a header.

    It is believed with the secret that the proxy sends along; without one, only to a proxy on this
    machine.
    """

    name = "proxy"
    remedy = "set AGENT_EVENTS_EXPLORER_PROXY_SECRET, which the proxy has to send"

    def __init__(self, user_header: str, secret_header: str, secret: str | None) -> None:
        self._user_header = user_header
        self._secret_header = secret_header
        self._secret = secret
        self.holds_off_strangers = bool(secret)

    async def user_of(self, request: HTTPConnection) -> str | None:
        """Return who the proxy says it is, None where it says nobody or is not the proxy."""
        if self._secret:
            given = _only(request, self._secret_header)
            if not hmac.compare_digest(given.encode(), self._secret.encode()):
                return None
        elif not _is_this_machine(request):
            return None
        return _only(request, self._user_header) or None


def hashed(password: str) -> str:
    """Return a password as scrypt:SALT:HASH, for a setting that others may read."""
    salt = secrets.token_bytes(16)
    key = hashlib.scrypt(password.encode(), salt=salt, **_COST)
    return f"{_SCHEME}:{base64.b64encode(salt).decode()}:{base64.b64encode(key).decode()}"


def _verify(hash: str, password: str) -> bool:
    try:
        _, salt, key = hash.split(":")
        wanted = base64.b64decode(key, validate=True)
        found = hashlib.scrypt(
            password.encode(), salt=base64.b64decode(salt, validate=True), **_COST
        )
    except (ValueError, binascii.Error) as error:
        raise ValueError("the password is no scrypt:SALT:HASH") from error
    return hmac.compare_digest(found, wanted)


def _credentials(header: str) -> tuple[str, str]:
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    try:
        user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except ValueError:
        return "", ""
    return user, password


def _only(request: HTTPConnection, header: str) -> str:
    """Return a header that comes once: the other of two may be the browser's."""
    given = request.headers.getlist(header)
    return given[0] if len(given) == 1 else ""


def _is_this_machine(request: HTTPConnection) -> bool:
    return request.client is not None and is_loopback(request.client.host)


def is_loopback(host: str) -> bool:
    """Tell whether an address, or the name localhost, is this machine itself."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
