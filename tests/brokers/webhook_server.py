"""A webhook's receiver that misbehaves as it is told: a process of its own, on a real socket.

It is told by the path of a request: /anything takes it, /say/418 answers so, and the rest is in
`misbehave`. Signatures are verified with the package `standardwebhooks`. What was taken is appended
to a file and flushed before the answer is given, so that a kill -9 loses nothing acknowledged.

    python webhook_server.py PORT FOLDER
"""

from __future__ import annotations

import asyncio
import base64
import json
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from brokers.servers import Server
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

LARGEST = 300_000
SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()


class Request(NamedTuple):
    path: str
    headers: dict[str, str]
    body: bytes
    attempt: int


class WebhookServer(Server):
    """The receiver's process."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.secret_file = folder / "secret"
        self.secret_file.write_text(SECRET + "\n")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def environment(self) -> dict[str, str]:
        return {"PYTHONPATH": str(Path(__file__).parent.parent)}

    def command(self) -> Sequence[str]:
        return [sys.executable, __file__, str(self.port), str(self.folder)]

    def requests(self, path: str) -> list[Request]:
        """All that came, whatever was answered."""
        return [Request(*found[:4]) for found in self._read("requests", path)]

    def accepted(self, path: str) -> list[Request]:
        """What was answered with 2xx, in its order."""
        return [Request(*found[:4]) for found in self._read("accepted", path)]

    def _read(self, name: str, path: str) -> list[Any]:
        file = self.folder / name
        if not file.exists():
            return []
        found = [json.loads(line) for line in file.read_text().splitlines()]
        return [
            (at, headers, body.encode(), attempt)
            for at, headers, body, attempt in found
            if at.startswith(path)
        ]


class Receiver:
    """Answers requests."""

    def __init__(self, folder: Path) -> None:
        self.webhook = Webhook(SECRET)
        self.requests = (folder / "requests").open("a")
        self.accepted = (folder / "accepted").open("a")
        self.attempts: dict[tuple[str, str], int] = {}

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while await self.answer(reader, writer):
                pass
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; False: the connection is not to be used again."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.rstrip("\r\n").split("\r\n")
        path = first.split()[1]
        headers = {k.lower(): v.strip() for k, _, v in (line.partition(":") for line in lines)}
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        key = path, headers.get("webhook-id", "")
        attempt = self.attempts[key] = self.attempts.get(key, 0) + 1
        self.note(self.requests, path, headers, body, attempt)
        try:
            self.webhook.verify(body, headers)
        except WebhookVerificationError as error:
            return reply(writer, 400, str(error))
        if len(body) > LARGEST:
            return reply(writer, 413, "too large")
        return await self.misbehave(path, headers, body, attempt, writer)

    async def misbehave(
        self,
        path: str,
        headers: dict[str, str],
        body: bytes,
        attempt: int,
        writer: asyncio.StreamWriter,
    ) -> bool:
        """Paths: /what/argument, once/… for the first attempt only; anything else is taken."""
        what, _, argument = path.strip("/").partition("/")
        if what == "once":
            what, _, argument = argument.partition("/") if attempt == 1 else ("", "", "")
        match what:
            case "say":  # /say/429/retry-after value
                status, _, after = argument.partition("/")
                extra = {"retry-after": after.replace("_", " ")} if after else {}
                if status.startswith("3"):
                    extra["location"] = "/elsewhere"
                return reply(writer, int(status), f"you said {argument}", extra)
            case "hang":
                await asyncio.sleep(3600)
            case "cut":  # in the middle of its own answer
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-le")
                return False
            case "slam":  # without any
                return False
            case "echo":
                return reply(writer, 400, headers.get("authorization", ""))
            case "drip":
                writer.write(b"HTTP/1.1 500 Oh\r\ncontent-length: 1000000\r\n\r\n")
                while True:
                    writer.write(b".")
                    await writer.drain()
                    await asyncio.sleep(0.01)
            case "bloat":
                return reply(writer, 500, "x" * 5_000_000)
        self.note(self.accepted, path, headers, body, attempt)
        return reply(writer, 204)

    def note(self, file: Any, *what: Any) -> None:
        path, headers, body, attempt = what
        file.write(json.dumps([path, headers, body.decode(), attempt]) + "\n")
        file.flush()


def reply(
    writer: asyncio.StreamWriter, status: int, text: str = "", extra: dict[str, str] | None = None
) -> bool:
    headers = {"content-length": str(len(text.encode()))} | (extra or {})
    if status == 204:
        headers.pop("content-length")
    lines = [f"HTTP/1.1 {status} so", *(f"{k}: {v}" for k, v in headers.items())]
    writer.write(("\r\n".join(lines) + "\r\n\r\n" + text).encode("latin-1"))
    return True


async def main(port: int, folder: Path) -> None:
    receiver = Receiver(folder)
    server = await asyncio.start_server(receiver.serve, "127.0.0.1", port)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), Path(sys.argv[2])))
