"""SQLSTATE to exception, over a real server."""

from __future__ import annotations

import pickle
from typing import Any

import psycopg
import pytest
from psycopg import sql

from agent_events import errors

Connection = psycopg.Connection[Any]


def raised(pg: Connection, sqlstate: str) -> psycopg.Error:
    statement = sql.SQL(
        "do $$ begin "
        "raise exception using errcode = {}, message = 'm', detail = 'd', hint = 'h'; end $$"
    )
    with pytest.raises(psycopg.Error) as error:
        pg.execute(statement.format(sql.Literal(sqlstate)))
    return error.value


@pytest.mark.parametrize(("sqlstate", "cls"), sorted(errors.BY_SQLSTATE.items()))
def test_each_sqlstate_is_its_exception(
    pg: Connection, sqlstate: str, cls: type[errors.LedgerError]
) -> None:
    error = errors.translated(raised(pg, sqlstate))
    assert type(error) is cls
    assert (error.sqlstate, error.message, error.detail, error.hint) == (sqlstate, "m", "d", "h")
    assert str(error) == "m\nDETAIL: d\nHINT: h"


def test_sqlstate_of_a_newer_ledger_is_the_base_class(pg: Connection) -> None:
    error = errors.translated(raised(pg, "LG099"))
    assert type(error) is errors.LedgerError
    assert error.sqlstate == "LG099"


def test_any_other_sqlstate_is_not_translated(pg: Connection) -> None:
    assert errors.translated(raised(pg, "22023")) is None


def test_errors_survive_pickling() -> None:
    error = pickle.loads(pickle.dumps(errors.LegalHold("m", detail="d")))  # noqa: S301
    assert isinstance(error, errors.LegalHold)
    assert (error.message, error.detail, error.sqlstate) == ("m", "d", "LG008")
