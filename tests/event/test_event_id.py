"""event_id and event_time: UUIDv7 ids that hold created_at to the microsecond."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
END = datetime(2200, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def expected_id(created_at: datetime, rest: UUID) -> UUID:
    """RFC 9562, section 6.2, method 3: the fraction of the millisecond in the 12 bits of rand_a."""
    milliseconds, microseconds = divmod((created_at - EPOCH) // MICROSECOND, 1000)
    high = milliseconds << 16 | 7 << 12 | microseconds * 4096 // 1000
    return UUID(int=high << 64 | rest.int & (2**64 - 1))


def boundaries() -> list[datetime]:
    """Where bits carry, floats lose precision, and calendars turn."""
    seconds = [0, 2**31, 2**32, 2**32 + 123_456_789, 2**52 // 10**6, 951_782_400, 1_735_689_600]
    around = [timedelta(microseconds=m) for m in (-1000, -999, -1, 0, 1, 243, 244, 499, 500, 999)]
    times = [EPOCH + timedelta(seconds=s) + m for s in seconds for m in around]
    return [time for time in times if time >= EPOCH] + [END - MICROSECOND]


def random_times(count: int) -> list[datetime]:
    span = (END - EPOCH) // MICROSECOND
    return [EPOCH + random.randrange(span) * MICROSECOND for _ in range(count)]


@pytest.mark.parametrize("zone", ["UTC", "America/St_Johns", "Asia/Kathmandu"])
def test_every_microsecond_is_kept(pg: psycopg.Connection[Any], zone: str) -> None:
    pg.execute("select set_config('TimeZone', %s, false)", [zone])
    times = boundaries() + random_times(10_000)
    rests = [uuid4() for _ in times]
    rows = pg.execute(
        """
        select created_at, random, id, ledger.event_time(id) = created_at
        from unnest(%s::timestamptz[], %s::uuid[]) as given (created_at, random),
        ledger.event_id(created_at, random) as id
        """,
        [times, rests],
    ).fetchall()
    assert len(rows) == len(times)
    for created_at, rest, event_id, is_kept in rows:
        assert is_kept, created_at
        assert event_id == expected_id(created_at, rest)
        assert event_id.version == 7


def test_a_thousand_microseconds_in_a_row_sort_as_their_ids(pg: psycopg.Connection[Any]) -> None:
    row = pg.execute(
        """
        select array_agg(id order by id) = array_agg(id order by created_at), count(distinct id)
        from generate_series(0, 2999) as n,
        lateral (
          select '2106-02-07 06:28:15.9985Z'::timestamptz + n * interval '1 us' as created_at
        ) as t,
        ledger.event_id(created_at, gen_random_uuid()) as id
        """
    ).fetchone()
    assert row == (True, 3000)


@pytest.mark.parametrize(
    "other",
    [
        "00000000-0000-0000-0000-000000000000",
        "ffffffff-ffff-ffff-ffff-ffffffffffff",
        "01972b7c-ec95-4031-937f-da1fc6e8a695",
        "01972b7c-ec95-7031-c37f-da1fc6e8a695",
        "01972b7c-ec95-7031-137f-da1fc6e8a695",
    ],
)
def test_a_uuid_of_another_kind_has_no_time(pg: psycopg.Connection[Any], other: str) -> None:
    assert pg.execute("select ledger.event_time(%s)", [other]).fetchone() == (None,)


def test_the_last_possible_version_7_uuid_has_a_time(pg: psycopg.Connection[Any]) -> None:
    row = pg.execute(
        "select ledger.event_time('ffffffff-ffff-7fff-bfff-ffffffffffff') > '10889-01-01Z'"
    ).fetchone()
    assert row == (True,)


def test_null_in_null_out(pg: psycopg.Connection[Any]) -> None:
    row = pg.execute(
        """
        select ledger.event_id(null, gen_random_uuid()), ledger.event_id(now(), null),
          ledger.event_time(null)
        """
    ).fetchone()
    assert row == (None, None, None)
