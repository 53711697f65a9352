"""Slow pages wait for each other, not the quick ones for them."""

from __future__ import annotations

from datetime import timedelta
from time import sleep

import pytest
from explorer.conftest import AnyConnection, Emit, Explore
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from agent_events.explorer import database
from agent_events.explorer.database import LANES, reading

LOCK = 7308
MANY = 60
PATIENT = {"statement_timeout": timedelta(minutes=2)}


async def search_long(request: Request) -> Response:
    """Search until the test lets go."""
    async with reading(request, lane="search") as reader:
        await reader.rows("select pg_advisory_xact_lock_shared(%(lock)s)", lock=LOCK)
    return PlainTextResponse("found")


ROUTES = [Route("/long", search_long)]


def test_quick_pages_do_not_wait_for_slow_ones(
    ledger: AnyConnection, emit: Emit, explore: Explore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "LONGEST_TURN", 0.2)
    event = emit()
    browser = explore(settings=PATIENT, routes=ROUTES)
    ledger.execute("select pg_advisory_lock(%s)", [LOCK])

    def let_go() -> None:
        sleep(5 * database.LONGEST_TURN)
        ledger.execute("select pg_advisory_unlock(%s)", [LOCK])

    quick, slow = browser.get_after(["/long"] * MANY, "/events", let_go)
    assert str(event) in quick.text
    found = [answer for answer in slow if answer.status_code == 200]
    busy = [answer for answer in slow if answer.status_code == 503]
    assert len(found) + len(busy) == MANY
    assert len(found) >= LANES["search"]
    assert busy
    for answer in busy:
        assert answer.headers["retry-after"] == "2"
        assert "Too many slow pages at once" in answer.text
    assert browser.get("/long").status_code == 200


def test_what_no_index_finds_is_a_slow_search(
    emit: Emit, explore: Explore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "LONGEST_TURN", 0.05)
    event = emit(outcome="failure")
    part = {"HX-Request": "true"}
    for lane in LANES:
        monkeypatch.setitem(LANES, lane, 0)
    browser = explore()
    for url in ("/events?outcome=failure", "/events?actor_id=rare", "/runs?status=failed"):
        assert browser.get(url).status_code == 503, url
    news = browser.get(f"/events/news?outcome=failure&since={event}", headers=part)
    assert news.status_code == 200
    assert "Look for new events" in news.text
    for url in ("/events", "/events?type=test.happened", "/runs", f"/events/{event}"):
        assert browser.get(url).status_code == 200, url
