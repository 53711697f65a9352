"""The pages of events."""

from __future__ import annotations

from explorer.conftest import AnyConnection, Explore


def test_the_newest_event_comes_first(ledger: AnyConnection, explore: Explore) -> None:
    for name in "abc":
        ledger.execute("select ledger.emit_event(%s, tenant_id => 'acme')", [f"test.{name}"])
    page = explore(acme=["read"]).get("/events").text
    assert page.index("test.c</bdi>") < page.index("test.b</bdi>") < page.index("test.a</bdi>")
