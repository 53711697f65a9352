"""That a checkpoint was signed: recorded when it is one of this log."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from agent_events import Ledger
from agent_events.proofs import Checkpoint, SigningKey

AnyConnection = psycopg.Connection[Any]
Connect = Callable[..., AnyConnection]
LoginRole = Callable[..., str]
Refused = Callable[..., psycopg.Error]

ORIGIN = "example.com/ledger/acme"
RECORD = "select ledger.record_checkpoint(%s, 'acme')"
KEY = SigningKey.generate(ORIGIN)


@pytest.fixture
def text(pg: AnyConnection) -> str:
    """An unsigned checkpoint of the two events that acme has."""
    pg.execute("select ledger.register_event_type('deal.changed', '{}')")
    for _ in range(2):
        pg.execute("select ledger.emit_event('deal.changed', tenant_id => 'acme')")
    pg.execute("select ledger.seal('acme')")
    return Ledger(pg).checkpoint(ledger_name="example.com/ledger", tenant_id="acme")


def signed(text: str, **changes: Any) -> str:
    checkpoint = Checkpoint.parse(text)
    old = {"tree_size": checkpoint.tree_size, "root": checkpoint.root}
    return KEY.sign(Checkpoint(checkpoint.origin, **(old | changes)))


def last(pg: AnyConnection) -> Any:
    row = pg.execute(
        "select payload from ledger.events where event_type = 'ledger.checkpoint_signed'"
        " order by id desc limit 1"
    ).fetchone()
    return row and row[0]


@pytest.mark.parametrize("privilege", ["audit", "operate"])
def test_auditors_and_operators_record_it(
    pg: AnyConnection, connect: Connect, login_role: LoginRole, text: str, privilege: str
) -> None:
    officer = connect(user=login_role("officer", {"acme": [privilege]}))
    event_id = Ledger(officer).record_checkpoint(signed(text), tenant_id="acme")
    assert last(pg) == {
        "origin": ORIGIN,
        "tree_size": 2,
        "root": Checkpoint.parse(text).root.hex(),
        "key_name": ORIGIN,
        "recorded_by": officer.info.user,
    }
    query = "select tenant_id from ledger.events where id = %s"
    assert pg.execute(query, [event_id]).fetchone() == ("acme",)


def test_an_older_one_counts_too(pg: AnyConnection, text: str) -> None:
    pg.execute("select ledger.emit_event('deal.changed', tenant_id => 'acme')")
    pg.execute("select ledger.seal('acme')")
    pg.execute(RECORD, [signed(text)])
    assert last(pg)["tree_size"] == 2


def test_one_of_another_log_is_refused(pg: AnyConnection, refused: Refused, text: str) -> None:
    for note in (
        signed(text, root=bytes(32)),
        signed(text, tree_size=1),
        signed(text, tree_size=3),
        SigningKey.generate("example.com/ledger/globex").sign(
            Checkpoint("example.com/ledger/globex", 2, Checkpoint.parse(text).root)
        ),
    ):
        refused(pg, "LG010", RECORD, [note])
    pg.execute("set ledger.name = 'example.com/other'")
    refused(pg, "LG010", RECORD, [signed(text)])
    assert last(pg) is None


def test_one_that_nobody_signed_is_refused(pg: AnyConnection, refused: Refused, text: str) -> None:
    for note in (text, "", None, f"{text}\n", "nonsense"):
        refused(pg, "LG009", RECORD, [note])


@pytest.mark.parametrize("privileges", [["read", "write"], ["read", "privacy", "register"]])
def test_others_do_not(
    connect: Connect, login_role: LoginRole, refused: Refused, text: str, privileges: list[str]
) -> None:
    other = connect(user=login_role("other", {"acme": privileges}))
    refused(other, "42501", RECORD, [signed(text)])
    elsewhere = connect(user=login_role("elsewhere", {"acme": privileges, "globex": ["audit"]}))
    refused(elsewhere, "LG005", RECORD, [signed(text)])


def test_the_metric_is_of_the_last_on_record(pg: AnyConnection, text: str) -> None:
    pg.execute(RECORD, [signed(text)])
    pg.execute("select ledger.seal('acme')")
    pg.execute("select ledger.count_events()")
    query = """
        select m.labels, to_timestamp(m.value) between now() - interval '1 minute' and now()
        from ledger.metrics() as m where m.name = 'last_checkpoint_timestamp_seconds'
    """
    assert pg.execute(query).fetchall() == [({"tenant_id": "acme"}, True)]
