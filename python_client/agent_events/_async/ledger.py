"""The ledger over asyncio. `_sync/ledger.py` is generated from this file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from agent_events._async.capture import AsyncCapture
from agent_events._async.event import AsyncEvents
from agent_events._async.export import AsyncExports
from agent_events._async.inbox import AsyncInbox
from agent_events._async.log import AsyncLog
from agent_events._async.maintain import AsyncMaintenance
from agent_events._async.monitor import AsyncMonitoring
from agent_events._async.privacy import AsyncPrivacy
from agent_events._async.registry import AsyncRegistry
from agent_events._async.relay import AsyncRelays
from agent_events._async.run import AsyncRuns
from agent_events._async.state import AsyncState
from agent_events._async.subscription import AsyncSubscriptions
from agent_events.models import RunOptions

if TYPE_CHECKING:
    from agent_events.building._async import AsyncLedgerAudit
    from agent_events.running._async import AsyncRun


class AsyncLedger(
    AsyncState,
    AsyncEvents,
    AsyncRuns,
    AsyncRegistry,
    AsyncLog,
    AsyncSubscriptions,
    AsyncInbox,
    AsyncRelays,
    AsyncPrivacy,
    AsyncExports,
    AsyncCapture,
    AsyncMaintenance,
    AsyncMonitoring,
):
    """The ledger over your own psycopg connection.

    Nothing here commits: what is emitted belongs to your transaction and is there, with its outbox
    row, exactly when that commits. Methods are named as the SQL functions of the schema `ledger`,
    and an argument that is None is left to `set_context` and the database's default; `tenant_id`
    is then 'default'.

    What the ledger refuses is raised as `errors.LedgerError`; like any error of PostgreSQL it
    aborts the transaction (use `connection.transaction()` as a savepoint to go on). Other errors
    are psycopg's. What an emit leaves out comes from `agent_events.context` first.

    Every emit is a record of `logger`, by default `logging.getLogger("agent_events")`, at INFO:
    which event, and never what is in it.
    """

    def audit(self) -> AsyncLedgerAudit:
        """Begin to describe an audit event of this transaction; see `agent_events.building`."""
        from agent_events.building._async import AsyncLedgerAudit

        return AsyncLedgerAudit(ledger=self)

    def run(self, agent_name: str, **options: Unpack[RunOptions]) -> AsyncRun:
        """Have a block of code as a run of an agent, in the caller's transaction.

        If that is rolled back, the run is gone too, and with it that it failed: what must be on
        record whatever happens is a run of an emitter. docs/agents.md says what the block records.
        """
        from agent_events.running._async import AsyncRun
        from agent_events.running.recording._async import AsyncLedgerRecorder

        return AsyncRun(AsyncLedgerRecorder(self), agent_name, **options)
