from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent_events.importing import Report
from agent_events.importing.report import EXAMPLES, MAX_REASONS
from agent_events.importing.source import SourceRow


def row(audit_id: int | bytes) -> SourceRow:
    return SourceRow(audit_id, "a", "2026-01-01", "x", None, None, 0, 1, str(audit_id))


@pytest.fixture
def report() -> Iterator[Report]:
    with Report() as report:
        yield report


def test_the_file_lists_every_rejected_row(report: Report, tmp_path: Path) -> None:
    for audit_id in range(20):
        report.reject(row(audit_id), "no actor", "NULL")
    report.reject(row(b"\xff"), "not UTF-8", "byte 0")
    file = tmp_path / "report.json"
    report.write(file, {"source": "trail"})
    written = json.loads(file.read_text())
    assert written["source"] == "trail"
    assert written["rejected"] == 21
    assert written["reasons"]["no actor"]["audit_ids"] == list(range(EXAMPLES))
    assert [entry["audit_id"] for entry in written["rejected_rows"]] == [*range(20), "\\xff"]


def test_a_file_without_rejected_rows(report: Report, tmp_path: Path) -> None:
    file = tmp_path / "report.json"
    report.write(file, {})
    assert json.loads(file.read_text())["rejected_rows"] == []


def test_too_many_reasons_are_counted_together(report: Report, tmp_path: Path) -> None:
    for audit_id in range(MAX_REASONS + 50):
        report.reject(row(audit_id), f"reason {audit_id}", "")
    assert len(report.reasons) == MAX_REASONS + 1
    assert report.reasons["other reasons"]["rows"] == 50
    file = tmp_path / "report.json"
    report.write(file, {})
    assert json.loads(file.read_text())["rejected_rows"][-1]["reason"] == "other reasons"


def test_a_row_that_is_not_accounted_for_is_an_error(report: Report) -> None:
    report.rows = 2
    report.imported = 1
    with pytest.raises(AssertionError, match="2 rows were read, but 1"):
        report.check()
