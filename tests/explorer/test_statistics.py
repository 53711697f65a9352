"""The figures of a tenant, drawn and as tables."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from explorer.conftest import AnyConnection, Emit, Explore

from agent_events import Ledger
from agent_events.explorer.charts import HEIGHT, chart

FIRST = datetime(2026, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def test_a_chart_has_a_bar_for_every_span() -> None:
    rows = [
        {"at": FIRST + DAY, "events": 4, "failures": 1},
        {"at": FIRST + 3 * DAY, "events": 1000, "failures": 0},
    ]
    drawn = chart(rows, FIRST, DAY, 4)
    assert [bar.events for bar in drawn.bars] == [0, 4, 0, 1000]
    assert (drawn.most, drawn.events, drawn.failures) == (1000, 1004, 1)
    heights = [bar.height for bar in drawn.bars]
    assert heights[0] == heights[2] == 0
    assert 0 < heights[1] < 5  # little, and yet to be seen
    assert heights[3] == HEIGHT


def test_a_chart_of_nothing_is_flat() -> None:
    drawn = chart([], FIRST, DAY, 3)
    assert (drawn.most, drawn.events, [bar.height for bar in drawn.bars]) == (0, 0, [0, 0, 0])


def test_the_figures_are_those_of_stats(
    ledger: AnyConnection, emit: Emit, explore: Explore
) -> None:
    for number in range(8):
        outcome = "failure" if number == 0 else "success"
        emit("deal.seen", actor_type="agent", actor_id="scout", outcome=outcome)
    emit(tenant_id="other", event_type="other.seen")
    ledger.execute("select ledger.seal_all()")
    page = explore().get("/statistics").text
    assert "<dt>Events</dt><dd>8</dd>" in page
    assert 'href="/events?type=deal.seen"' in page
    assert 'href="/events?outcome=failure"' in page
    assert 'href="/events?actor_type=agent&amp;actor_id=scout"' in page
    assert "12.5\u202f%" in page
    assert "8 events, 1 failed" in page
    assert "other.seen" not in page


def test_an_empty_ledger_says_what_would_be_there(explore: Explore) -> None:
    page = explore().get("/statistics")
    assert page.status_code == 200
    assert "No events are counted yet." in page.text
    assert "agent-events relay run" in page.text


def test_relays_and_what_they_gave_up(ledger: AnyConnection, emit: Emit, explore: Explore) -> None:
    dead = emit("deal.seen", publish=True)
    client = Ledger(ledger)
    client.seal(tenant_id="acme")
    claim = client.claim_outbox("nats", tenant_id="acme")
    assert claim is not None
    client.fail_outbox("nats", claim.token, 0, "no <route>", is_permanent=True, tenant_id="acme")
    client.confirm_outbox("nats", claim.token, through_position=0, release=True, tenant_id="acme")
    page = explore(acme=["read", "operate"]).get("/statistics").text
    assert "no &lt;route&gt;" in page
    assert f'href="/events/{dead}"' in page
    assert "no &lt;route&gt;" not in explore(other=["read"]).get("/statistics").text


@pytest.mark.parametrize(("grants", "is_shown"), [(["read"], False), (["read", "audit"], True)])
def test_partitions_are_for_auditors_and_operators(
    explore: Explore, grants: list[str], is_shown: bool
) -> None:
    page = explore(acme=grants).get("/statistics").text
    assert ("agent_events_p" in page) is is_shown
    assert ("Shown to auditors and operators" in page) is not is_shown


def test_storage_is_for_who_may_read_all(emit: Emit, explore: Explore) -> None:
    emit()
    assert "Of all tenants together." in explore(every=["read"]).get("/statistics?tenant=acme").text
