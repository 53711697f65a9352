"""Lines of JSON: whole or not at all."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import pytest
from relay_engine.messages import message

from agent_events.relay.envelope import Mode, Outgoing, envelope
from agent_events.relay.failures import Refused, Unavailable
from agent_events.relay.transport import MissingExtra, Transport, open_transport, shown

Settled = list[tuple[Outgoing, Refused | Unavailable | None]]


def sent(transport: Transport, count: int = 3, mode: Mode = "structured") -> Settled:
    """Open, send so many messages, and close: what became of them."""
    make = envelope(mode, source="/app", topic=lambda m: m.event_type, header_prefix="ce-")
    settled: Settled = []

    async def deliver() -> None:
        await transport.open()
        batch = [make(message(position=p)) for p in range(count)]
        await transport.send(batch, lambda sent, f: settled.extend((each, f) for each in sent))
        await transport.close()

    asyncio.run(deliver())
    return settled


def test_a_file_gets_a_line_for_each_message(tmp_path: Path) -> None:
    file = tmp_path / "out.jsonl"
    for _ in range(2):
        assert [failure for _, failure in sent(open_transport(f"file:{file}"))] == [None] * 3
    positions = [json.loads(line)["position"] for line in file.read_text().splitlines()]
    assert positions == ["0", "1", "2"] * 2
    assert file.stat().st_mode & 0o777 == 0o640 & ~os.umask(os.umask(0))


def test_binary_lines_have_headers_and_data(tmp_path: Path) -> None:
    file = tmp_path / "out.jsonl"
    sent(open_transport(f"file://{file}"), 1, "binary")
    line = json.loads(file.read_text())
    assert line["data"] == {"stage": "won"}
    assert (line["topic"], line["key"]) == ("deal.moved", "deal/42")
    assert line["headers"]["ce-type"] == "deal.moved"


def test_half_a_line_is_cut_off(tmp_path: Path) -> None:
    """A crash left it; the message was not acknowledged, and comes again."""
    file = tmp_path / "out.jsonl"
    file.write_text('{"whole": true}\n{"half')
    sent(open_transport(f"file:{file}"), 1)
    first, second = map(json.loads, file.read_text().splitlines())
    assert first == {"whole": True}
    assert second["position"] == "0"


def test_a_full_disk_is_nobodys_fault() -> None:
    settled = sent(open_transport("file:/dev/full"))
    assert len(settled) == 3
    for _, failure in settled:
        assert isinstance(failure, Unavailable)
        assert "No space left" in failure.reason


def test_a_folder_that_is_missing_may_come(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="No such file"):
        sent(open_transport(f"file:{tmp_path}/missing/out.jsonl"))


@pytest.mark.parametrize(
    "url", ["", "nowhere", "ftp://host", "file:", "file://host/path", "stdout:x", "postgresql"]
)
def test_what_is_no_destination_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="is no destination"):
        open_transport(url)


def test_an_unknown_option_is_refused() -> None:
    with pytest.raises(ValueError, match="has no option colour; there are none"):
        open_transport("stdout:", colour="red")


def test_a_missing_package_says_which_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    from agent_events.relay import transport

    monkeypatch.setitem(transport._SCHEMES, "pigeon", ("no_such_package", "Pigeon"))
    monkeypatch.setattr(
        transport, "import_module", lambda _: __import__("no_such_package_anywhere")
    )
    with pytest.raises(MissingExtra, match=r"agent-events\[relay-no_such_package\]"):
        open_transport("pigeon://loft")


def test_secrets_of_an_address_are_not_shown() -> None:
    assert shown("amqp://user:secret@host:5672/v?password=secret#x") == "amqp://host:5672/v"
    assert shown("file:/tmp/x") == "file:/tmp/x"
