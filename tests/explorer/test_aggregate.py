"""The page of an aggregate: its state at any moment, what changed, and making a snapshot."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from explorer.browsing import Browser
from explorer.conftest import AnyConnection, Emit, Explore
from explorer.tags import Tags, assert_harmless, words
from psycopg.types.json import Jsonb
from verifying.tampering import forge

from agent_events import Ledger
from agent_events.explorer.differences import MOST
from agent_events.explorer.pages.aggregate import STREAM_PAGE
from agent_events.explorer.security import TOKEN

URL = "/aggregate?type=deal&id=42"
SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin"}
STORY: Sequence[dict[str, Any]] = (
    {"name": "Acme", "stage": "new", "contact": {"name": "Ada", "phone": "1"}},
    {"stage": "won"},
    {"contact": {"phone": None}, "amount": 1200.5},
)


@pytest.fixture
def deal(emit: Emit) -> None:
    for payload in STORY:
        emit("deal.noted", payload, aggregate_type="deal", aggregate_id="42")


@pytest.fixture
def browser(explore: Explore) -> Browser:
    return explore(acme=["read"])


def emit_many(ledger: AnyConnection, count: int) -> None:
    """That many events of deal/42 of acme, in one statement."""
    ledger.execute(
        """
        select from ledger.emit_events((
          select jsonb_agg(jsonb_build_object(
            'event_type', 'deal.noted', 'aggregate_type', 'deal', 'aggregate_id', '42',
            'payload', jsonb_build_object('n', n)
          ) order by n)
          from generate_series(1, %s) as n
        ), 'acme')
        """,
        [count],
    )


def state(page: str) -> Any:
    """The state that a page shows."""
    code = page.partition('<pre class="json"')[2].partition("<code>")[2].partition("</code>")[0]
    return json.loads(unescape(re.sub("<[^>]+>", "", code)))


def changes(page: str) -> list[str]:
    """The differences that a page shows, as words."""
    listed = page.partition('<ul class="differences">')[2].partition("</ul>")[0]
    return [words(part) for part in listed.split("</li>")[:-1]]


@pytest.mark.usefixtures("deal")
def test_the_state_is_that_of_now_or_of_a_moment(browser: Browser) -> None:
    page = browser.get(URL).text
    assert "State now" in words(page)
    assert state(page) == {
        "name": "Acme",
        "stage": "won",
        "contact": {"name": "Ada"},
        "amount": 1200.5,
    }
    page = browser.get(f"{URL}&at=1").text
    assert "State after event 1" in words(page)
    assert state(page) == STORY[0]


@pytest.mark.usefixtures("deal")
def test_each_event_shows_what_it_changed(browser: Browser) -> None:
    assert changes(browser.get(f"{URL}&at=2").text) == ['changed /stage "new" "won"']
    assert changes(browser.get(f"{URL}&at=3").text) == [
        "added /amount 1200.5",
        'removed /contact/phone "1"',
    ]
    assert len(changes(browser.get(f"{URL}&at=1").text)) == 3


@pytest.mark.usefixtures("deal")
def test_two_moments_are_compared_either_way(browser: Browser) -> None:
    assert changes(browser.get(f"{URL}&at=3&since=1").text) == [
        "added /amount 1200.5",
        'removed /contact/phone "1"',
        'changed /stage "new" "won"',
    ]
    assert 'changed /stage "won" "new"' in changes(browser.get(f"{URL}&at=1&since=3").text)
    assert all(each.startswith("added") for each in changes(browser.get(f"{URL}&since=0").text))
    assert "Nothing that is in the state" in browser.get(f"{URL}&at=2&since=2").text


@pytest.mark.usefixtures("deal")
def test_a_replay_goes_from_event_to_event(browser: Browser) -> None:
    url, seen = f"{URL}&at=1", []
    while True:
        page = browser.get(url).text
        seen.append(words(page).partition("What event ")[2].partition(" changed")[0])
        following = re.search(r'href="([^"]+)">After →', page)
        if following is None:
            break
        url = unescape(following[1])
    assert seen == ["1", "2", "3"]
    assert 'rel="prev"' in page
    assert "disabled>← Before" in browser.get(f"{URL}&at=1").text


@pytest.mark.usefixtures("deal")
def test_the_slider_works_as_a_form_and_asks_for_a_part(browser: Browser) -> None:
    page = browser.get(f"{URL}&at=2").text
    (slider,) = [given for _, given in Tags(page).found if given.get("type") == "range"]
    assert (slider["name"], slider["min"], slider["max"], slider["value"]) == ("at", "1", "3", "2")
    (form,) = [given for tag, given in Tags(page).found if tag == "form" and "hx-get" in given]
    assert (form["action"], form["hx-get"]) == ("/aggregate", "/aggregate/moment")
    part = browser.get("/aggregate/moment?type=deal&id=42&at=2", headers={"HX-Request": "true"})
    assert "<html" not in part.text
    assert state(part.text)["stage"] == "won"
    assert_harmless(part.text)


def test_a_time_is_a_moment_too(ledger: AnyConnection, emit: Emit, browser: Browser) -> None:
    for payload in STORY:
        emit("deal.noted", payload, aggregate_type="deal", aggregate_id="42")
    query = "select created_at from ledger.events where aggregate_id = '42' order by sequence"
    first, second, _ = [at for (at,) in ledger.execute(query)]
    at = second.isoformat().replace("+", "%2B")
    assert "State after event 2" in words(browser.get(f"{URL}&time={at}").text)
    assert "State now" in words(browser.get(f"{URL}&time=9999-12-31T23:59:59.999999").text)
    before = (first - timedelta(seconds=1)).isoformat().replace("+", "%2B")
    answer = browser.get(f"{URL}&time={before}")
    assert answer.status_code == 404
    assert "no event yet" in answer.text


def test_a_long_stream_is_shown_around_the_moment(ledger: AnyConnection, browser: Browser) -> None:
    emit_many(ledger, 1200)

    def shown(url: str) -> list[int]:
        page = browser.get(url).text
        assert len(page) < 60_000
        return [int(n) for n in re.findall(r'at=(\d+)"><span class="visually-hidden">State', page)]

    assert shown(URL) == [*range(1200, 1200 - STREAM_PAGE, -1)]
    assert shown(f"{URL}&at=600") == [*range(610, 590, -1)]
    assert shown(f"{URL}&at=3") == [*range(13, 0, -1)]
    page = browser.get(f"{URL}&at=600").text
    (earlier,) = re.findall(r'rel="next" href="([^"]+)"', page)
    assert shown(unescape(earlier))[0] == 590
    (later,) = re.findall(r'href="([^"]+)">← Later', page)
    assert shown(unescape(later))[-1] == 611


def test_with_snapshots_few_events_are_replayed(ledger: AnyConnection, explore: Explore) -> None:
    emit_many(ledger, 2100)
    ledger.execute("select ledger.create_snapshot('deal', '42', 'acme')")
    page = words(explore(acme=["read"]).get(f"{URL}&at=2050").text)
    assert "50 events replayed since the snapshot at event 2 000" in page


def test_a_snapshot_is_made_by_who_may(ledger: AnyConnection, explore: Explore, emit: Emit) -> None:
    emit("deal.noted", STORY[0], aggregate_type="deal", aggregate_id="a/b <i>")
    url = "/aggregate?type=deal&id=a%2Fb+%3Ci%3E"
    browser = explore(acme=["read", "operate"])
    answer = browser.post("/aggregate/snapshot", data=fields(browser, url), headers=SAME_ORIGIN)
    assert answer.status_code == 303
    (made,) = Ledger(ledger).snapshots(tenant_id="acme")
    assert answer.headers["location"] == f"{url}&snapshot={made.id}#snapshots"
    page = browser.get(answer.headers["location"]).text
    assert "the one you made" in page
    assert "Create snapshot" in page


def fields(browser: Browser, url: str) -> dict[str, str]:
    """What a browser would send with the form of a page."""
    page = browser.get(url).text.partition('<form method="post"')[2].partition("</form>")[0]
    return {
        given["name"] or "": given["value"] or ""
        for _, given in Tags(page).found
        if given.get("type") == "hidden"
    }


@pytest.mark.usefixtures("deal")
def test_an_auditor_sees_what_a_reader_sees(explore: Explore) -> None:
    browser = explore(acme=["audit"])
    assert state(browser.get(f"{URL}&at=1").text) == STORY[0]
    for url in ("/aggregates", "/aggregates?type=deal", "/traces", "/runs"):
        assert browser.get(url).status_code == 200, url


@pytest.mark.usefixtures("deal")
def test_who_may_not_has_no_button_and_is_refused(ledger: AnyConnection, explore: Explore) -> None:
    allowed = explore(acme=["read", "operate"])
    form = fields(allowed, URL)
    for grants in ({"acme": ["read"]}, {"acme": ["read"], "other": ["read", "operate"]}):
        browser = explore(**grants)
        assert "Create snapshot" not in browser.get(f"{URL}&tenant=acme").text
        given: dict[str, Any] = {
            "data": form,
            "headers": SAME_ORIGIN | {"Cookie": f"{TOKEN}={form[TOKEN]}"},
        }
        answer = browser.post("/aggregate/snapshot?tenant=acme", **given)
        assert answer.status_code == 403, answer.text
    assert Ledger(ledger).snapshots(tenant_id="acme") == []


@pytest.mark.usefixtures("deal")
def test_a_snapshot_for_another_site_is_refused(ledger: AnyConnection, explore: Explore) -> None:
    browser = explore(acme=["read", "operate"])
    form = fields(browser, URL)
    for headers in ({"Sec-Fetch-Site": "cross-site"}, {"Origin": "http://evil.example"}, {}):
        assert browser.post("/aggregate/snapshot", data=form, headers=headers).status_code == 403
    without = form | {TOKEN: "guessed"}
    assert browser.post("/aggregate/snapshot", data=without, headers=SAME_ORIGIN).status_code == 403
    assert browser.get("/aggregate/snapshot").status_code == 405
    assert Ledger(ledger).snapshots(tenant_id="acme") == []


@pytest.mark.usefixtures("deal")
def test_a_form_without_an_aggregate_says_so(explore: Explore) -> None:
    browser = explore(acme=["read", "operate"])
    form = fields(browser, URL)
    for names in ({"type": ""}, {"id": "\0"}):
        answer = browser.post("/aggregate/snapshot", data=form | names, headers=SAME_ORIGIN)
        assert answer.status_code == 400
    unknown = browser.post("/aggregate/snapshot", data=form | {"id": "43"}, headers=SAME_ORIGIN)
    assert unknown.status_code == 400
    assert "has no event" in unescape(unknown.text)


def test_a_reducer_that_fails_is_a_note(
    ledger: AnyConnection, emit: Emit, browser: Browser
) -> None:
    ledger.execute(
        """
        create schema app;
        grant usage on schema app to ledger_sandbox;
        create function app.divide(state jsonb, event ledger.events) returns jsonb
        language sql immutable
        return jsonb_build_object('x', 100 / ((event).payload ->> 'by')::int);
        select ledger.register_reducer('deal', 'app.divide', '{"x": 0}')
        """
    )
    for by in (1, 5, 0):
        emit("deal.noted", {"by": by}, aggregate_type="deal", aggregate_id="42")
    answer = browser.get(URL)
    assert answer.status_code == 200
    text = words(answer.text)
    assert "There is no state after event 3." in text
    assert "app.divide" in text
    assert "division by zero" in text
    assert "State after event 3" in text
    assert changes(browser.get(f"{URL}&at=2").text) == ["changed /x 100 20"]
    assert changes(browser.get(f"{URL}&at=1").text) == ["changed /x 0 100"]


def test_events_that_are_missing_are_a_note(ledger: AnyConnection, browser: Browser) -> None:
    emit_many(ledger, 12)
    forge(ledger, "delete from ledger.agent_events where sequence in (7, 9)")
    answer = browser.get(URL)
    assert answer.status_code == 200
    text = words(answer.text)
    assert "There is no state after event 12." in text
    assert "sequence 7, 9" in text
    assert "Some of the events 1 to 12 are not in the database" in text
    assert state(browser.get(f"{URL}&at=6").text) == {"n": 6}


def test_an_upcaster_that_fails_is_a_note(ledger: AnyConnection, browser: Browser) -> None:
    version = {"properties": {"n": {"type": "integer"}}, "examples": [{"n": 1}]}
    ledger.execute("select ledger.register_event_type('deal.noted', %s)", [Jsonb(version)])
    emit_many(ledger, 2)
    later = version | {"required": ["m"], "properties": {"m": {"type": "integer"}}}
    again = "select ledger.register_event_type('deal.noted', %s, compatibility => 'none')"
    ledger.execute(again, [Jsonb(later | {"examples": [{"m": 1}]})])
    ledger.execute(
        """
        create schema app;
        grant usage on schema app to ledger_sandbox;
        create function app.lift(payload jsonb) returns jsonb
        language sql immutable return jsonb_build_object('m', payload -> 'n');
        select ledger.register_upcaster('deal.noted', 1, 'app.lift');
        select ledger.register_reducer('deal', 'ledger.merge_event', upcast => true);
        """
    )
    assert state(browser.get(URL).text) == {"m": 2}
    ledger.execute(
        "create or replace function app.lift(payload jsonb) returns jsonb"
        " language plpgsql immutable as $$ begin raise 'cannot lift this'; end $$"
    )
    answer = browser.get(URL)
    assert answer.status_code == 200
    assert "cannot lift this" in answer.text


def test_a_state_that_takes_too_long_is_a_note(
    ledger: AnyConnection, emit: Emit, explore: Explore
) -> None:
    ledger.execute(
        """
        create schema app;
        grant usage on schema app to ledger_sandbox;
        create function app.think(state jsonb, event ledger.events) returns jsonb
        language plpgsql immutable as $$ begin return state; end $$;
        select ledger.register_reducer('deal', 'app.think', '{}');
        create or replace function app.think(state jsonb, event ledger.events) returns jsonb
        language plpgsql immutable as $$ begin perform pg_sleep(60); return state; end $$;
        """
    )
    for _ in range(2):
        emit("deal.noted", aggregate_type="deal", aggregate_id="42")
    browser = explore(acme=["read"], settings={"statement_timeout": timedelta(seconds=1)})
    answer = browser.get(URL)
    assert answer.status_code == 200
    assert "took longer than it may" in answer.text
    assert "deal.noted" in answer.text


def test_what_a_type_marks_is_masked_in_the_state(
    ledger: AnyConnection, emit: Emit, browser: Browser
) -> None:
    schema = {"properties": {"pin": {"x-secret": True}, "name": {"type": "string"}}}
    ledger.execute("select ledger.register_event_type('deal.opened', %s)", [Jsonb(schema)])
    other = {"properties": {"name": {"x-secret": True}}}
    ledger.execute("select ledger.register_event_type('user.opened', %s)", [Jsonb(other)])
    opened = {"pin": "zebra-pin", "name": "Acme", "nested": {"password": "zebra-too"}}
    emit("deal.opened", opened, aggregate_type="deal", aggregate_id="42")
    emit("deal.noted", {"stage": "won"}, aggregate_type="deal", aggregate_id="42")
    for url in (URL, f"{URL}&at=1", "/aggregate/state.json?type=deal&id=42"):
        assert "zebra" not in browser.get(url).text
    shown = state(browser.get(URL).text)
    assert shown["pin"] == shown["nested"]["password"] == "***"
    assert shown["name"] == "Acme"


def test_what_is_large_is_shown_in_part_and_given_out_in_full(emit: Emit, browser: Browser) -> None:
    keys = {f"key_{n}": n for n in range(10_000)}
    emit("deal.noted", keys, aggregate_type="deal", aggregate_id="42")
    page = browser.get(URL).text
    assert len(page) < 1_000_000
    assert len(changes(page)) == MOST
    assert f"Only the first {MOST} differences" in words(page)
    assert "This is the beginning" in page
    emit("deal.noted", {"text": "x<&" * 1_700_000}, aggregate_type="deal", aggregate_id="42")
    page = browser.get(URL).text
    assert len(page) < 1_000_000
    assert "too large" in page
    document = browser.get("/aggregate/state.json?type=deal&id=42&at=2")
    assert document.headers["content-disposition"] == 'attachment; filename="state-2.json"'
    assert document.json() == keys | {"text": "x<&" * 1_700_000}
    assert browser.get("/aggregate/state.json?type=deal&id=42&at=1").json() == keys


def test_depth_and_digits_are_no_matter(ledger: AnyConnection, browser: Browser) -> None:
    deep, number = "[" * 1500 + "]" * 1500, "1" * 5000 + ".10"
    for payload in ('{"n": 1}', f'{{"n": {number}, "deep": {deep}}}'):
        ledger.execute(
            "select from ledger.emit_event('deal.noted', %s::text::jsonb, tenant_id => 'acme',"
            " aggregate_type => 'deal', aggregate_id => '42')",
            [payload],
        )
    for url in (URL, f"{URL}&at=1&since=2"):
        answer = browser.get(url)
        assert answer.status_code == 200
        assert "nested too deeply" in answer.text


def test_what_is_hostile_stays_text(emit: Emit, browser: Browser) -> None:
    script = "\"'><script>alert(1)</script>"
    emit(
        "deal.noted",
        {script: {script: script}, "~/": "\u202e\u200b"},
        aggregate_type="deal",
        aggregate_id="42",
        actor_type="user",
        actor_id=script,
    )
    page = browser.get(f"{URL}&snapshot=7b1d1f0a-0000-4000-8000-000000000001").text
    assert "<script>alert" not in page
    assert "\u202e" not in page
    assert_harmless(page)
    assert "added /~0~1" in words(page)


@pytest.mark.usefixtures("deal")
def test_what_is_wrong_with_a_url_is_said(browser: Browser) -> None:
    for query in ("", "type=deal", "id=42", "type=deal&id=%00"):
        assert browser.get(f"/aggregate?{query}").status_code == 400, query
    for query in ("at=0", "at=4", "at=x", "since=-1", "since=4", "time=never", "snapshot=x"):
        answer = browser.get(f"{URL}&{query}")
        assert answer.status_code == 400, query
    missing = browser.get("/aggregate?type=deal&id=43")
    assert missing.status_code == 404
    assert "deal/43" in missing.text
