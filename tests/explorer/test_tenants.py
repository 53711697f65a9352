"""A tenant's login sees nothing of another tenant, on any page or URL typed by hand."""

from __future__ import annotations

import re
from uuid import UUID

import pytest
from explorer.browsing import Browser
from explorer.conftest import AnyConnection, Emit, Explore
from starlette.routing import Route

SECRET = "zebra"
PLACE = re.compile(r"{\w+}")


@pytest.fixture
def others(ledger: AnyConnection, emit: Emit) -> list[str]:
    """What another tenant has, and everything by which it could be asked for."""
    run = ledger.execute("select ledger.start_run(%s, tenant_id => 'other')", [SECRET]).fetchone()
    assert run is not None
    event = emit(
        f"{SECRET}.happened",
        {"text": SECRET},
        tenant_id="other",
        run_id=run[0],
        aggregate_type="known",
        aggregate_id="known-1",
        actor_type="user",
        actor_id="known-user",
        metadata={"note": SECRET},
        headers={"note": SECRET},
        deal_id="7b1d1f0a-0000-4000-8000-000000000003",
        publish=True,
    )
    emit("test.ours")
    ledger.execute("select ledger.seal_all()")
    while ledger.execute("select ledger.count_events()").fetchone() != (0,):
        pass
    query = "select id, run_id, trace_id, correlation_id, deal_id from ledger.events where id = %s"
    found = ledger.execute(query, [event]).fetchone()
    assert found is not None
    return [str(each) for each in found]


QUERIES = (
    "",
    "after={0}",
    "since={0}",
    "q={0}",
    "run={1}",
    "trace={2}",
    "correlation={3}",
    "deal={4}",
    "q=known",
    "q=z",
    "type=known&id=known-1",
    "aggregate_type=known&aggregate_id=known-1",
    "actor_type=user&actor_id=known-user",
)


def urls(browser: Browser, ids: list[str]) -> list[str]:
    """Every page with every id of the other tenant in its place, with and without its name."""
    asked = []
    for route in browser.app.router.routes:
        assert isinstance(route, Route)
        if "{" in route.path:
            asked += [f"{PLACE.sub(each, route.path)}?" for each in ids]
        else:
            asked += [f"{route.path}?{query.format(*ids)}" for query in QUERIES]
    return asked + [f"{url}&tenant=other" for url in asked]


def test_no_url_shows_anything_of_another_tenant(explore: Explore, others: list[str]) -> None:
    browser = explore(acme=["read", "audit", "operate"])
    assert SECRET in explore(other=["read"]).get(f"/events/{others[0]}").text
    for url in urls(browser, others):
        answer = browser.get(url)
        assert answer.status_code < 500, (url, answer.text)
        assert SECRET not in answer.text, url


def test_another_tenant_is_refused_like_one_that_does_not_exist(
    explore: Explore, others: list[str]
) -> None:
    browser = explore(acme=["read"])
    for url in ("/events?", f"/events/{others[0]}?", "/events/news?"):
        refused = browser.get(f"{url}tenant=other")
        unknown = browser.get(f"{url}tenant=nobody")
        assert refused.status_code == unknown.status_code == 403
        assert refused.text.replace("other", "nobody") == unknown.text.replace("other", "nobody")


def test_the_tenants_that_are_granted_can_be_chosen(emit: Emit, explore: Explore) -> None:
    ours, theirs = emit(), emit(tenant_id="other")
    browser = explore(acme=["read"], other=["read"])
    page = browser.get("/events").text
    assert str(ours) in page
    assert "<option selected>acme</option><option>other</option>" in page
    page = browser.get("/events?tenant=other").text
    assert str(theirs) in page
    assert str(ours) not in page
    assert f'href="/events/{theirs}?tenant=other"' in page


def test_who_may_read_one_tenant_has_nothing_to_choose(emit: Emit, explore: Explore) -> None:
    emit()
    assert 'id="tenant"' not in explore(acme=["read"]).get("/events").text


def test_who_may_read_all_chooses_among_those_with_events(emit: Emit, explore: Explore) -> None:
    emit()
    event: UUID = emit(tenant_id="other")
    browser = explore(every=["read"])
    assert "<option>acme</option>" in browser.get("/events?tenant=other").text
    assert browser.get(f"/events/{event}?tenant=other").status_code == 200


def test_who_may_read_nothing_is_told_whom_to_ask(explore: Explore) -> None:
    answer = explore(acme=["consume"]).get("/events")
    assert answer.status_code == 403
    assert "grant_access" in answer.text


def test_what_is_refused_leads_back_to_what_may_be_read(explore: Explore) -> None:
    page = explore(acme=["read"]).get("/events?tenant=other").text
    assert '<a class="button" href="/events">To the events</a>' in page
