"""Read the time of an audit row, in whatever form the legacy application wrote it."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, tzinfo
from email.utils import parsedate_to_datetime

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# A bare number is a time only between 1980 and 2100. The four ranges do not overlap, and neither 0
# nor 20240131 falls into one of them.
EARLIEST_SECOND = 315_532_800
LATEST_SECOND = 4_102_444_800
UNITS = {"seconds": 1, "milliseconds": 10**3, "microseconds": 10**6, "nanoseconds": 10**9}

NUMBER = re.compile(r"\d+(\.\d+)?")
# Year first only: 02/01/2024 is a different day for different readers, so it is refused.
STRPTIME_FORMATS = ("%Y%m%d%H%M%S", "%Y/%m/%d %H:%M:%S.%f", "%Y/%m/%d %H:%M:%S", "%Y/%m/%d")


class BadTimestamp(ValueError):
    """The value is no time that can be read without guessing."""


def parse_timestamp(value: object, default_timezone: tzinfo = UTC) -> datetime:
    """Return the time as an aware datetime in UTC.

    Reads ISO 8601 (RFC 3339, with a space or a T, date only, ` UTC` suffix), RFC 2822,
    `2024/01/31 …`, `20240131120000`, and Unix time in seconds, milliseconds, microseconds or
    nanoseconds as number or text. A time without offset is in `default_timezone`.

    Raises BadTimestamp for everything else.
    """
    if isinstance(value, bool) or value is None:
        raise BadTimestamp("no timestamp")
    if isinstance(value, (int, float)):
        return _from_number(str(value) if isinstance(value, int) else repr(value))
    if not isinstance(value, str) or not value.strip():
        raise BadTimestamp("no timestamp")
    text = value.strip()
    if NUMBER.fullmatch(text) and len(text) not in (8, 14):
        return _from_number(text)
    for read in READERS:
        try:
            return _in_utc(read(text), default_timezone)
        except (ValueError, OverflowError, TypeError):
            continue
    raise BadTimestamp(f"not a timestamp: {text[:60]!r}")


def microseconds(moment: datetime) -> int:
    """Microseconds since 1970: what rows are ordered by."""
    return (moment - EPOCH) // timedelta(microseconds=1)


def _from_number(text: str) -> datetime:
    try:
        number = float(text)
        for factor in UNITS.values():
            if EARLIEST_SECOND * factor <= number < LATEST_SECOND * factor:
                return EPOCH + timedelta(microseconds=_scaled(text, factor))
    except (ValueError, OverflowError):
        pass
    raise BadTimestamp(f"not a Unix time between 1980 and 2100: {text[:60]}")


def _scaled(text: str, factor: int) -> int:
    """Microseconds, computed on integers where there is no fraction: a float loses digits."""
    if text.isdigit():
        return int(text) * 10**6 // factor
    return round(float(text) * 10**6 / factor)


def _from_iso(text: str) -> datetime:
    if text.upper().endswith((" UTC", " GMT")):
        text = text[:-4].rstrip() + "Z"
    return datetime.fromisoformat(text)


def _reader(form: str) -> Callable[[str], datetime]:
    return lambda text: datetime.strptime(text, form)


def _in_utc(moment: datetime, default_timezone: tzinfo) -> datetime:
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=default_timezone)
    return moment.astimezone(UTC)


READERS = (_from_iso, *map(_reader, STRPTIME_FORMATS), parsedate_to_datetime)
