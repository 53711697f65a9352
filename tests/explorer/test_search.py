"""The search field: ids of every kind, and beginnings of names."""

from __future__ import annotations

from uuid import UUID

from explorer.conftest import AnyConnection, Emit, Explore


def test_the_id_of_an_event_leads_to_it(emit: Emit, explore: Explore) -> None:
    event = emit()
    answer = explore().get(f"/search?q=%20{str(event).upper()}%20&tenant=acme")
    assert answer.status_code == 303
    assert answer.headers["location"] == f"/events/{event}?tenant=acme"


def test_other_ids_lead_to_what_they_belong_to(
    ledger: AnyConnection, emit: Emit, explore: Explore
) -> None:
    run = ledger.execute("select ledger.start_run('bot', tenant_id => 'acme')").fetchone()
    assert run is not None
    ids = {name: str(UUID(int=number)) for number, name in enumerate("abc", 11)}
    emit(trace_id=ids["a"], correlation_id=ids["b"], run_id=run[0])
    emit(deal_id=ids["c"])
    browser = explore()
    assert f"/events?trace={ids['a']}" in browser.get(f"/search?q={ids['a']}").text
    assert f"/traces/{ids['b']}" in browser.get(f"/search?q={ids['b']}").text
    assert f"/events?deal={ids['c']}" in browser.get(f"/search?q={ids['c']}").text
    assert f"/runs/{run[0]}" in browser.get(f"/search?q={run[0]}").text


def test_names_are_found_by_their_beginning(
    ledger: AnyConnection, emit: Emit, explore: Explore
) -> None:
    emit(aggregate_type="deal", aggregate_id="abc/1")
    emit(aggregate_type="wallet", aggregate_id="abc%2")
    emit(aggregate_type="wallet", aggregate_id="xabc", actor_type="agent", actor_id="abc-bot")
    ledger.execute("select ledger.seal('acme')")
    while ledger.execute("select ledger.count_events()").fetchone() != (0,):
        pass
    page = explore().get("/search?q=abc").text
    assert "type=deal&amp;id=abc%2F1" in page
    assert "type=wallet&amp;id=abc%252" in page
    assert "actor_type=agent&amp;actor_id=abc-bot" in page
    assert "xabc" not in page


def test_event_types_are_found_by_a_part_of_them(emit: Emit, explore: Explore) -> None:
    emit()
    assert "/events?type=deal.stage_changed" in explore().get("/search?q=Stage_Ch").text


def test_nothing_found_says_what_can_be(explore: Explore) -> None:
    browser = explore()
    assert "does not look into payloads" in browser.get("/search?q=%25_'").text
    assert "What are you looking for?" in browser.get("/search").text
