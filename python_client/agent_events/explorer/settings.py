"""What the explorer is started with."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta

from agent_events.explorer.authentication import Authentication, NoAuthentication, is_loopback
from agent_events.proofs.note import VerifierKey

HOST = "127.0.0.1"
PORT = 8750


class UnsafeSettings(Exception):
    """What was asked for would show the ledger to whoever asks; the message says what to do."""


@dataclass(frozen=True)
class Settings:
    """Where the ledger is, where to listen, and who may look.

    dsn                resolved connection string of the login role whose grants decide
    role               role to act as instead (SET ROLE), None = the login role
    authentication     how a request says who it is from
    public_hosts       names, without port, by which a proxy in front is reached
    statement_timeout  how long a question to the database may take
    anchors            URLs of where signed checkpoints are kept, as `anchors.open_store` takes them
    keys               whose signatures on them count
    """

    dsn: str
    host: str = HOST
    port: int = PORT
    role: str | None = None
    authentication: Authentication = field(default_factory=NoAuthentication)
    public_hosts: tuple[str, ...] = ()
    statement_timeout: timedelta = timedelta(seconds=3)
    anchors: tuple[str, ...] = ()
    keys: tuple[VerifierKey, ...] = ()

    def __post_init__(self) -> None:
        """Refuse to serve others than this machine without knowing who they are.

        Raises:
            UnsafeSettings: nobody would have to say who they are, or anybody could lie about it.
        """
        if not self.is_local and not self.authentication.holds_off_strangers:
            raise UnsafeSettings(
                f"{self.host} can be reached from other machines: {self.authentication.remedy}, "
                f"or listen on {HOST}"
            )

    @property
    def is_local(self) -> bool:
        """Whether only this machine reaches it."""
        return is_loopback(self.host)
