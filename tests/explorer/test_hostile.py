"""Payloads, names and ids by somebody who means harm, or is only large."""

from __future__ import annotations

import html
import json
import re
from html.parser import HTMLParser
from typing import Any

from explorer.conftest import AnyConnection, Emit, Explore
from psycopg.types.json import Jsonb

SCRIPT = "\"'><script>alert(1)</script><img src=x onerror=alert(2)>"
PAGES = (
    "/events",
    "/events/{}",
    "/events/{}/detail",
    "/search?q=%22%27%3E",
    "/events?type={script}",
)


class Tags(HTMLParser):
    """Collects the elements of a page, with their attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def test_markup_in_every_field_stays_text(emit: Emit, explore: Explore) -> None:
    event = emit(
        payload={SCRIPT: [SCRIPT, {"deep": SCRIPT}]},
        aggregate_type=SCRIPT,
        aggregate_id=SCRIPT,
        actor_type="user",
        actor_id=SCRIPT,
        metadata={SCRIPT: SCRIPT},
        proof={"type": "url", "url": "javascript:alert(3)"},
        headers={SCRIPT: SCRIPT},
        publish=True,
    )
    browser = explore()
    for url in PAGES:
        page = browser.get(url.format(event, script=SCRIPT)).text
        assert "<script>alert" not in page
        assert "alert(1)" in html.unescape(page) or "Nothing is called" in page
        for tag, attributes in Tags(page).found:
            assert not any(name.startswith("on") or name == "style" for name in attributes)
            assert tag != "script" or (attributes["src"] or "").startswith("/static/")
            assert tag != "img" or (attributes["src"] or "").startswith("/static/")
            assert not (attributes.get("href") or "").startswith("javascript:")


def test_no_page_asks_for_anything_from_elsewhere(emit: Emit, explore: Explore) -> None:
    event = emit()
    browser = explore()
    for url in PAGES:
        for _, attributes in Tags(browser.get(url.format(event, script="x")).text).found:
            for name in ("src", "href", "action", "hx-get"):
                assert (attributes.get(name) or "/").startswith(("/", "#")), attributes


def test_text_of_others_is_kept_apart_and_the_unseen_is_marked(
    emit: Emit, explore: Explore
) -> None:
    hidden = "invoice\u202egnp.exe\u200b\u0007"
    event = emit(payload={"שלום": hidden}, aggregate_type="file", aggregate_id=hidden)
    page = explore().get(f"/events/{event}").text
    assert "\u202e" not in re.sub(r'(?:data-copy|content|title)="[^"]*"', "", page)
    assert page.count('<span class="unseen">U+202E</span>') >= 2
    assert '<span class="unseen">U+200B</span>' in page
    assert '<bdi class="json-key">&#34;שלום&#34;</bdi>' in page


LARGE: tuple[dict[str, Any], ...] = (
    {"text": "x<&" * 1_700_000},
    {"rows": [{"n": n, "text": "some words of a row"} for n in range(120_000)]},
    {f"key_{n}": n for n in range(10_000)},
)


def test_what_is_large_is_shown_in_part_and_given_out_in_full(emit: Emit, explore: Explore) -> None:
    browser = explore()
    for payload in LARGE:
        event = emit(payload=payload)
        page = browser.get(f"/events/{event}").text
        assert len(page) < 1_000_000
        assert "This is the beginning" in page
        document = json.loads(browser.get(f"/events/{event}/event.json").text)
        assert document["payload"] == payload
    assert len(browser.get("/events").text) < 50_000


def test_numbers_keep_every_digit_and_depth_is_no_matter(
    ledger: AnyConnection, explore: Explore
) -> None:
    deep = "[" * 1500 + "]" * 1500
    number = "1" * 5000 + ".00000000000000000000000000000000000010"
    query = """
        select id from ledger.emit_event(
          'test.odd', jsonb_build_object('n', %s::numeric, 'deep', %s::jsonb), tenant_id => 'acme'
        )
    """
    (event,) = ledger.execute(query, [number, deep]).fetchone() or (None,)
    browser = explore()
    for url in ("/events", f"/events/{event}", f"/events/{event}/event.json"):
        assert browser.get(url).status_code == 200
    assert number in browser.get(f"/events/{event}").text


def test_what_a_version_of_the_type_marks_is_not_shown(
    ledger: AnyConnection, explore: Explore
) -> None:
    register = "select ledger.register_event_type('person.seen', %s, summary => '{payload.name}')"
    ledger.execute(register, [Jsonb({"properties": {"name": {}}})])
    query = "select id from ledger.emit_event('person.seen', %s, tenant_id => 'acme')"
    early = ledger.execute(query, [Jsonb({"name": "pii-early", "age": 3})]).fetchone()
    marked = {"properties": {"name": {"x-private": True}, "pin": {"x-secret": True}}}
    again = "select ledger.register_event_type('person.seen', %s, compatibility => 'none')"
    ledger.execute(again, [Jsonb(marked)])
    late = ledger.execute(query, [Jsonb({"name": "pii-late", "pin": "sec-pin"})]).fetchone()
    browser = explore(acme=["read", "privacy"])
    for event in (early, late):
        assert event is not None
        for url in ("/events", "/events/{}", "/events/{}/detail", "/events/{}/event.json"):
            page = browser.get(url.format(event[0])).text
            assert "pii-" not in page
            assert "sec-" not in page
    assert "***" in browser.get(f"/events/{early[0] if early else ''}").text
    assert "redacted" in browser.get(f"/events/{late[0] if late else ''}").text


def test_small_pieces_without_number_do_not_make_a_page_large(emit: Emit, explore: Explore) -> None:
    deep = "[" * 45 + ",".join("1" * 24_000) + "]" * 45
    event = emit(payload=json.loads(f'{{"a": {deep}}}'), metadata=json.loads(f'{{"a": {deep}}}'))
    page = explore().get(f"/events/{event}").text
    assert len(page) < 1_000_000
    assert page.count("… and more, which is not shown") == 2


def test_headers_that_are_too_deep_to_be_masked_are_masked_as_a_whole(
    ledger: AnyConnection, explore: Explore
) -> None:
    deep = '{"a": ' + "[" * 2000 + '{"password": "sec-deep"}' + "]" * 2000 + "}"
    query = """
        select id
        from ledger.emit_event(
          'test.deep', publish => true, headers => %s::jsonb, tenant_id => 'acme'
        )
    """
    (event,) = ledger.execute(query, [deep]).fetchone() or (None,)
    answer = explore().get(f"/events/{event}")
    assert answer.status_code == 200
    assert "Message headers" in answer.text
    assert "sec-deep" not in answer.text
