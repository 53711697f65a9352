"""SQLAlchemy: the event and the rows that it is about are one transaction.

The engine uses psycopg 3: postgresql+psycopg://.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from agent_events import AsyncLedger, Ledger


def ledger_of(session: Session) -> Ledger:
    """Return the ledger in the session's transaction."""
    return Ledger(_psycopg(session.connection().connection))


async def async_ledger_of(session: AsyncSession) -> AsyncLedger:
    """Return the ledger in the asynchronous session's transaction."""
    return AsyncLedger(_psycopg(await (await session.connection()).get_raw_connection()))


def _psycopg(pooled: Any) -> Any:
    return pooled.driver_connection


class Base(DeclarativeBase):
    """The application's tables."""


class Deal(Base):
    """A deal."""

    __tablename__ = "deals"

    id: Mapped[str] = mapped_column(primary_key=True)
    stage: Mapped[str]


def move_deal(session: Session, deal_id: str, stage: str) -> None:
    """Move a deal to a stage; both or neither are there when the caller has committed."""
    deal = session.get_one(Deal, deal_id, with_for_update=True)
    ledger_of(session).emit_event(
        "deal.stage_changed",
        {"old_stage": deal.stage, "new_stage": stage},
        aggregate_type="deal",
        aggregate_id=deal_id,
    )
    deal.stage = stage


async def move_deal_asynchronously(session: AsyncSession, deal_id: str, stage: str) -> None:
    """Do the same in asyncio."""
    deal = await session.get_one(Deal, deal_id, with_for_update=True)
    ledger = await async_ledger_of(session)
    await ledger.emit_event(
        "deal.stage_changed",
        {"old_stage": deal.stage, "new_stage": stage},
        aggregate_type="deal",
        aggregate_id=deal_id,
    )
    deal.stage = stage
