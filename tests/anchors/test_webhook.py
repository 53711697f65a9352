"""Posting to a real server."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable

import pytest
from anchors.conftest import Server

from agent_events.anchors import AnchorError, open_store
from agent_events.anchors.webhook import WebhookStore
from agent_events.proofs import MalformedNote

Sign = Callable[..., str]


def test_the_note_arrives(server: Server, sign: Sign) -> None:
    receipt = open_store(server.url).append(sign(5))
    ((method, headers, body),) = server.requests
    assert (method, body) == ("POST", sign(5).encode())
    assert headers["Content-Type"] == "text/plain; charset=utf-8"
    assert headers["User-Agent"].startswith("agent-events/")
    assert receipt.startswith("posted to http://127.0.0.1:")
    assert "secret" not in receipt


@pytest.mark.parametrize("status", [201, 202, 204])
def test_every_2xx_is_fine(server: Server, sign: Sign, status: int) -> None:
    server.status, server.answer = status, lambda _: b""
    open_store(server.url).append(sign(5))


@pytest.mark.parametrize("status", [400, 403, 404, 429, 500, 503])
def test_another_answer_is_an_error(server: Server, sign: Sign, status: int) -> None:
    server.status = status
    with pytest.raises(AnchorError, match=f"answered {status} ") as refusal:
        open_store(server.url).append(sign(5))
    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(server: Server, sign: Sign, status: int) -> None:
    server.status, server.headers = status, {"Location": server.url}
    with pytest.raises(AnchorError, match=f"answered {status} "):
        open_store(server.url).append(sign(5))
    assert len(server.requests) == 1


def test_nobody_listens(sign: Sign) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}/secret"
        with pytest.raises(AnchorError, match=r"did not answer: .*Connection refused") as refusal:
            open_store(url).append(sign(5))
    assert "secret" not in str(refusal.value)


def test_nobody_answers(sign: Sign) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        store = WebhookStore(f"http://127.0.0.1:{silent.getsockname()[1]}/", timeout=0.2)
        with pytest.raises(AnchorError, match=r"did not answer: .*timed out"):
            store.append(sign(5))


def test_an_answer_that_is_no_http(sign: Sign) -> None:
    with socket.create_server(("127.0.0.1", 0)) as odd:

        def answer() -> None:
            connection, _ = odd.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(b"hello\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(AnchorError, match="did not answer: "):
            open_store(f"http://127.0.0.1:{odd.getsockname()[1]}/").append(sign(5))
        thread.join()


def test_it_cannot_be_read(server: Server) -> None:
    store = open_store(server.url)
    for read in (store.entries, store.notes):
        with pytest.raises(AnchorError, match="is posted to and cannot be read"):
            list(read())
    assert server.requests == []


def test_only_checkpoints_are_posted(server: Server) -> None:
    with pytest.raises(MalformedNote):
        open_store(server.url).append("hello\n")
    assert server.requests == []
