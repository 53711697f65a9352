"""Cold files are given up when their time is over, and not under a hold."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from cold.partitions import JUNE, MAY, File, checkpoints, complaints, findings

from agent_events.verifying import verify

AnyConnection = psycopg.Connection[Any]
Connect = Callable[..., AnyConnection]
Refused = Callable[..., psycopg.Error]

EXPIRE = "select ledger.expire_cold(%s, 'policy 7')"
KEEP = "select ledger.set_retention(cold_for => %s)"


def test_a_file_expires(
    ledger: AnyConnection, operator: AnyConnection, cold: File, dsn: str
) -> None:
    operator.execute(KEEP, ["1 year"])
    assert operator.execute(EXPIRE, [MAY]).fetchone() == ([f"{MAY}.parquet"],)
    row = ledger.execute(
        "select tier from ledger.partitions where partition_name = %s", [MAY]
    ).fetchone()
    assert row == ("dropped",)
    told = ledger.execute(
        "select payload from ledger.events where event_type = 'ledger.partition_dropped'"
        " order by created_at desc limit 1"
    ).fetchone()
    assert told is not None
    assert told[0]["old_tier"] == "cold"
    assert told[0]["new_tier"] == "dropped"
    assert told[0]["reason"] == "policy 7"
    assert told[0]["dropped_by"] == operator.info.user
    assert findings(ledger) == []
    assert verify(dsn).findings == []
    assert complaints(ledger) == set()

    # Somebody kept a copy.
    assert cold.restore(operator) == cold.row_count
    assert findings(ledger) == []
    assert complaints(ledger) == set()


@pytest.mark.usefixtures("cold")
def test_not_before_its_time(operator: AnyConnection, refused: Refused) -> None:
    error = refused(operator, "55000", EXPIRE, [MAY])
    assert "For ever" in (error.diag.message_detail or "")
    operator.execute(KEEP, ["100 years"])
    error = refused(operator, "55000", EXPIRE, [MAY])
    assert "cold_for is 100 years" in (error.diag.message_detail or "")


@pytest.mark.usefixtures("cold")
@pytest.mark.parametrize(
    "scope",
    [
        "",
        ", aggregate_type => 'deal', aggregate_id => '99'",
        ", correlation_id => '10000000-0000-4000-8000-000000000001'",
        ", subject_id => 'ada'",
        ", from_time => '2021-05-31Z'",
        ", to_time => '2021-05-01 00:00:01Z'",
    ],
)
def test_not_under_a_hold_of_that_time(
    operator: AnyConnection, refused: Refused, scope: str
) -> None:
    """Whatever else it is limited to: that stands in the file only."""
    operator.execute(KEEP, ["1 year"])
    row = operator.execute(
        f"select ledger.place_hold('matter 88', tenant_id => 'globex'{scope})"
    ).fetchone()
    assert row is not None
    error = refused(operator, "LG008", EXPIRE, [MAY])
    assert "matter 88" in (error.diag.message_detail or "")
    operator.execute("select ledger.release_hold(%s, 'over', 'globex')", [row[0]])
    operator.execute(EXPIRE, [MAY])


@pytest.mark.usefixtures("cold")
@pytest.mark.parametrize("scope", [", from_time => '2021-06-01Z'", ", to_time => '2021-05-01Z'"])
def test_a_hold_of_another_time(operator: AnyConnection, scope: str) -> None:
    operator.execute(KEEP, ["1 year"])
    operator.execute(f"select ledger.place_hold('matter 88', tenant_id => 'acme'{scope})")
    operator.execute(EXPIRE, [MAY])


def test_only_cold_partitions(
    ledger: AnyConnection, operator: AnyConnection, file: File, refused: Refused
) -> None:
    operator.execute(KEEP, ["1 year"])
    refused(operator, "LG009", EXPIRE, [MAY])
    refused(operator, "LG009", EXPIRE, [JUNE])
    refused(operator, "LG009", EXPIRE, [None])
    file.drop(operator, checkpoints(ledger))
    refused(operator, "LG009", "select ledger.expire_cold(%s, ' ')", [MAY])
    operator.execute(EXPIRE, [MAY])
    refused(operator, "LG009", EXPIRE, [MAY])


@pytest.mark.usefixtures("cold")
def test_for_operators_of_all_tenants(connect: Connect, login_role: Any, refused: Refused) -> None:
    some = connect(user=login_role("operator", {"acme": ["operate"]}))
    refused(some, "LG005", EXPIRE, [MAY])
    reader = connect(user=login_role("reader", {"*": ["read", "write"]}))
    refused(reader, "42501", EXPIRE, [MAY])
