"""Import a legacy audit trail in batches, each its own transaction: it may be killed at any time.

Every row carries an idempotency key made of the source's name and its audit_id. Running the import
again therefore appends what is missing and nothing twice, wherever the last run ended.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import psycopg
from psycopg import Connection
from psycopg.errors import DeadlockDetected, LockNotAvailable, SerializationFailure

from .. import errors
from .._sync import Ledger
from ..models import Receipt
from .report import Report
from .source import SourceRow
from .transform import MappedRow, Rejected, Transformer

MAX_BATCH_CHARACTERS = 8 * 1024 * 1024
ATTEMPTS = 5

# What may be wrong with one row. Everything else (no permission, no partition, connection lost)
# would refuse every row, so it ends the import.
ROW_ERRORS = (errors.UnknownEventType, errors.InvalidPayload, errors.InvalidArgument)
ROW_SQLSTATE_CLASSES = ("22", "23", "54")
PASSING_ERRORS = (DeadlockDetected, LockNotAvailable, SerializationFailure)


class Importer:
    """Sends mapped rows to a ledger. The connection must be in autocommit mode; it stays open."""

    def __init__(
        self,
        connection: Connection[Any],
        transform: Transformer,
        report: Report,
        *,
        tenant_id: str | None = None,
        batch_size: int = 1000,
        dry_run: bool = False,
    ) -> None:
        self.report = report
        self._connection = connection
        self._ledger = Ledger(connection)
        self._transform = transform
        self._tenant_id = tenant_id
        self._batch_size = batch_size
        self._dry_run = dry_run

    def run(self, rows: Iterable[SourceRow]) -> None:
        """Import all rows; afterwards the report accounts for each of them.

        A dry run does everything, the ledger's own checks included, and rolls every batch back.

        Raises SourceError when the file cannot be read on, errors.LedgerError and psycopg.Error
        for what is not the fault of a row.
        """
        for batch in self._batches(self._mapped(rows)):
            self._send(batch)
        self.report.check()

    def _mapped(self, rows: Iterable[SourceRow]) -> Iterator[MappedRow]:
        for row in rows:
            self.report.rows += 1
            try:
                mapped = self._transform(row)
            except Rejected as rejected:
                self.report.reject(row, rejected.reason, rejected.detail)
                continue
            self.report.notes.update(mapped.notes)
            yield mapped

    def _batches(self, rows: Iterable[MappedRow]) -> Iterator[list[MappedRow]]:
        batch: list[MappedRow] = []
        characters = 0
        for mapped in rows:
            batch.append(mapped)
            characters += mapped.row.details_length
            if len(batch) >= self._batch_size or characters >= MAX_BATCH_CHARACTERS:
                yield batch
                batch, characters = [], 0
        if batch:
            yield batch

    def _send(self, batch: list[MappedRow]) -> None:
        """Emit a batch; when it is refused, emit its halves, until the bad rows stand alone."""
        try:
            receipts = self._emit(batch)
        except (errors.LedgerError, psycopg.Error, UnicodeEncodeError, RecursionError) as error:
            if (reason := _fault_of_a_row(error)) is None:
                raise
            if len(batch) > 1:
                middle = len(batch) // 2
                self._send(batch[:middle])
                self._send(batch[middle:])
            else:
                self.report.reject(batch[0].row, *reason)
            return
        for mapped, receipt in zip(batch, receipts, strict=True):
            if receipt.duplicate:
                self.report.duplicate += 1
            else:
                self.report.imported += 1
                self.report.imported_types[mapped.event["event_type"]] += 1

    def _emit(self, batch: list[MappedRow], attempts: int = ATTEMPTS) -> list[Receipt]:
        try:
            with self._connection.transaction(force_rollback=self._dry_run):
                return self._ledger.emit_events(
                    [mapped.event for mapped in batch], tenant_id=self._tenant_id
                )
        except PASSING_ERRORS:
            if attempts == 1:
                raise
            return self._emit(batch, attempts - 1)


def _fault_of_a_row(error: Exception) -> tuple[str, str] | None:
    """Return (reason, detail) when another row might be accepted; None when none would."""
    if isinstance(error, ROW_ERRORS):
        return f"refused ({error.sqlstate}): {error.message}"[:120], error.detail or error.message
    if isinstance(error, psycopg.Error):
        diag = error.diag
        if not (diag.sqlstate or "").startswith(ROW_SQLSTATE_CLASSES):
            return None
        detail = f"{diag.message_primary} {diag.message_detail or ''}".strip()
        if diag.sqlstate == "22P05":
            return "NUL character", detail
        return f"refused ({diag.sqlstate}): {diag.message_primary}"[:120], detail
    if isinstance(error, UnicodeEncodeError):
        return "half of a surrogate pair", str(error.reason)
    if isinstance(error, RecursionError):
        return "details nested too deeply", str(error)
    return None
