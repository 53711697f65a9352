"""Notes of a key, and a server to post to."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from agent_events.proofs import Checkpoint, SigningKey

ORIGIN = "ledger.example/acme"
Sign = Callable[..., str]


@pytest.fixture
def key() -> SigningKey:
    return SigningKey.generate(ORIGIN)


@pytest.fixture
def sign(key: SigningKey) -> Sign:
    """Sign a checkpoint of a size; another `salt` gives the tree another root."""

    def signed(tree_size: int, salt: str = "", key: SigningKey = key) -> str:
        root = sha256(f"{tree_size}{salt}".encode()).digest()
        return key.sign(Checkpoint(key.name, tree_size, root))

    return signed


@dataclass
class Server:
    """An HTTP server on this machine that answers as a test wants, and notes what it is sent."""

    url: str
    requests: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    answer: Callable[[bytes], bytes] = lambda _: b"thank you"


@pytest.fixture
def server() -> Iterator[Server]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            made.requests.append((self.command, dict(self.headers), body))
            answer = made.answer(body)
            self.send_response(made.status)
            for name, value in made.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_POST  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made = Server(f"http://127.0.0.1:{http.server_port}/anchor/secret")
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield made
    http.shutdown()
    thread.join()
    http.server_close()
