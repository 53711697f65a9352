"""The ledger. Generated from `_async/ledger.py` by scripts/unasync."""

from __future__ import annotations

from typing import TYPE_CHECKING, Unpack

from agent_events._sync.capture import Capture
from agent_events._sync.event import Events
from agent_events._sync.export import Exports
from agent_events._sync.inbox import Inbox
from agent_events._sync.log import Log
from agent_events._sync.maintain import Maintenance
from agent_events._sync.monitor import Monitoring
from agent_events._sync.privacy import Privacy
from agent_events._sync.registry import Registry
from agent_events._sync.relay import Relays
from agent_events._sync.run import Runs
from agent_events._sync.state import State
from agent_events._sync.subscription import Subscriptions
from agent_events.models import RunOptions

if TYPE_CHECKING:
    from agent_events.building._sync import LedgerAudit
    from agent_events.running._sync import Run


class Ledger(
    State,
    Events,
    Runs,
    Registry,
    Log,
    Subscriptions,
    Inbox,
    Relays,
    Privacy,
    Exports,
    Capture,
    Maintenance,
    Monitoring,
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

    def audit(self) -> LedgerAudit:
        """Begin to describe an audit event of this transaction; see `agent_events.building`."""
        from agent_events.building._sync import LedgerAudit

        return LedgerAudit(ledger=self)

    def run(self, agent_name: str, **options: Unpack[RunOptions]) -> Run:
        """Have a block of code as a run of an agent, in the caller's transaction.

        If that is rolled back, the run is gone too, and with it that it failed: what must be on
        record whatever happens is a run of an emitter. docs/agents.md says what the block records.
        """
        from agent_events.running._sync import Run
        from agent_events.running.recording._sync import LedgerRecorder

        return Run(LedgerRecorder(self), agent_name, **options)
