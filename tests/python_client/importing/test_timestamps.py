from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent_events.importing.timestamps import BadTimestamp, parse_timestamp

MOMENT = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
SECONDS = int(MOMENT.timestamp())


@pytest.mark.parametrize(
    "value",
    [
        "2026-03-04T05:06:07Z",
        "2026-03-04T05:06:07+00:00",
        "2026-03-04T07:06:07+02:00",
        "2026-03-04 05:06:07",
        " 2026-03-04 05:06:07.000 UTC ",
        "20260304T050607Z",
        "2026/03/04 05:06:07",
        "20260304050607",
        "Wed, 04 Mar 2026 05:06:07 +0000",
        SECONDS,
        float(SECONDS),
        str(SECONDS),
        f"{SECONDS}.0",
        SECONDS * 10**3,
        SECONDS * 10**6,
        SECONDS * 10**9,
    ],
)
def test_every_known_form_is_read(value: object) -> None:
    assert parse_timestamp(value) == MOMENT


@pytest.mark.parametrize("value", ["2026-03-04", "20260304", "2026/03/04"])
def test_a_day_is_its_midnight(value: str) -> None:
    assert parse_timestamp(value) == datetime(2026, 3, 4, tzinfo=UTC)


def test_a_fraction_is_kept_to_the_microsecond() -> None:
    expected = MOMENT.replace(microsecond=123456)
    assert parse_timestamp("2026-03-04T05:06:07.123456Z") == expected
    assert parse_timestamp(SECONDS * 10**6 + 123456) == expected
    assert parse_timestamp(SECONDS * 10**3 + 123) == MOMENT.replace(microsecond=123000)


def test_a_time_without_offset_is_in_the_given_zone() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    assert parse_timestamp("2026-03-04 06:06:07", berlin) == MOMENT
    assert parse_timestamp("2026-03-04T05:06:07Z", berlin) == MOMENT


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "  ",
        "N/A",
        "yesterday",
        "0000-00-00 00:00:00",
        "2026-02-30",
        "04/03/2026",
        0,
        -1,
        42,
        20260304,
        10**25,
        float("inf"),
        float("nan"),
        "9" * 400,
        b"2026-03-04",
        True,
    ],
)
def test_what_would_be_a_guess_is_refused(value: object) -> None:
    with pytest.raises(BadTimestamp):
        parse_timestamp(value)


@given(st.one_of(st.text(), st.integers(), st.floats(), st.binary(), st.none()))
def test_any_value_is_a_utc_time_or_bad(value: object) -> None:
    with suppress(BadTimestamp):
        assert parse_timestamp(value).tzinfo is UTC
