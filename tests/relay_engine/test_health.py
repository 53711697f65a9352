"""What a probe and Prometheus get."""

from __future__ import annotations

import os
import socket
import urllib.error
import urllib.request
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families
from relay_engine.conftest import RELAY, Emit, Running, Start
from relay_engine.delivered import wait_for

from agent_events import Ledger


def get(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def metrics(port: int) -> dict[str, float]:
    _, text = get(port, "/metrics")
    return {
        sample.name.removeprefix("agent_events_relay_")
        + (f":{sample.labels['to']}" if "to" in sample.labels else ""): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.labels["relay"] == RELAY and "le" not in sample.labels
    }


def listening(relay: Running) -> int:
    line = relay.wait_for("listening")
    assert line["host"] == "127.0.0.1"
    return int(line["port"])


def test_numbers_are_right(emit: Emit, start: Start, tmp_path: Path) -> None:
    emit(500)
    relay = start(f"file:{tmp_path}/out", "--health", "0")
    port = listening(relay)
    wait_for(tmp_path / "out", 500)
    while metrics(port).get("lag_messages") != 0:
        pass
    found = metrics(port)
    assert found["published_total"] == found["publish_seconds_count"] == 500
    assert found["ready"] == 1
    for name in ("refused_total", "dead_total", "in_flight", "lag_seconds", "parked_messages"):
        assert found[name] == 0, name
    assert found["reconnects_total:database"] == 0
    assert get(port, "/readyz") == (200, "ready\n")
    assert get(port, "/healthz") == (200, "ok\n")
    assert get(port, "/secret")[0] == 404


def test_it_is_not_ready_without_its_destination(
    ledger: Ledger,  # noqa: ARG001
    start: Start,
    tmp_path: Path,
) -> None:
    relay = start(f"file:{tmp_path}/later/out", "--health", "127.0.0.1:0")
    port = listening(relay)
    relay.wait_for("unavailable")
    assert get(port, "/readyz")[0] == 503
    assert get(port, "/healthz")[0] == 200
    (tmp_path / "later").mkdir()
    relay.wait_for("opened")
    while get(port, "/readyz")[0] != 200:
        pass
    assert metrics(port)["reconnects_total:destination"] == 1


def test_nonsense_does_no_harm(ledger: Ledger, start: Start, tmp_path: Path) -> None:  # noqa: ARG001
    port = listening(start(f"file:{tmp_path}/out", "--health", "0"))
    for request in (b"", b"\r\n\r\n", b"GET\r\n\r\n", os.urandom(9000), b"POST / HTTP/1.1\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(1000):
                pass
    assert get(port, "/healthz")[0] == 200


def test_an_address_that_is_taken_is_a_usage_error(start: Start, ledger: Ledger) -> None:  # noqa: ARG001
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert start("stdout:", "--health", str(port)).wait() == 2
