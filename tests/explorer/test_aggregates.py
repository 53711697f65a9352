"""The list of aggregates: what changed last, and which there are of a type."""

from __future__ import annotations

import re
from html import unescape
from urllib.parse import quote

from explorer.conftest import AnyConnection, Emit, Explore
from explorer.tags import assert_harmless, words

from agent_events.explorer.searching import PAGE_SIZE

ODD = (
    "a/b",
    " leading and trailing ",
    "?&#%2F+",
    "<script>alert</script>",
    "é שלום \u202e",
    "'\"",
)


def test_what_changed_last_comes_first(emit: Emit, explore: Explore) -> None:
    for aggregate_id in ("1", "2", "1"):
        emit("deal.noted", aggregate_type="deal", aggregate_id=aggregate_id)
    emit("test.without")
    page = explore(acme=["read"]).get("/aggregates").text
    assert re.findall(r'href="/aggregate\?([^"]+)"', page) == [
        "type=deal&amp;id=1",
        "type=deal&amp;id=2",
    ]


def test_a_type_has_all_its_aggregates_page_by_page(
    ledger: AnyConnection, emit: Emit, explore: Explore
) -> None:
    ledger.execute(
        """
        select from generate_series(1, %s) as n, ledger.emit_event(
          'deal.noted', tenant_id => 'acme', aggregate_type => 'deal',
          aggregate_id => to_char(n, 'FM000')
        )
        """,
        [PAGE_SIZE + 5],
    )
    emit(aggregate_type="post", aggregate_id="1")
    browser = explore(acme=["read"])
    assert 'href="/aggregates?type=post"' in browser.get("/aggregates").text
    first = browser.get("/aggregates?type=deal").text
    (following,) = re.findall(r'rel="next" href="([^"]+)"', first)
    second = browser.get(unescape(following)).text
    ids = re.findall(r"type=deal&amp;id=(\d+)", first + second)
    assert ids == [f"{n:03}" for n in range(1, PAGE_SIZE + 6)]
    assert 'rel="next"' not in second
    assert "No more of them" in browser.get("/aggregates?type=deal&after=999").text


def test_type_and_id_lead_to_the_aggregate(explore: Explore) -> None:
    answer = explore(acme=["read"]).get("/aggregates?type=deal&id=a/b")
    assert (answer.status_code, answer.headers["location"]) == (
        303,
        "/aggregate?type=deal&id=a%2Fb",
    )


def test_any_name_is_linked_to_and_found(emit: Emit, explore: Explore) -> None:
    browser = explore(acme=["read"])
    for name in ODD:
        emit("test.noted", {"found": name}, aggregate_type=name, aggregate_id=name)
    for url in ("/aggregates", *(f"/aggregates?type={quote(name, safe='')}" for name in ODD)):
        page = browser.get(url).text
        assert_harmless(page)
        for link in re.findall(r'href="(/aggregate\?[^"]+)"', page):
            found = browser.get(unescape(link))
            assert found.status_code == 200, link
            assert_harmless(found.text)
            assert "State now" in words(found.text)
    assert len(re.findall(r'href="/aggregate\?', browser.get("/aggregates").text)) == len(ODD)


def test_without_aggregates_the_page_says_what_they_are(emit: Emit, explore: Explore) -> None:
    emit()
    browser = explore(acme=["read"])
    assert "No aggregates yet" in browser.get("/aggregates").text
    assert "No aggregate of this type" in browser.get("/aggregates?type=deal").text
    assert browser.get("/aggregates?type=%00").status_code == 400


def test_another_tenants_aggregates_are_not_there(emit: Emit, explore: Explore) -> None:
    emit("zebra.noted", aggregate_type="zebra", aggregate_id="z1", tenant_id="other")
    emit("test.noted", aggregate_type="deal", aggregate_id="1")
    browser = explore(acme=["read", "audit"])
    for url in ("/aggregates?", "/aggregates?type=zebra", "/aggregates?tenant=other"):
        assert "z1" not in browser.get(url).text
        assert "zebra.noted" not in browser.get(url).text
    assert browser.get("/aggregate?type=zebra&id=z1").status_code == 404
    assert browser.get("/aggregate?type=zebra&id=z1&tenant=other").status_code in (403, 404)
