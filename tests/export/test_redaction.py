"""Secrets and personal data are planted in every place; then every output is searched for them."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pyarrow.parquet as pq
import pytest
from click.testing import Result
from psycopg.types.json import Jsonb
from verifying.tampering import forge

from agent_events import Ledger

AnyConnection = psycopg.Connection[Any]
Run = Callable[..., Result]

FORMATS = ("jsonl", "json", "csv", "parquet")
SECRETS = (
    "sec-payload-key",
    "sec-payload-deep",
    "sec-metadata",
    "sec-proof",
    "sec-marked",
    "sec-marked-later",
    "sec-list-changed",
)
PRIVATE = ("pii-marked", "pii-in-list", "pii-argument", "pii-early-nested", "pii-early")
SUBJECT = "pii-subject"

FIRST = {"properties": {"name": {}, "people": {"items": {"properties": {"mail": {}}}}}}
MARKED: dict[str, Any] = {
    "properties": {
        "name": {"x-private": True},
        "pin": {"x-secret": True},
        "card": {"x-secret": True},
        "people": {"items": {"properties": {"mail": {"x-private": True}}}},
    }
}


@pytest.fixture
def planted(ledger: Ledger, pg: AnyConnection) -> Ledger:
    """Events with something to hide in every place there is."""
    summary = "{payload.name} / {payload.people.0.mail} / {payload.card} / {metadata.note.token}"
    ledger.register_event_type("person.seen", FIRST, summary=summary)
    early = {"name": "pii-early", "people": [{"mail": "pii-early-nested"}, {"mail": None}, 1]}
    ledger.emit_event("person.seen", early | {"card": "sec-marked-later"})
    ledger.register_event_type("person.seen", MARKED, compatibility="none")
    ledger.emit_event(
        "person.seen",
        {
            "name": "pii-marked",
            "pin": "sec-marked",
            "people": [{"mail": "pii-in-list"}, {"nick": "seen"}],
            "db_password": "sec-payload-key",
            "deep": [[{"Authorization": "sec-payload-deep"}]],
        },
        metadata={"note": {"token": "sec-metadata"}},
        proof={"type": "api_response", "data": {"cookie": "sec-proof"}},
        private={"phone": "pii-argument"},
        subject_id=SUBJECT,
    )
    ledger.emit_event("run.paused", {"reason": "seen"})
    # As it would stand there if the deny list had been shorter then.
    old = ledger.emit_event("run.paused", {"reason": "seen"}, metadata={"n": 1}).id
    forge(
        pg,
        "update ledger.agent_events set payload = jsonb_set(payload, '{api_key}', %s), "
        "metadata = jsonb_build_object('Cookie', %s::text), "
        "proof = jsonb_build_object('Passwd', %s::text) "
        "where id = %s",
        *[Jsonb("sec-list-changed"), "sec-list-changed", "sec-list-changed", old],
    )
    return ledger


def text_of(path: Path) -> str:
    if path.suffix == ".parquet":
        return str(pq.read_table(path).to_pylist()) + str(pq.read_metadata(path))
    return path.read_text("utf-8")


def missing(words: tuple[str, ...], text: str) -> set[str]:
    return {word for word in words if word not in text}


@pytest.mark.parametrize("file_format", FORMATS)
def test_a_redacted_export_has_nothing_that_was_planted(
    planted: Ledger,  # noqa: ARG001
    reader: AnyConnection,
    run: Run,
    tmp_path: Path,
    file_format: str,
) -> None:
    path = tmp_path / f"export.{file_format}"
    command = ["export", "--tenant-id", "acme", "--format", file_format]
    done = run(reader, *command, "--output", str(path), "--proof")
    assert done.exit_code == 0, done.stderr
    texts = [text_of(path), done.stdout, done.stderr]
    if file_format != "parquet":
        to_stdout = run(reader, *command, "--json")
        texts += [to_stdout.stdout, to_stdout.stderr]
    for text in texts:
        assert missing((*SECRETS, *PRIVATE, SUBJECT), text) == {*SECRETS, *PRIVATE, SUBJECT}
    assert not missing(("person.seen", "seen", "***"), texts[0])


@pytest.mark.parametrize("file_format", FORMATS)
def test_an_unredacted_export_has_what_is_private_but_no_secret(
    planted: Ledger,
    officer: AnyConnection,
    run: Run,
    tmp_path: Path,
    file_format: str,
) -> None:
    path = tmp_path / f"export.{file_format}"
    command = ["export", "--tenant-id", "acme", "--format", file_format, "--output", str(path)]
    done = run(officer, *command, "--unredacted", "--purpose", "Request 12")
    assert done.exit_code == 0, done.stderr
    text = text_of(path)
    assert not missing(PRIVATE, text)
    assert missing(SECRETS, text) == {*SECRETS}
    (start,) = planted.find_events(event_types=["ledger.export_started"])
    (end,) = planted.find_events(event_types=["ledger.export_created"])
    for event in (start, end):
        assert event.payload["is_redacted"] is False
        assert event.payload["purpose"] == "Request 12"
        assert event.payload["exported_by"] == officer.info.user


def test_private_data_comes_back_where_it_was(planted: Ledger, officer: AnyConnection) -> None:  # noqa: ARG001
    client = Ledger(officer)
    export_id = client.begin_export(
        "jsonl", redacted=False, purpose="Request 12", event_types=["person.seen"]
    )
    rows = officer.execute(
        "select payload, private, description from ledger.export_events(%s)", [export_id]
    ).fetchall()
    assert [(row[0]["name"], row[0]["people"][0]["mail"]) for row in rows] == [
        ("pii-early", "pii-early-nested"),
        ("pii-marked", "pii-in-list"),
    ]
    assert [row[1] for row in rows] == [None, {"phone": "pii-argument"}]
    assert [row[2] for row in rows] == [
        "pii-early / pii-early-nested / *** / ?",
        "pii-marked / pii-in-list / ? / ***",
    ]


def test_erased_data_is_in_no_export(planted: Ledger, officer: AnyConnection) -> None:
    planted.erase_private("Request 13", subject_id=SUBJECT)
    client = Ledger(officer)
    export_id = client.begin_export("jsonl", redacted=False, purpose="Request 12")
    lines = officer.execute("select * from ledger.export_lines(%s)", [export_id]).fetchall()
    text = "".join(line for (line,) in lines)
    erased = ("pii-marked", "pii-in-list", "pii-argument")
    assert missing(PRIVATE, text) == {*erased}


def test_a_redacted_export_gives_no_private_data(
    planted: Ledger,  # noqa: ARG001
    officer: AnyConnection,
    reader: AnyConnection,
    refused: Callable[..., psycopg.Error],
) -> None:
    """Also not to who asks the part that would: it goes by what was recorded."""
    private = "select ledger.export_private(%s, '{}', 'acme')"
    redacted = Ledger(officer).begin_export("jsonl")
    refused(officer, "LG009", private, [redacted])
    unredacted = Ledger(officer).begin_export("jsonl", redacted=False, purpose="Request 12")
    officer.execute(private, [unredacted])
    refused(reader, "42501", private, [unredacted])


def test_the_filters_name_no_more_than_was_asked(planted: Ledger, reader: AnyConnection) -> None:
    Ledger(reader).begin_export("jsonl", actor_id="ada")
    (start,) = planted.find_events(event_types=["ledger.export_started"])
    assert json.dumps(start.payload["filters"]) == '{"actor_id": "ada"}'


def test_the_servers_log(planted: Ledger, officer: AnyConnection) -> None:  # noqa: ARG001
    """It has a line about private data that leaves, and never anything of an event."""
    officer.execute("set client_min_messages = log")  # what the log gets comes here, too
    logged: list[str] = []
    officer.add_notice_handler(lambda notice: logged.append(notice.message_primary or ""))
    client = Ledger(officer)
    for redacted in (True, False):
        export_id = client.begin_export("jsonl", redacted=redacted, purpose="Request 12")
        officer.execute("select * from ledger.export_lines(%s)", [export_id])
        client.finish_export(export_id, 1)
    wanted = f"role {officer.info.user} exports events of tenant acme with private data: Request 12"
    assert logged == [wanted]
