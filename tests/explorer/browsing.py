"""A browser without a screen: requests straight into the application, in the test's own process."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Self

import httpx
from starlette.applications import Starlette

URL = "http://127.0.0.1:8750"
PEER = ("127.0.0.1", 40000)

Answers = tuple[httpx.Response, list[httpx.Response]]


class Browser:
    """Asks an application whose lifespan is the block's; cookies are kept."""

    def __init__(self, app: Starlette, *, peer: tuple[str, int] = PEER, **client: Any) -> None:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=peer)
        self.app = app
        self._runner = asyncio.Runner()
        self._client = httpx.AsyncClient(transport=transport, **({"base_url": URL} | client))

    def get(self, url: str, **given: Any) -> httpx.Response:
        return self._runner.run(self._client.get(url, **given))

    def get_after(self, later: list[str], url: str, meanwhile: Callable[[], object]) -> Answers:
        """Ask for `later`, then for `url`; once that is there do `meanwhile`, and wait for all."""

        async def ask() -> Answers:
            async with asyncio.TaskGroup() as tasks:
                asked = [tasks.create_task(self._client.get(each)) for each in later]
                await asyncio.sleep(0)
                first = await self._client.get(url)
                assert not all(task.done() for task in asked)
                await asyncio.to_thread(meanwhile)
            return first, [task.result() for task in asked]

        return self._runner.run(ask())

    def post(self, url: str, **given: Any) -> httpx.Response:
        return self._runner.run(self._client.post(url, **given))

    def __enter__(self) -> Self:
        self._lifespan = self.app.router.lifespan_context(self.app)
        self._runner.run(self._lifespan.__aenter__())
        return self

    def __exit__(self, *_: object) -> None:
        self._runner.run(self._client.aclose())
        self._runner.run(self._lifespan.__aexit__(None, None, None))
        self._runner.close()
