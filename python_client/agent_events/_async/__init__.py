"""The client over asyncio: a module for each room of sql/, and the ledger, which has them all.

`_sync/__init__.py` is generated from this file.
"""

from agent_events._async.ledger import AsyncLedger

__all__ = ["AsyncLedger"]
