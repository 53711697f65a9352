"""Show a report on a terminal."""

from __future__ import annotations

from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from .report import Report


def view(report: Report, file: Path | None = None, *, dry_run: bool = False) -> Group:
    """Say what became of the rows: the sum, why rows were rejected, and remarks."""
    imported = "would be imported" if dry_run else "imported"
    total = (
        f"{report.rows:,} rows read = {report.imported:,} {imported} "
        f"+ {report.duplicate:,} already there + {report.rejected:,} rejected"
    )
    parts: list[RenderableType] = [total]
    if report.reasons:
        parts.append(_reasons(report))
    for note, rows in report.notes.most_common():
        parts.append(Text(f"note: {rows:,} rows: {note}", "dim"))
    if file is not None:
        parts.append(Text(f"every rejected row: {file}", overflow="fold"))
    return Group(*parts)


def _reasons(report: Report) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column("rows", justify="right")
    table.add_column("rejected because")
    table.add_column("audit_id")
    for reason, entry in report.summary()["reasons"].items():
        audit_ids = ["NULL" if known is None else str(known) for known in entry["audit_ids"]]
        if entry["rows"] > len(audit_ids):
            audit_ids.append("…")
        table.add_row(f"{entry['rows']:,}", escape(reason), escape(", ".join(audit_ids)))
    return table
