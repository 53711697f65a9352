"""What Prometheus gets: right, of few values, and cheap to ask for."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from time import monotonic, time
from typing import Any

import psycopg
import pytest
from click.testing import CliRunner
from log.emitting import insert_many
from monitoring.conftest import Start, get
from prometheus_client.parser import text_string_to_metric_families
from psycopg.conninfo import make_conninfo
from stats.counting import count_events, emit_many

from agent_events import Ledger
from agent_events.cli import metrics as metrics_command
from agent_events.monitoring import exporter as exporter_module
from agent_events.monitoring.exporter import Exporter
from agent_events.monitoring.families import FAMILIES, text

AnyConnection = psycopg.Connection[Any]
Values = dict[tuple[str, ...], float]


def parsed(content: str) -> Values:
    """(name, label values …): value."""
    return {
        (sample.name.removeprefix("agent_events_"), *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(content)
        for sample in family.samples
    }


def metrics(connection: AnyConnection, **options: Any) -> Values:
    return parsed(text(Ledger(connection).metrics(**options)).decode())


def test_numbers_are_right(busy: AnyConnection) -> None:
    found = metrics(busy)
    assert found["events_total", "acme"] == 7
    assert found["events_total", "other"] == 3
    assert found["events_by_type_total", "run.paused"] == 3
    assert found["events_by_type_total", ""] == 5
    assert found["events_by_outcome_total", "failure"] == 5
    assert found["payload_bytes_total",] > 0
    assert found["uncounted_events",] >= 2
    assert (found["unsealed_events",], found["count_skipped_events",]) == (1, 0)
    assert 0 < found["seal_lag_seconds",] < 60
    assert found["outbox_lag_messages", "nowhere"] >= 3
    assert found["outbox_lag_seconds", "nowhere"] > 0
    assert (
        found["outbox_dead_messages", "nowhere"],
        found["outbox_parked_messages", "nowhere"],
    ) == (1, 0)
    assert found["inbox_failures", "billing", "waiting"] == 1
    assert found["partitions", "hot"] > 1
    assert found["partition_bytes", "hot"] > 8192
    assert found["outbox_bytes",] > 8192
    assert found["partitions_ahead_seconds", "agent_events"] > 30 * 86400
    assert found["snapshots",] == 0
    assert found["maintenance_failing_steps",] == 0
    assert time() - found["maintenance_last_success_timestamp_seconds",] < 300
    assert found["doctor_findings", "dead messages", "warning"] == 1


def test_counters_never_go_back(busy: AnyConnection) -> None:
    """Also while more is waiting to be counted than is counted on the spot."""
    before = metrics(busy)
    emit_many(busy, 2_001)
    during = metrics(busy)
    count_events(busy)
    after = metrics(busy)
    for key in before:
        if key[0].endswith("_total"):
            assert before[key] <= during[key] <= after[key], key


def test_every_metric_is_described(busy: AnyConnection) -> None:
    """And none is made up: a sample that has no family would be left out silently."""
    samples = Ledger(busy).metrics()
    assert {sample.name for sample in samples} <= set(FAMILIES)
    for sample in samples:
        assert tuple(sorted(sample.labels)) == tuple(sorted(FAMILIES[sample.name].labels))


def test_names_are_as_prometheus_has_them(busy: AnyConnection) -> None:
    """Base units, _total for what only grows, a help for each."""
    content = text(Ledger(busy).metrics()).decode()
    for family in text_string_to_metric_families(content):
        assert family.documentation
        assert family.name.startswith("agent_events_")
        assert not family.name.endswith(("_ms", "_milliseconds", "_kb", "_count", "_minutes"))
        assert family.type == ("counter" if f"{family.name}_total" in content else "gauge")


def test_actors_are_never_labels(busy: AnyConnection) -> None:
    assert "somebody" not in text(Ledger(busy).metrics()).decode()


def test_tenants_are_bounded(busy: AnyConnection) -> None:
    found = metrics(busy, max_tenants=1)
    totals = {key[1]: value for key, value in found.items() if key[0] == "events_total"}
    rest = sum(value for name, value in totals.items() if name == "")
    assert set(totals) == {"acme", ""}
    assert rest == sum(metrics(busy).get(("events_total", t), 0) for t in ("other", "ledger"))


def test_a_scrape_reads_no_events(busy: AnyConnection) -> None:
    """50,000 events more cost not a block more of theirs."""
    touched = """
        select sum(heap_blks_hit + heap_blks_read + idx_blks_hit + idx_blks_read)
        from pg_statio_user_tables
        where schemaname = 'ledger' and relname ~ '^(agent_events_p|outbox_p|log_entries)'
    """

    def cost() -> int:
        busy.execute("select pg_stat_force_next_flush()")
        (before,) = busy.execute(touched).fetchone() or (0,)
        metrics(busy, with_findings=False)
        busy.execute("select pg_stat_force_next_flush()")
        (after,) = busy.execute(touched).fetchone() or (0,)
        return int(after - before)

    busy.execute("select ledger.seal_all()")
    metrics(busy, with_findings=False)
    small = cost()
    insert_many(busy, 50_000)
    busy.execute("select ledger.seal_all()")
    metrics(busy, with_findings=False)
    assert cost() <= small + 50


def test_over_http_and_503_while_the_database_is_down(
    busy: AnyConnection, dsn: str, start: Start
) -> None:
    exporter = start(dsn, "--listen", "0")
    said = exporter.wait_for("listening")
    assert said["host"] == "127.0.0.1"
    port = said["port"]
    status, content = get(port)
    assert (status, parsed(content)["up",]) == (200, 1)
    assert get(port, "/")[0] == 404
    name = busy.info.dbname
    with psycopg.connect(make_conninfo(dsn, dbname="postgres"), autocommit=True) as admin:
        admin.execute(f"alter database {name} allow_connections false")
        admin.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = %s and application_name = 'agent-events'",
            [name],
        )
        while get(port)[0] != 503:
            pass
        assert exporter.wait_for("failed")
        admin.execute(f"alter database {name} allow_connections true")
    while get(port)[0] != 200:
        pass
    exporter.wait_for("recovered")


def test_as_a_file(busy: AnyConnection, dsn: str, start: Start, tmp_path: Path) -> None:
    file = tmp_path / "agent_events.prom"
    start(dsn, "--output", str(file), "--every", "200ms")
    while not file.exists():
        pass
    assert parsed(file.read_text())["events_total", "acme"] == 7
    assert file.stat().st_mode & 0o777 == 0o644
    emit_many(busy, 1)
    while parsed(file.read_text())["events_total", "acme"] != 9:  # sealed with it: one more
        pass


def test_a_file_beside_http_is_written_again(
    busy: AnyConnection,  # noqa: ARG001
    dsn: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(metrics_command, "BESIDE_LISTEN", timedelta(seconds=0.1))
    written = []
    options = ["--listen", "0", "--output", str(tmp_path / "file"), "--dsn", dsn]

    def write(path: Path, _content: bytes) -> None:
        written.append(path)
        if len(written) == 3:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(metrics_command, "write", write)
    assert CliRunner().invoke(metrics_command.command, options).exit_code == 0
    assert len(written) == 3


def test_a_file_that_cannot_be_written_is_tried_again(
    busy: AnyConnection,  # noqa: ARG001
    dsn: str,
    start: Start,
    tmp_path: Path,
) -> None:
    file = tmp_path / "later" / "agent_events.prom"
    exporter = start(dsn, "--output", str(file), "--every", "200ms")
    assert exporter.wait_for("not written")["message"] == "No such file or directory"
    file.parent.mkdir()
    while not file.exists():
        pass


def test_a_backend_that_stands_still_is_waited_for_no_longer_than_told(
    busy: AnyConnection, dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporter_module, "LONGEST_ANSWER", 0.5)
    monkeypatch.setattr(exporter_module, "FRESH", 0)
    name = "select pid from pg_stat_activity where application_name = 'exporter'"

    async def run() -> float:
        exporter = Exporter(f"{dsn} application_name=exporter", lambda _event, **_fields: None, 10)
        await exporter.read()
        (pid,) = busy.execute(name).fetchone() or (0,)
        os.kill(pid, signal.SIGSTOP)
        try:
            began = monotonic()
            assert await exporter.read_or_log() is None
            took = monotonic() - began
            assert await exporter.read_or_log() is not None
        finally:
            os.kill(pid, signal.SIGCONT)
        await exporter.close()
        return took

    assert asyncio.run(run()) < 2


@pytest.mark.parametrize(
    ("grants", "is_permitted"),
    [
        ({"*": ["read"]}, True),
        ({"*": ["operate"]}, True),
        ({"*": ["audit"]}, True),
        ({"acme": ["read", "operate"]}, False),
    ],
)
def test_who_may_ask(
    busy: AnyConnection,  # noqa: ARG001
    connect: Callable[..., AnyConnection],
    login_role: Callable[..., str],
    refused: Callable[..., psycopg.Error],
    grants: dict[str, list[str]],
    is_permitted: bool,
) -> None:
    connection = connect(user=login_role("monitor", grants))
    if is_permitted:
        assert metrics(connection)["events_total", "acme"] == 7
        assert metrics(connection)["outbox_dead_messages", "nowhere"] == 1
    else:
        refused(connection, "LG005", "select * from ledger.metrics()")
