"""Old payloads lifted on read: the client, sync and async, and `agent-events events --upcast`."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner

from agent_events import AsyncLedger, Ledger, errors
from agent_events.cli import main

RAW: list[tuple[int, Any]] = [
    (1, {"name": "a b"}),
    (2, {"title": "c"}),
    (3, {"title": "d", "words": 1}),
]
LATEST: list[tuple[int, Any]] = [
    (3, {"title": "a b", "words": 2}),
    (3, {"title": "c", "words": 1}),
    (3, {"title": "d", "words": 1}),
]
FUNCTIONS = """
    create schema app;
    grant usage on schema app to ledger_sandbox;
    create function app.name_to_title(payload jsonb) returns jsonb immutable
    return jsonb_build_object('title', payload -> 'name');
    create function app.count_words(payload jsonb) returns jsonb immutable
    return payload || jsonb_build_object(
      'words', cardinality(string_to_array(payload ->> 'title', ' '))
    );
"""


@pytest.fixture
def made(pg: psycopg.Connection[Any]) -> Ledger:
    """Three versions of test.made, an event of each, and the upcasters between them."""
    ledger = Ledger(pg)
    for version, payload in RAW:
        ledger.register_event_type(
            "test.made", {"required": list(payload)}, compatibility="none", schema_version=version
        )
        ledger.emit_event("test.made", payload, aggregate_type="thing", aggregate_id="1")
    ledger.seal()
    pg.execute(FUNCTIONS)
    assert ledger.register_upcaster("test.made", 1, "app.name_to_title")
    assert ledger.register_upcaster("test.made", 2, "app.count_words")
    return ledger


def shape(events: list[Any]) -> list[tuple[int, Any]]:
    return [(event.schema_version, event.payload) for event in events]


def test_every_reader_lifts(made: Ledger) -> None:
    for upcast, expected in ((True, LATEST), (False, RAW), (None, RAW)):
        stream = made.read_stream("thing", "1", upcast=upcast)
        assert shape(stream) == expected
        assert shape([made.get_event(event.id, upcast=upcast) for event in stream]) == expected
        options = {"event_types": ["test.made"], "newest_first": False, "upcast": upcast}
        assert shape(made.find_events(**options)) == expected  # type: ignore[arg-type]
        assert shape(list(made.iter_events(page_size=2, **options))) == expected  # type: ignore[arg-type]
        assert shape(list(made.iter_stream("thing", "1", page_size=2, upcast=upcast))) == expected
        assert shape([entry.event for entry in made.read_log(upcast=upcast)]) == expected
        iterated = made.iter_log(page_size=2, upcast=upcast)
        assert shape([entry.event for entry in iterated]) == expected
        with made.subscribe(upcast=upcast) as subscription:
            assert shape([next(subscription).event for _ in RAW]) == expected


def test_async_readers_lift(made: Ledger, dsn: str) -> None:
    del made

    async def scenario() -> None:
        async with await psycopg.AsyncConnection.connect(dsn) as connection:
            ledger = AsyncLedger(connection)
            stream = await ledger.read_stream("thing", "1", upcast=True)
            assert shape(stream) == LATEST
            assert shape([await ledger.get_event(stream[0].id, upcast=True)]) == LATEST[:1]
            found = await ledger.find_events(event_types=["test.made"], upcast=True)
            assert shape(found) == LATEST[::-1]
            assert shape([e.event async for e in ledger.iter_log(upcast=True)]) == LATEST
            assert not await ledger.register_upcaster("test.made", 1, "app.name_to_title")
            assert await ledger.drop_upcaster("test.made", 1)

    asyncio.run(scenario())


def test_failing_upcaster_is_an_error_of_its_own(made: Ledger, pg: psycopg.Connection[Any]) -> None:
    pg.execute(
        "create or replace function app.count_words(payload jsonb) returns jsonb immutable"
        " return null::jsonb"
    )
    with pytest.raises(errors.UpcasterFailed) as caught:
        made.find_events(upcast=True)
    assert "app.count_words(jsonb) failed on test.made version 2" in caught.value.message
    assert caught.value.detail == "22004: it returned NULL"


def test_command_lifts_when_told(made: Ledger, dsn: str) -> None:
    def run(*arguments: str) -> list[Any]:
        words = ["events", *arguments, "--dsn", dsn, "--json"]
        lines = CliRunner().invoke(main, words, catch_exceptions=False).stdout.splitlines()
        return [(event["schema_version"], event["payload"]) for event in map(json.loads, lines)]

    find = ("find", "--type", "test.made", "--oldest-first")
    first = str(made.read_stream("thing", "1", page_size=1)[0].id)
    assert run(*find) == RAW
    assert run(*find, "--upcast") == LATEST
    assert run("show", first) == RAW[:1]
    assert run("show", first, "--upcast") == LATEST[:1]


def test_command_shows_the_upcaster_of_a_version(made: Ledger, dsn: str) -> None:
    del made
    words = ["types", "show", "test.made", "--dsn", dsn]
    lifted = CliRunner().invoke(main, [*words, "--version", "2"], catch_exceptions=False)
    assert "upcaster        app.count_words(jsonb)" in lifted.stdout
    assert "upcaster" not in CliRunner().invoke(main, words, catch_exceptions=False).stdout
