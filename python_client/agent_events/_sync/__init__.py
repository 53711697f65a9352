"""The client over asyncio: a module for each room of sql/, and the ledger, which has them all.

Generated from `_async/__init__.py` by scripts/unasync.
"""

from agent_events._sync.ledger import Ledger

__all__ = ["Ledger"]
