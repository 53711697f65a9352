"""docs/examples/sqlalchemy_session.py: committed together, rolled back together."""

from __future__ import annotations

import asyncio
from typing import Any

import psycopg
import pytest
from sqlalchemy import create_engine
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from agent_events import Ledger


@pytest.fixture
def engine(dsn: str) -> Any:
    return create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(dsn), poolclass=NullPool
    )


def test_committed_together(
    example: Any, engine: Any, deals: Any, pg: psycopg.Connection[Any]
) -> None:
    module = example("sqlalchemy_session")
    with Session(engine) as session, session.begin():
        module.move_deal(session, "d-7", "won")
        assert Ledger(pg).read_stream("deal", "d-7") == []
        [inside] = module.ledger_of(session).read_stream("deal", "d-7")
    [event] = Ledger(pg).read_stream("deal", "d-7")
    assert event == inside
    assert event.payload == {"old_stage": "lead", "new_stage": "won"}
    assert deals() == [("d-7", "won")]


def test_rolled_back_together(
    example: Any, engine: Any, deals: Any, pg: psycopg.Connection[Any]
) -> None:
    module = example("sqlalchemy_session")
    with Session(engine) as session:
        module.move_deal(session, "d-7", "won")
        session.flush()
        session.rollback()
    assert Ledger(pg).read_stream("deal", "d-7") == []
    assert deals() == [("d-7", "lead")]


def test_asynchronous_session(
    example: Any, dsn: str, deals: Any, pg: psycopg.Connection[Any]
) -> None:
    module = example("sqlalchemy_session")

    async def main() -> None:
        engine = create_async_engine(
            "postgresql+psycopg://",
            async_creator=lambda: psycopg.AsyncConnection.connect(dsn),
            poolclass=NullPool,
        )
        async with AsyncSession(engine) as session:
            await module.move_deal_asynchronously(session, "d-7", "won")
            await session.commit()
            await module.move_deal_asynchronously(session, "d-7", "lost")
            await session.rollback()

    asyncio.run(main())
    assert [e.payload["new_stage"] for e in Ledger(pg).read_stream("deal", "d-7")] == ["won"]
    assert deals() == [("d-7", "won")]
