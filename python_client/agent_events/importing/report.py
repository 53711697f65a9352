"""What became of every row: imported, already there, or set aside with its reason."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any, Self, TextIO

from .source import SourceRow

EXAMPLES = 5
MAX_REASONS = 100


class Report:
    """Counts rows while an import runs, in constant memory: rejected rows go to a temporary file.

    rows        read from the source
    imported    events appended by this run
    duplicate   rows that had been imported before, found by their idempotency key
    rejected    rows set aside, each with a reason
    notes       remarks about rows that were mapped all the same, e.g. details kept as text

    A context manager: at its end the temporary file goes.
    """

    def __init__(self) -> None:
        self.rows = 0
        self.imported = 0
        self.duplicate = 0
        self.rejected = 0
        self.imported_types: Counter[str] = Counter()
        self.notes: Counter[str] = Counter()
        self.reasons: dict[str, dict[str, Any]] = {}
        self._spool: TextIO = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 - see __exit__

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._spool.close()

    def reject(self, row: SourceRow, reason: str, detail: str) -> None:
        """Set a row aside."""
        self.rejected += 1
        if reason not in self.reasons and len(self.reasons) >= MAX_REASONS:
            reason = "other reasons"
        entry = self.reasons.setdefault(reason, {"rows": 0, "audit_ids": [], "detail": detail})
        entry["rows"] += 1
        if len(entry["audit_ids"]) < EXAMPLES:
            entry["audit_ids"].append(_printable(row.audit_id))
        line = {
            "audit_id": _printable(row.audit_id),
            "action_id": _printable(row.action_id),
            "timestamp": _printable(row.timestamp),
            "event": _printable(row.event),
            "reason": reason,
            "detail": detail,
        }
        self._spool.write(json.dumps(line) + "\n")

    def check(self) -> None:
        """Raise AssertionError unless every row read is accounted for."""
        accounted = self.imported + self.duplicate + self.rejected
        if accounted != self.rows:
            raise AssertionError(f"{self.rows} rows were read, but {accounted} are accounted for")

    def summary(self) -> dict[str, Any]:
        """Everything but the list of rejected rows; each reason has its first audit_ids."""
        return {
            "rows": self.rows,
            "imported": self.imported,
            "duplicate": self.duplicate,
            "rejected": self.rejected,
            "imported_types": dict(self.imported_types.most_common()),
            "notes": dict(self.notes.most_common()),
            "reasons": dict(sorted(self.reasons.items(), key=lambda item: -item[1]["rows"])),
        }

    def write(self, path: Path, about: dict[str, Any]) -> None:
        """Write `about`, the summary and every rejected row as one JSON file."""
        head = json.dumps({**about, **self.summary()}, indent=2)
        with path.open("w", encoding="utf-8") as file:
            file.write(head.removesuffix("\n}") + ',\n  "rejected_rows": [')
            self._spool.seek(0)
            separator = "\n    "
            for line in self._spool:
                file.write(separator + line.rstrip("\n"))
                separator = ",\n    "
            file.write("\n  ]\n}\n" if self.rejected else "]\n}\n")


def _printable(value: object) -> object:
    if isinstance(value, bytes):
        value = value.decode("utf-8", "backslashreplace")
    return value[:200] if isinstance(value, str) else value
