"""A ledger with an old month in the archive, who signs for it, and its files."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from cold.partitions import batch, emit_at
from psycopg.conninfo import make_conninfo

from agent_events.anchors import open_store
from agent_events.cold.check import Checked, check_file
from agent_events.cold.covered import SignedWitness
from agent_events.cold.drop import drop_partition
from agent_events.cold.export import Exported, export_partition
from agent_events.cold.log import LogWitness
from agent_events.cold.manifest import Manifest, data_path, manifest_path, read_manifest
from agent_events.cold.restore import restore_partition
from agent_events.proofs import Checkpoint, SigningKey
from agent_events.verifying import Anchored, load
from agent_events.verifying.session import open_session

AnyConnection = psycopg.Connection[Any]
MAY = "agent_events_p20210501"
JUNE = "agent_events_p20210601"
NAME = "ledger.example"
TENANTS = ("acme", "globex")
CORRELATION = "00000000-0000-4000-8000-00000000c01d"

LATE = {"aggregate_type": "deal", "aggregate_id": "late"}

HARD: list[dict[str, Any]] = [
    {"payload": {"text": 'ünï – 漢字 😀 "quoted" \\ \u2028 \x7f \t end', "empty": ""}},
    {"payload": {"n": None}, "metadata": {"a": [1.0, 2.50]}, "occurred_at": "0044-03-15 BC"},
    {"occurred_at": "294276-12-31T23:59:59.999999Z", "outcome": "partial"},
    {"occurred_at": "2020-02-29T23:59:59.999999Z", "actor_type": "user", "actor_id": "änn"},
    {"proof": {"type": "url", "url": "https://example.com/ü"}, "aggregate_id": "ü,\n\"'"},
    {"correlation_id": CORRELATION, "aggregate_id": "\\N"},
    {"deal_id": CORRELATION, "action_id": CORRELATION, "causation_id": CORRELATION},
]
"""What is easily lost on the way to a file and back."""


def hard_batch() -> list[dict[str, Any]]:
    return [
        {"event_type": "run.paused", "publish": False, "payload": {}}
        | ({"aggregate_type": "deal"} if "aggregate_id" in event else {})
        | event
        for event in HARD
    ]


@dataclass
class Ledger:
    """The ledger under test, its operator's connection string, and a folder for files."""

    pg: AnyConnection
    dsn: str
    operator: str
    folder: Path
    keys: dict[str, SigningKey]

    @property
    def anchor(self) -> str:
        return f"file:{self.folder.parent / 'anchor.jsonl'}"

    @property
    def vkeys(self) -> list[str]:
        return [key.vkey().text() for key in self.keys.values()]

    @property
    def data(self) -> Path:
        return data_path(self.folder, MAY)

    @property
    def manifest_file(self) -> Path:
        return manifest_path(self.folder, MAY)

    @property
    def manifest(self) -> Manifest:
        return read_manifest(self.manifest_file)

    def export(self, name: str = MAY) -> Exported:
        return export_partition(self.operator, name, self.folder)

    def sign(self, tenants: Sequence[str] = TENANTS) -> None:
        """Sign the logs as they stand."""
        for tenant_id in tenants:
            row = self.pg.execute(
                "select tree_size, root from ledger.log_heads where tenant_id = %s", [tenant_id]
            ).fetchone()
            assert row is not None
            self.anchor_note(tenant_id, *row)

    def anchor_note(self, tenant_id: str, tree_size: int, root: bytes) -> None:
        checkpoint = Checkpoint(f"{NAME}/{tenant_id}", tree_size, root)
        open_store(self.anchor).append(self.keys[tenant_id].sign(checkpoint))

    def anchored(self, tenants: Sequence[str] = TENANTS) -> Anchored:
        return load([open_store(self.anchor)], [self.keys[each].vkey() for each in tenants])

    def check(self, name: str = MAY, *, offline: bool = False) -> Checked:
        """Verify a file: with the log, and what is signed where something is."""
        if offline:
            return check_file(self.folder, name)
        with open_session(self.operator) as session:
            witnesses = [LogWitness(session)]
            return check_file(self.folder, name, witnesses)

    def check_signed(self) -> Checked:
        with open_session(self.operator) as session:
            return check_file(self.folder, MAY, [SignedWitness(session, self.anchored())])

    def drop(self, name: str = MAY, patience: float = 60) -> Checked:
        anchored = self.anchored()
        return drop_partition(self.operator, name, self.folder, anchored, patience=patience)

    def restore(self, name: str = MAY) -> Checked:
        return restore_partition(self.operator, name, self.folder)

    def tier(self, name: str = MAY) -> str:
        row = self.pg.execute(
            "select tier from ledger.partitions where partition_name = %s", [name]
        ).fetchone()
        assert row is not None
        return str(row[0])

    def count(self) -> int:
        """Events of May that are in the database."""
        row = self.pg.execute(
            "select count(*) from ledger.events where created_at < '2021-06-01Z'"
        ).fetchone()
        assert row is not None
        return int(row[0])

    def recorded(self) -> int:
        row = self.pg.execute("select count(*) from ledger.cold_files").fetchone()
        assert row is not None
        return int(row[0])


def kinds(checked: Checked) -> set[str]:
    """What is wrong with a file, in a word each."""
    return {finding.kind for finding in checked.findings}


def archive(pg: AnyConnection, name: str) -> None:
    pg.execute("call ledger.archive_partition(%s)", [name])


def give_name(pg: AnyConnection) -> None:
    """For sessions from now on."""
    pg.execute(f"alter database \"{pg.info.dbname}\" set ledger.name = '{NAME}'")


def fill(pg: AnyConnection) -> None:
    """May and June 2021 of two tenants, whose events in May are no one range of positions.

    A transaction of acme that began in May commits when others were sealed already.
    """
    with psycopg.connect(pg.info.dsn, autocommit=True) as late:
        emit_at(pg, "2021-05-10Z", batch(60), "acme")
        emit_at(pg, "2021-05-11Z", [*hard_batch(), *batch(5, streams=2, first=100)], "globex")
        late.execute("begin")
        emit_at(late, "2021-05-31Z", [{**event, **LATE} for event in batch(4)], "acme")
        emit_at(pg, "2021-06-10Z", batch(30, first=60), "acme")
        emit_at(pg, "2021-06-10Z", batch(3, first=60), "globex")
        pg.execute("select * from ledger.seal_all()")
        late.execute("commit")
    pg.execute("select * from ledger.seal_all()")
    pg.execute("select * from ledger.emit_event('run.paused', tenant_id => 'acme')")
    pg.execute("select * from ledger.seal_all()")


def ledger_of(pg: AnyConnection, dsn: str, operator: str, folder: Path) -> Ledger:
    keys = {tenant_id: SigningKey.generate(f"{NAME}/{tenant_id}") for tenant_id in TENANTS}
    return Ledger(pg, dsn, make_conninfo(dsn, user=operator), folder, keys)


def jsonl(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]
