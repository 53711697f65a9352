"""What was kept and cannot become an event."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from capture.folding import emit_captured, findings, made, waiting
from verifying.tampering import forge

AnyConnection = psycopg.Connection[Any]
Connect = Callable[..., AnyConnection]
Refused = Callable[..., psycopg.Error]


STRICT = """
select ledger.register_event_type('stock.created', '{
  "type": "object", "required": ["new"],
  "properties": {"new": {"type": "object", "properties": {"n": {"type": "integer", "minimum": 0}}}}
}', catalog => 'capture', schema_version => 2)
"""


@pytest.fixture
def stuck(stock: AnyConnection, pg: AnyConnection) -> AnyConnection:
    """Three statements, of which the second cannot become an event; another table's works."""
    stock.execute("create table other (id int primary key)")
    stock.execute("select ledger.track_table('other', deferred => true)")
    for statement in ("(1, 1)", "(2, -1)", "(3, 1)"):
        stock.execute("insert into stock values " + statement)  # type: ignore[arg-type]
    stock.execute("insert into other values (1)")
    pg.execute(STRICT)
    return stock


@pytest.mark.usefixtures("stuck")
def test_what_is_stuck_keeps_its_order(pg: AnyConnection) -> None:
    assert emit_captured(pg) == 2
    assert emit_captured(pg) == 0
    assert waiting(pg) == 2
    ((kind, name, detail, hint),) = pg.execute(
        "select kind, object, detail, hint from ledger.check_capture()"
    ).fetchall()
    assert (kind, name) == ("capture stuck", "stock")
    assert "LG003" in detail
    assert "discard_captured" in hint
    # Mended, it goes on by itself.
    pg.execute(STRICT.replace('"minimum": 0', '"minimum": -1').replace("=> 2", "=> 3"))
    assert emit_captured(pg) == 2
    assert made(pg) == [("created", str(key), 1) for key in (1, 2, 3)]
    assert findings(pg) == []


def test_what_came_before_what_is_stuck(stock: AnyConnection, pg: AnyConnection) -> None:
    """Is made, in the same call, wherever in the queue it is."""
    pg.execute(STRICT)
    for key in range(150):
        stock.execute("insert into stock values (%s, %s)", [key, -1 if key == 130 else 0])
    assert emit_captured(pg) == 130
    assert waiting(pg) == 20
    assert emit_captured(pg) == 0


def test_many_stuck_types_hold_up_no_other(owner: AnyConnection, pg: AnyConnection) -> None:
    """Among those that are not, and in any order."""
    for number in range(12):
        owner.execute(f"create table t{number} (id int primary key)")  # type: ignore[arg-type]
        owner.execute("select ledger.track_table(%s::regclass, deferred => true)", [f"t{number}"])
        if number % 3:
            pg.execute(
                "select ledger.register_event_type(%s, %s, schema_version => 2,"
                " compatibility => 'none')",
                [f"t{number}.created", '{"required": ["reason"]}'],
            )
    for key in range(100):
        owner.execute(f"insert into t{key * 7 % 12} values ({key})")  # type: ignore[arg-type]
    assert emit_captured(pg) == len([key for key in range(100) if key * 7 % 12 % 3 == 0])
    assert emit_captured(pg) == 0
    stuck = "select count(*) from ledger.capture_queue where error is not null"
    assert pg.execute(stuck).fetchone() == (8,)


def test_what_is_stuck_can_be_given_up(
    stuck: AnyConnection, pg: AnyConnection, refused: Refused
) -> None:
    emit_captured(pg)
    (number,) = (
        pg.execute("select id from ledger.capture_queue where error is not null").fetchone() or ()
    )
    discard = "select ledger.discard_captured(%s, %s)"
    refused(pg, "LG009", discard, [number, " "])
    refused(pg, "LG009", discard, [number - 1, "not stuck"])
    refused(pg, "LG009", discard, [0, "not there"])
    refused(stuck, "42501", discard, [number, "not mine"])
    pg.execute(discard, [number, "entered by mistake"])
    assert emit_captured(pg) == 1
    assert [key for _, key, _ in made(pg)] == ["1", "3"]
    ((tenant, payload),) = pg.execute(
        "select tenant_id, payload from ledger.events where event_type = 'ledger.capture_discarded'"
    ).fetchall()
    assert (tenant, payload["aggregate_ids"], payload["reason"]) == (
        "acme", ["2"], "entered by mistake",
    )  # fmt: skip
    assert payload["error"]["sqlstate"] == "LG003"
    forged = "select ledger.emit_event('ledger.capture_discarded', %s, 'acme')"
    refused(pg, "LG005", forged, [psycopg.types.json.Jsonb(payload)])


def test_very_many_rows_can_be_given_up(stock: AnyConnection, pg: AnyConnection) -> None:
    stock.execute("insert into stock select n, -1 from generate_series(1, 1001) as n")
    pg.execute(STRICT)
    assert emit_captured(pg) == 0
    pg.execute("select ledger.discard_captured(id, 'all wrong') from ledger.capture_queue")
    ((payload,),) = pg.execute(
        "select payload from ledger.events where event_type = 'ledger.capture_discarded'"
    ).fetchall()
    assert (len(payload["aggregate_ids"]), payload["aggregate_count"]) == (1000, 1001)


def test_at_once_again_mends_the_schema(stuck: AnyConnection, pg: AnyConnection) -> None:
    """Tracking a table registers its event types as they should be."""
    emit_captured(pg)
    stuck.execute("select ledger.track_table('stock')")
    stuck.execute("insert into stock values (4)")
    assert [key for _, key, _ in made(pg)] == ["1", "2", "3", "4"]


def test_what_waits_for_long_is_reported(stock: AnyConnection, pg: AnyConnection) -> None:
    stock.execute("insert into stock values (1)")
    assert findings(pg) == []
    forge(pg, "update ledger.capture_queue set captured_at = now() - interval '6 minutes'")
    assert findings(pg) == ["capture late"]
    lag = "select value from ledger.metrics(with_findings => false) where name = %s"
    assert (pg.execute(lag, ["capture_lag_seconds"]).fetchone() or (0,))[0] > 359
    since = "select now() - waiting_since > '5 minutes' from ledger.tracking_status"
    assert pg.execute(since).fetchone() == (True,)
    emit_captured(pg)
    assert pg.execute(lag, ["capture_lag_seconds"]).fetchone() == (0,)
