"""What no index finds is looked for window by window, to the first event or until time is up."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from cold.partitions import emit_at
from explorer.browsing import Browser
from explorer.conftest import AnyConnection, Emit, Explore

from agent_events.explorer import searching

FURTHER = re.compile(r'rel="next" href="([^"]+)"')
URL = "/events?actor_type=user&actor_id=rare"


def emit_ago(ledger: AnyConnection, ago: timedelta, **given: str) -> None:
    event = {"event_type": "run.paused", "payload": {}, "publish": False, **given}
    emit_at(ledger, (datetime.now(UTC) - ago).isoformat(), [event], "acme")


def rows(browser: Browser, url: str) -> tuple[int, str | None]:
    """How many events a page has, and where it leads."""
    page = browser.get(url)
    assert page.status_code == 200
    found = FURTHER.search(page.text)
    return page.text.count("data-row"), found.group(1).replace("&amp;", "&") if found else None


def test_a_rare_actor_is_found_however_long_ago(
    ledger: AnyConnection, emit: Emit, explore: Explore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searching, "PATIENCE", 60.0)
    for days in (0, 1, 30, 1500):
        emit_ago(ledger, timedelta(days=days, minutes=1), actor_type="user", actor_id="rare")
        emit()
    browser = explore()
    assert rows(browser, URL) == (4, None)
    assert rows(browser, f"{URL}&from={datetime.now(UTC) - timedelta(days=2):%Y-%m-%d}") == (
        2,
        None,
    )
    assert rows(browser, f"{URL}&to={datetime.now(UTC) - timedelta(days=2):%Y-%m-%d}") == (2, None)


def test_pages_of_a_frequent_actor_are_as_full_as_others(
    ledger: AnyConnection, explore: Explore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searching, "PATIENCE", 60.0)
    for hour in range(70):
        emit_ago(ledger, timedelta(hours=hour), actor_type="user", actor_id="rare")
    browser = explore()
    count, older = rows(browser, URL)
    assert count == searching.PAGE_SIZE
    assert older is not None
    assert "after=" in older
    assert rows(browser, older) == (20, None)


def test_when_time_is_up_the_page_says_how_far_it_looked_and_goes_on_from_there(
    ledger: AnyConnection, explore: Explore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searching, "PATIENCE", 0.0)
    emit_ago(ledger, timedelta(minutes=30), actor_type="user", actor_id="rare")
    emit_ago(ledger, timedelta(minutes=90), actor_type="user", actor_id="rare")
    emit_ago(ledger, timedelta(hours=9))
    browser = explore()
    count, further = rows(browser, URL)
    assert count == 1
    assert further is not None
    assert "back=" in further
    assert "The search went back to" in browser.get(URL).text
    count, further = rows(browser, further)
    assert count == 1
    assert further is not None
    count, further = rows(browser, further)
    assert (count, further is not None) == (0, True)
    assert "Nothing so far" in browser.get(further or "").text


def test_nothing_is_looked_for_before_the_first_event(
    ledger: AnyConnection, explore: Explore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(searching, "PATIENCE", 0.0)
    emit_ago(ledger, timedelta(minutes=30))
    browser = explore()
    assert rows(browser, URL) == (0, None)
    assert "No event matches" in browser.get(URL).text


def test_ids_of_any_time_are_taken(ledger: AnyConnection, explore: Explore) -> None:
    emit_ago(ledger, timedelta(minutes=1), actor_type="user", actor_id="rare")
    browser = explore()
    future = "ffffffff-ffff-7000-8000-000000000000"
    assert browser.get(f"{URL}&after={future}").status_code == 200
    assert browser.get(f"{URL}&after=01000000-0000-7000-8000-000000000000").status_code == 200
    assert browser.get(f"{URL}&from=0001-01-01&to=1960-01-01").status_code == 200
    assert browser.get(f"{URL}&from=2030-01-01&to=2020-01-01").status_code == 200
