"""Prints the messages of the outbox as JSON lines, read from the WAL: see docs/cdc.md.

    python consumer.py "dbname=app user=ledger_cdc"

Whole transactions, in the order of their commits. Put your own delivery where it prints. Each
message comes at least once: keep its id where it goes to.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from struct import Struct
from typing import Any, NamedTuple

import psycopg

SLOT = "ledger_outbox"
PUBLICATION = "ledger_outbox"
MOST = 1000  # rows a look; transactions come whole, so it may be more
WRITTEN = "select pg_current_wal_flush_lsn()"
PEEK = """
    select data from pg_logical_slot_peek_binary_changes(
      %s, %s, %s, 'proto_version', '1', 'publication_names', %s
    )
"""
ADVANCE = "select pg_replication_slot_advance(%s, %s)"

BYTE, SHORT, INT, LONG = Struct("!c"), Struct("!h"), Struct("!I"), Struct("!Q")

Message = dict[str, str | None]  # column of ledger.outbox -> its text


class Transaction(NamedTuple):
    """What one commit added to the outbox."""

    messages: list[Message]
    end: str  # LSN that the slot moves to once these are delivered


class Change:
    """One message of the logical replication protocol, read from the left."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def number(self, form: Struct) -> Any:
        """The next number, of that size."""
        (value,) = form.unpack_from(self.data, self.at)
        self.at += form.size
        return value

    def name(self) -> str:
        """The next text that ends with a zero."""
        end = self.data.index(b"\0", self.at)
        value = self.data[self.at : end].decode()
        self.at = end + 1
        return value

    def columns(self) -> list[str]:
        """Names, from a description of a table."""
        self.name(), self.name(), self.number(BYTE)  # schema, table, replica identity
        found = []
        for _ in range(self.number(SHORT)):
            self.number(BYTE)  # part of the key?
            found.append(self.name())
            self.number(INT), self.number(INT)  # type and modifier
        return found

    def values(self) -> list[str | None]:
        """The new row, each value as text."""
        self.number(BYTE)  # N
        return [self.value() for _ in range(self.number(SHORT))]

    def value(self) -> str | None:
        """NULL, or a text with its length."""
        if self.number(BYTE) == b"n":
            return None
        size = self.number(INT)
        self.at += size
        return self.data[self.at - size : self.at].decode()


def decode(changes: Iterable[bytes]) -> Iterator[Transaction]:
    """What pgoutput says (protocol version 1), as transactions."""
    tables: dict[int, list[str]] = {}
    messages: list[Message] = []
    for data in changes:
        change = Change(data)
        match change.number(BYTE):
            case b"B":  # begin
                messages = []
            case b"R":  # a table, before its first row
                table = change.number(INT)
                tables[table] = change.columns()
            case b"I":  # insert
                names = tables[change.number(INT)]
                messages.append(dict(zip(names, change.values(), strict=True)))
            case b"C":  # commit
                change.number(BYTE), change.number(LONG)  # flags, where the commit begins
                end = change.number(LONG)
                yield Transaction(messages, f"{end >> 32:X}/{end & 0xFFFFFFFF:X}")


def take(
    connection: psycopg.Connection[Any],
    deliver: Callable[[Message], object],
    slot: str = SLOT,
    publication: str = PUBLICATION,
) -> int:
    """Deliver what is there and let the WAL go; how many messages. Needs autocommit."""
    (end,) = connection.execute(WRITTEN).fetchone() or ("0/0",)
    changes = connection.execute(PEEK, [slot, end, MOST, publication]).fetchall()
    count = 0
    for transaction in decode(data for (data,) in changes):
        for message in transaction.messages:
            deliver(message)
            count += 1
        end = transaction.end
    # Without a message, too: what others write would be kept for this slot for ever.
    connection.execute(ADVANCE, [slot, end])
    return count


def main() -> None:
    """Go on for ever."""
    with psycopg.connect(sys.argv[1], autocommit=True) as connection:
        connection.execute("set timezone = 'UTC'")  # created_at comes as the session writes it
        while True:
            if not take(connection, lambda message: print(json.dumps(message), flush=True)):
                time.sleep(0.2)


if __name__ == "__main__":
    main()
