"""read_stream: one aggregate's events in order of sequence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

AnyConnection = psycopg.Connection[Any]


def sequences(pg: AnyConnection, *args: Any, tenant_id: str = "acme") -> list[int]:
    values = ", ".join(["%s"] * len(args))
    rows = pg.execute(
        f"select sequence from ledger.read_stream({values}, tenant_id => %s)", [*args, tenant_id]
    ).fetchall()
    return [row[0] for row in rows]


def test_in_order_across_partitions_and_tiers(history: AnyConnection) -> None:
    rows = history.execute(
        "select sequence, tier from ledger.read_stream('deal', '1', tenant_id => 'acme')"
    ).fetchall()
    assert [row[0] for row in rows] == list(range(1, len(rows) + 1))
    assert [row[1] for row in rows] == sorted(row[1] for row in rows)
    assert {row[1] for row in rows} == {"archive", "hot"}


def test_pages(history: AnyConnection) -> None:
    everything = sequences(history, "deal", "1")
    pages: list[int] = []
    while page := sequences(history, "deal", "1", len(pages) + 1, 17):
        pages += page
    assert pages == everything


def test_streams_are_apart(history: AnyConnection) -> None:
    rows = history.execute(
        """
        select distinct tenant_id, aggregate_type, aggregate_id
        from ledger.read_stream('deal', '0', tenant_id => 'other')
        """
    ).fetchall()
    assert rows == [("other", "deal", "0")]


def test_no_such_stream(history: AnyConnection) -> None:
    for stream in (("deal", "none"), ("none", "1"), (None, None), ("", "")):
        assert sequences(history, *stream) == []


def test_from_the_beginning(history: AnyConnection) -> None:
    for from_sequence in (None, -5, 0, 1):
        assert sequences(history, "deal", "1", from_sequence, 2) == [1, 2]


@pytest.mark.parametrize("page_size", [0, 10_001, None])
def test_page_size_has_limits(pg: AnyConnection, page_size: int | None) -> None:
    with pytest.raises(psycopg.Error) as caught:
        sequences(pg, "deal", "1", 1, page_size)
    assert caught.value.sqlstate == "LG009"


def test_tenant_not_permitted(
    connect: Callable[..., AnyConnection], login_role: Callable[..., str]
) -> None:
    reader = connect(user=login_role("reader", {"acme": ["read"]}))
    assert sequences(reader, "deal", "1") == []
    with pytest.raises(psycopg.Error) as caught:
        sequences(reader, "deal", "1", tenant_id="other")
    assert caught.value.sqlstate == "LG005"
