"""The events of a page as a file: the same as the command's, redacted, and on record."""

from __future__ import annotations

import asyncio
import csv
import hashlib
import io
import json
import re
import time
from typing import Any

import httpx
import pyarrow.parquet as pq
import pytest
from explorer.browsing import URL, Browser
from explorer.conftest import AnyConnection, Emit, Explore
from psycopg.conninfo import make_conninfo

from agent_events import Ledger
from agent_events.explorer import exports
from agent_events.explorer.exports import Download, TooManyExports

ORIGIN = {"Origin": URL}


def export(browser: Browser, format: str, query: str = "") -> httpx.Response:
    token = re.search(
        r'name="agent_events_form" value="([^"]+)"', browser.get(f"/export?{query}").text
    )
    assert token is not None
    fields = {"agent_events_form": token[1], "format": format}
    return browser.post(f"/export?{query}", data=fields, headers=ORIGIN)


def read(format: str, content: bytes) -> list[dict[str, Any]]:
    text = content.decode() if format != "parquet" else ""
    return {
        "csv": lambda: list(csv.DictReader(io.StringIO(text))),
        "jsonl": lambda: [json.loads(line) for line in text.splitlines()],
        "json": lambda: json.loads(text),
        "parquet": lambda: pq.read_table(io.BytesIO(content)).to_pylist(),
    }[format]()


@pytest.mark.parametrize("format", ["csv", "jsonl", "json", "parquet"])
def test_what_matches_the_filters_is_in_the_file(
    format: str, ledger: AnyConnection, emit: Emit, explore: Explore
) -> None:
    wanted = [emit("deal.seen", aggregate_type="deal", aggregate_id="7") for _ in range(3)]
    emit("deal.seen", aggregate_type="deal", aggregate_id="8")
    emit(tenant_id="other", aggregate_type="deal", aggregate_id="7")
    answer = export(explore(), format, "aggregate_type=deal&aggregate_id=7")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-disposition"].startswith('attachment; filename="events-')
    assert [str(row["id"]) for row in read(format, answer.content)] == [*map(str, wanted)]
    started, created = Ledger(ledger).find_events(
        tenant_id="acme", action_prefix="ledger.export", newest_first=False
    )
    assert started.payload["is_redacted"]
    assert started.payload["filters"] == {"aggregate_type": "deal", "aggregate_id": "7"}
    assert created.payload["event_count"] == 3
    assert created.payload["file_sha256"] == hashlib.sha256(answer.content).hexdigest()


def test_what_is_marked_stays_out(ledger: AnyConnection, emit: Emit, explore: Explore) -> None:
    Ledger(ledger).register_event_type(
        "test.marked",
        {"type": "object", "properties": {"secret": {"type": "string", "x-private": True}}},
    )
    emit("test.marked", {"secret": "zebra"})
    for kind in ("csv", "jsonl"):
        assert b"zebra" not in export(explore(), kind).content


def test_the_page_says_what_will_be_exported(explore: Explore) -> None:
    page = explore().get("/export?type=deal.won&outcome=failure").text
    assert "deal.won" in page
    assert 'action="/export?type=deal.won&amp;outcome=failure"' in page
    assert explore().get("/export?run=nothing").status_code == 400


def test_the_events_page_leads_there_with_its_filters(explore: Explore) -> None:
    assert 'href="/export?type=deal.won"' in explore().get("/events?type=deal.won").text


def test_an_export_needs_the_form_of_the_page(explore: Explore) -> None:
    browser = explore()
    assert browser.post("/export", data={"format": "csv"}, headers=ORIGIN).status_code == 403
    evil = {"Origin": "https://evil.example"}
    assert browser.post("/export", data={"format": "csv"}, headers=evil).status_code == 403
    assert export(browser, "exe").status_code == 400


def test_another_tenant_is_not_exported(emit: Emit, explore: Explore) -> None:
    emit(tenant_id="other")
    browser = explore()
    token = re.search(r'form" value="([^"]+)"', browser.get("/export").text)
    assert token is not None
    fields = {"agent_events_form": token[1], "format": "jsonl"}
    refused = browser.post("/export?tenant=other", data=fields, headers=ORIGIN)
    assert refused.status_code == 403


def test_a_download_that_is_given_up_ends_the_export(
    dsn: str, ledger: AnyConnection, emit: Emit
) -> None:
    """Large enough not to fit into what is held ready; the place of the export is free again."""
    for _ in range(12):
        emit(payload={"text": "0123456789" * 100_000})

    async def begin_and_leave() -> None:
        download = Download()
        await download.begin(make_conninfo(dsn), "jsonl", "acme", {})
        pieces = aiter(download)
        assert await anext(pieces)
        await pieces.aclose()  # type: ignore[attr-defined]

    asyncio.run(begin_and_leave())
    end = time.monotonic() + 60
    while exports._room._value < exports.MOST_AT_A_TIME:
        assert time.monotonic() < end
        time.sleep(0.05)
    found = Ledger(ledger).find_events(tenant_id="acme", action_prefix="ledger.export")
    assert [event.event_type for event in found] == ["ledger.export_started"]


def test_more_exports_than_there_is_room_for_are_put_off(
    explore: Explore, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: Any, **__: Any) -> None:
        raise TooManyExports

    monkeypatch.setattr(Download, "begin", refuse)
    assert export(explore(), "csv").status_code == 503
