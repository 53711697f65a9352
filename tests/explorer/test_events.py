"""The pages of events."""

from __future__ import annotations

import json
import re
from uuid import UUID, uuid4

from explorer.browsing import Browser
from explorer.conftest import AnyConnection, Emit, Explore
from explorer.tags import Tags

ROW = re.compile(r'data-open href="/events/([0-9a-f-]{36})')


def ids(browser: Browser, url: str) -> list[UUID]:
    page = browser.get(url)
    assert page.status_code == 200, page.text
    return [UUID(each) for each in ROW.findall(page.text)]


def test_the_newest_event_comes_first(emit: Emit, explore: Explore) -> None:
    emitted = [emit() for _ in range(3)]
    assert ids(explore(), "/events") == emitted[::-1]


def test_the_first_page_is_where_the_explorer_opens(explore: Explore) -> None:
    answer = explore().get("/?tenant=acme")
    assert answer.headers["location"] == "/events?tenant=acme"


def test_older_pages_show_every_event_once(emit: Emit, explore: Explore) -> None:
    emitted = [emit(aggregate_type="deal", aggregate_id=str(n % 3)) for n in range(120)]
    browser, url, seen = explore(), "/events", list[UUID]()
    while url:
        page = browser.get(url).text
        seen += [UUID(each) for each in ROW.findall(page)]
        following = re.search(r'rel="next" href="([^"]+)"', page)
        url = following.group(1).replace("&amp;", "&") if following else ""
    assert seen == emitted[::-1]


FILTERS: tuple[tuple[str, dict[str, str], str], ...] = (
    ("type", {}, "test.wanted_0"),
    ("prefix", {}, "test.wanted_1"),
    ("aggregate_type", {"aggregate_type": "a/b", "aggregate_id": "1"}, "a/b"),
    ("aggregate_id", {"aggregate_type": "deal", "aggregate_id": "ü&=#1"}, "ü&=#1"),
    ("actor_type", {"actor_type": "webhook", "actor_id": "x"}, "webhook"),
    ("actor_id", {"actor_type": "user", "actor_id": "somebody"}, "somebody"),
    ("outcome", {"outcome": "partial"}, "partial"),
    ("trace", {"trace_id": str(UUID(int=11))}, UUID(int=11).hex),
    ("correlation", {"correlation_id": str(UUID(int=12))}, str(UUID(int=12))),
    ("deal", {"deal_id": str(UUID(int=13))}, str(UUID(int=13))),
)


def test_each_filter_finds_what_it_says(emit: Emit, explore: Explore) -> None:
    emit("test.other", aggregate_type="thing", aggregate_id="2", actor_type="system", actor_id="y")
    wanted = [emit(f"test.wanted_{n}", **given) for n, (_, given, _) in enumerate(FILTERS)]
    browser = explore()
    for event, (name, _, value) in zip(wanted, FILTERS, strict=True):
        page = browser.get("/events", params={name: value}).text
        assert ROW.findall(page) == [str(event)], name
        assert 'title="Remove this filter"' in page


def test_a_run_and_a_span_of_time_are_filters_too(
    ledger: AnyConnection, emit: Emit, explore: Explore
) -> None:
    (run_id,) = ledger.execute("select ledger.start_run('bot', tenant_id => 'acme')").fetchone()  # type: ignore[misc]
    before = emit()
    (middle,) = ledger.execute("select clock_timestamp()").fetchone()  # type: ignore[misc]
    inside = emit(run_id=run_id)
    browser = explore()
    assert ids(browser, f"/events?run={run_id}")[0] == inside
    since = middle.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    assert ids(browser, f"/events?from={since}") == [inside]
    assert before in ids(browser, f"/events?to={since}")


def test_event_types_are_offered_with_their_counts(
    ledger: AnyConnection, emit: Emit, explore: Explore
) -> None:
    for _ in range(3):
        emit("test.counted")
    ledger.execute("select ledger.seal('acme')")
    assert "test.counted · 3</option>" in explore().get("/events").text


def test_an_empty_page_says_what_to_do(emit: Emit, explore: Explore) -> None:
    browser = explore()
    assert "agent-events emit" in browser.get("/events").text
    event = emit()
    assert "Take a filter away" in browser.get("/events?type=test.unseen").text
    assert "Nothing older" in browser.get(f"/events?after={event}").text


def test_new_events_are_counted_with_the_filters_of_the_page(emit: Emit, explore: Explore) -> None:
    first = emit("test.one")
    browser = explore()
    assert browser.get(f"/events/news?since={first}").text.strip() == ""
    emit("test.one")
    emit("test.two")
    assert "2 new events" in browser.get(f"/events/news?since={first}").text
    assert "1 new event\n" in browser.get(f"/events/news?since={first}&type=test.two").text


