"""Events are found in files as they are in the database."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from cold_files.forging import rewrite
from cold_files.ledgers import CORRELATION, JUNE, MAY, Ledger, archive

from agent_events import Event
from agent_events import Ledger as Client
from agent_events.cold.errors import ColdError, UnreadableFile
from agent_events.cold.search import find_events

FILTERS: list[dict[str, Any]] = [
    {},
    {"aggregate_type": "deal", "aggregate_id": "1"},
    {"aggregate_type": "deal", "aggregate_id": "1", "newest_first": False, "page_size": 3},
    {"event_types": ["run.paused"]},
    {"event_types": ["run.paused", "other"], "page_size": 7},
    {"event_types": ["other"]},
    {"event_types": []},
    {"action_prefix": "run."},
    {"action_prefix": "runs"},
    {"actor_type": "user"},
    {"actor_id": "nobody"},
    {"outcome": "partial"},
    {"run_id": UUID(int=0)},
    {"from_time": datetime(2021, 5, 31, tzinfo=UTC)},
    {"to_time": datetime(2021, 5, 31, tzinfo=UTC), "newest_first": False},
    {"from_time": datetime(2021, 6, 1, tzinfo=UTC), "to_time": datetime(2021, 6, 15, tzinfo=UTC)},
    {"from_time": datetime(2030, 1, 1, tzinfo=UTC)},
    {"newest_first": False, "page_size": 65},
]


@pytest.fixture
def files(ledger: Ledger) -> Ledger:
    """All of acme's events are in two files, and still in the archive."""
    archive(ledger.pg, JUNE)
    ledger.export()
    ledger.export(JUNE)
    return ledger


def in_database(ledger: Ledger, **filters: Any) -> list[Event]:
    end = {"to_time": datetime(2021, 7, 1, tzinfo=UTC)}
    return Client(ledger.pg).find_events(**{**end, **filters})


def in_files(ledger: Ledger, **filters: Any) -> list[Event]:
    found = list(find_events(ledger.folder, **filters))
    assert {event.tier for event in found} <= {"cold"}
    return [replace(event, tier="archive") for event in found]


@pytest.mark.parametrize("filters", FILTERS, ids=repr)
def test_as_in_the_database(files: Ledger, filters: dict[str, Any]) -> None:
    given = {"page_size": 100, **filters, "tenant_id": "acme"}
    assert in_files(files, **given) == in_database(files, **given)


def test_times_that_python_does_not_know(files: Ledger) -> None:
    found = {
        event.occurred_at
        for event in find_events(files.folder, tenant_id="globex")
        if isinstance(event.occurred_at, str)
    }
    assert len(found) == 2


def test_other_filters(files: Ledger) -> None:
    for name in ("correlation_id", "deal_id"):
        found = list(find_events(files.folder, tenant_id="globex", **{name: UUID(CORRELATION)}))
        assert found
        assert {str(getattr(event, name)) for event in found} == {CORRELATION}
    one = found[0]
    assert list(find_events(files.folder, tenant_id="globex", trace_id=one.trace_id)) == [one]


def test_pages_are_the_whole(files: Ledger) -> None:
    for newest_first in (True, False):
        pages: list[Event] = []
        after_id = None
        while page := in_files(
            files, tenant_id="acme", page_size=13, after_id=after_id, newest_first=newest_first
        ):
            pages += page
            after_id = page[-1].id
        assert pages == in_database(
            files, tenant_id="acme", page_size=1000, newest_first=newest_first
        )
        assert len(pages) == 94


def test_the_default_tenant(files: Ledger) -> None:
    assert list(find_events(files.folder)) == []


def test_one_file(files: Ledger) -> None:
    assert len(list(find_events(files.data, tenant_id="acme"))) == 64
    assert len(list(find_events(files.manifest_file, tenant_id="acme"))) == 64


def test_a_forged_event_is_not_shown(files: Ledger) -> None:
    def forged(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        rows[7]["payload"] = '{"n": "forged"}'
        return rows

    rewrite(files, forged)
    with pytest.raises(UnreadableFile, match="the event at position 7 is not what its hash says"):
        list(find_events(files.folder, tenant_id="acme"))


def test_a_damaged_page(files: Ledger) -> None:
    data = bytearray(files.data.read_bytes())
    data[200] ^= 1
    files.data.write_bytes(data)
    with pytest.raises(UnreadableFile, match="cannot be read"):
        list(find_events(files.folder, tenant_id="acme"))


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(ColdError, match="there is no cold file in"):
        list(find_events(tmp_path))


@pytest.mark.parametrize("content", [b"", b"PAR1 nothing PAR1"])
def test_a_file_that_is_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / f"{MAY}.parquet").write_bytes(content)
    with pytest.raises(UnreadableFile, match="is no Parquet file"):
        list(find_events(tmp_path))
