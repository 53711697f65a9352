"""Summaries: an event in a sentence, as its type says."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from agent_events import Ledger

AnyConnection = psycopg.Connection[Any]
Refused = Callable[..., psycopg.Error]

TIME = datetime(2026, 1, 31, 12, tzinfo=UTC)


def described(pg: AnyConnection, summary: str | None, **options: Any) -> str | None:
    ledger = Ledger(pg)
    ledger.register_event_type("test.made", {}, summary=summary)
    receipt = ledger.emit_event("test.made", options.pop("payload", {}), **options)
    return ledger.describe_event(receipt.id)


@pytest.mark.parametrize(
    ("summary", "description"),
    [
        ("Plain words", "Plain words"),
        ("Deal {aggregate_id} of {actor_id}", "Deal 7 of ada"),
        ("{payload.a} and {payload.b.c} and {payload.d.1}", "1 and x and two"),
        ("{metadata.m}, {proof.url}", "yes, https://example.com"),
        ("#{sequence} at {occurred_at}", "#1 at 2026-01-31T12:00:00.000000Z"),
        ("{payload.missing}{payload.a.b}{deal_id}", "???"),
        ("{{payload.a}} is {{{payload.a}}}", "{payload.a} is {1}"),
        ("it's {payload.it's} \\ %s %1$s $1 '' \"", "it's quoted' \\ %s %1$s $1 '' \""),
        ("Größe {payload.ü}", "Größe groß"),
    ],
)
def test_placeholders_are_filled_in(pg: AnyConnection, summary: str, description: str) -> None:
    found = described(
        pg,
        summary,
        payload={"a": 1, "b": {"c": "x"}, "d": ["one", "two"], "it's": "quoted'", "ü": "groß"},
        metadata={"m": "yes"},
        proof={"type": "url", "url": "https://example.com"},
        aggregate_type="deal",
        aggregate_id="7",
        actor_type="user",
        actor_id="ada",
        occurred_at=TIME,
    )
    assert found == description


@pytest.mark.parametrize(
    ("options", "description"),
    [
        ({}, "test.made"),
        ({"actor_type": "system"}, "test.made by system"),
        (
            {
                "aggregate_type": "deal",
                "aggregate_id": "7",
                "actor_type": "user",
                "actor_id": "ada",
                "outcome": "failure",
            },
            "test.made deal/7 by ada (failure)",
        ),
    ],
)
def test_without_a_summary(pg: AnyConnection, options: dict[str, Any], description: str) -> None:
    assert described(pg, None, **options) == description


@pytest.mark.parametrize(
    "summary",
    [
        "",
        "{",
        "}",
        "{}",
        "a {payload.a",
        "{payload}",
        "{payload.}",
        "{payload..a}",
        "{hash}",
        "{private.name}",
        "{aggregate_id.x}",
        "{tier}",
        "{nothing}",
        "{{payload.a}",
        "x" * 501,
    ],
)
def test_an_unknown_placeholder_is_refused(
    pg: AnyConnection, refused: Refused, summary: str
) -> None:
    statement = "select ledger.register_event_type('test.made', '{}', summary => %s)"
    refused(pg, "LG009", statement, [summary])


def test_a_later_version_keeps_the_summary_or_gives_another(pg: AnyConnection) -> None:
    ledger = Ledger(pg)
    ledger.register_event_type("test.made", {}, summary="one")
    event = ledger.emit_event("test.made").id
    ledger.register_event_type("test.made", {"properties": {"a": {}}})
    assert ledger.describe_event(event) == "one"
    ledger.register_event_type("test.made", {"properties": {"a": {}}}, summary="two")
    assert ledger.describe_event(event) == "two"


def test_choosing_by_type_finds_every_type(pg: AnyConnection) -> None:
    """The search by halves, for every number of types: each finds its own, others the rest."""
    for count in (0, 1, 3, 8, 9, 94):
        types = [f"t.n{number:03}" for number in range(count)]
        row = pg.execute(
            "select ledger.choose_by_type(%s, %s, '-1')", [types, [str(n) for n in range(count)]]
        ).fetchone()
        assert row is not None
        chosen = pg.execute(
            f"select {row[0]} from unnest(%s::text[]) with ordinality as e (event_type, n) "
            "order by e.n",
            [[*types, "a", "t.n0000", "z"]],
        ).fetchall()
        assert [n for (n,) in chosen] == [*range(count), -1, -1, -1]