def test_an_empty_page_tells_of_the_first_event(emit: Emit, explore: Explore) -> None:
    emit("test.before")
    browser = explore()
    page = browser.get("/events?type=test.first").text
    news = re.search(r'hx-get="([^"]+)"', page)
    assert news is not None
    url = news.group(1).replace("&amp;", "&")
    assert browser.get(url).text.strip() == ""
    emit("test.first")
    assert "New events" in browser.get(url).text


def test_the_page_of_an_event_has_all_of_it(
    ledger: AnyConnection, emit: Emit, explore: Explore
) -> None:
    cause = emit("test.cause")
    event = emit(
        "test.happened",
        {"amount": 12.5},
        aggregate_type="deal",
        aggregate_id="4/2",
        actor_type="agent",
        actor_id="bot",
        outcome="success",
        causation_id=cause,
        metadata={"note": "met-a"},
        proof={"type": "hash", "hash": "prf-b"},
        headers={"traceparent": "hdr-c"},
        publish=True,
    )
    effect = emit("test.effect", causation_id=event)
    ledger.execute("select ledger.seal('acme')")
    page = explore().get(f"/events/{event}")
    assert page.status_code == 200
    for shown in (
        str(event),
        "position 1",
        "12.5",
        "met-a",
        "prf-b",
        "hdr-c",
        f"/events/{cause}",
        f"/events/{effect}",
        "type=deal&amp;id=4%2F2",
    ):
        assert shown in page.text, shown


def test_what_stands_below_a_row_is_the_same_event(emit: Emit, explore: Explore) -> None:
    event = emit(payload={"seen": "below"})
    detail = explore().get(f"/events/{event}/detail").text
    assert "below" in detail
    assert "<html" not in detail


def test_an_event_is_downloaded_in_full(emit: Emit, explore: Explore) -> None:
    payload = {"text": "x" * 200_000, "number": 3}
    event = emit(payload=payload)
    answer = explore().get(f"/events/{event}/event.json")
    assert answer.headers["content-disposition"] == f'attachment; filename="event-{event}.json"'
    assert answer.headers["x-content-type-options"] == "nosniff"
    document = json.loads(answer.text)
    assert document["payload"] == payload
    assert document["id"] == str(event)


def test_an_event_that_is_nowhere_is_not_found(explore: Explore) -> None:
    browser = explore()
    for path in ("", "/detail", "/event.json"):
        answer = browser.get(f"/events/{uuid4()}{path}")
        assert answer.status_code == 404
        assert "There is no event" in answer.text


MALFORMED = (
    "/events?run=5",
    "/events?after=x",
    "/events?correlation=%00",
    "/events?from=yesterday",
    "/events?from=0001-01-01T00:00%2B23:00",
    "/events?outcome=great",
    "/events?actor_type=robot",
    "/events?aggregate_id=a%00b",
    "/events?after=00000000-0000-4000-8000-000000000000",
    "/events/news?since=no",
    "/events?tenant=a%00b",
)


def test_a_url_that_was_typed_wrong_says_what_is_wrong(explore: Explore) -> None:
    browser = explore()
    for url in MALFORMED:
        answer = browser.get(url)
        assert answer.status_code == 400, url
        assert "That cannot be looked up" in answer.text


def test_a_path_that_leads_nowhere_is_not_found(explore: Explore) -> None:
    browser = explore()
    for url in ("/nothing", "/events/x", "/events/x/detail", "/static/x.css"):
        assert browser.get(url).status_code == 404, url


def test_the_server_says_how_long_the_database_took(explore: Explore) -> None:
    timing = explore().get("/events").headers["server-timing"]
    assert re.fullmatch(r"db;dur=\d+\.\d, total;dur=\d+\.\d", timing)
    assert not timing.startswith("db;dur=0.0")


def test_a_browser_that_goes_back_puts_nothing_into_the_filters(
    emit: Emit, explore: Explore
) -> None:
    emit(aggregate_type="a", aggregate_id="1")
    emit(tenant_id="other")
    browser = explore(acme=["read"], other=["read"])
    for url in ("/events", "/runs", "/traces", "/aggregates", "/aggregate?type=a&id=1"):
        forms = [given for tag, given in Tags(browser.get(url).text).found if tag == "form"]
        asking = [form for form in forms if form.get("method") != "dialog"]
        assert len(asking) >= 3, url
        assert all(form.get("autocomplete") == "off" for form in asking), url
