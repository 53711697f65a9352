"""Runs. Generated from `_async/run.py` by scripts/unasync."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from psycopg.pq import TransactionStatus

from agent_events import errors
from agent_events._queries import SWAP_SETTINGS
from agent_events._sync.calling import Caller
from agent_events.context import ambient, around_run, fill
from agent_events.models import ActorType, Id, Json, Outcome, Receipt


class Runs(Caller):
    """Runs of agents, and the context of a transaction."""

    def set_context(
        self,
        *,
        tenant_id: str | None = None,
        run_id: Id | None = None,
        trace_id: Id | None = None,
        correlation_id: Id | None = None,
        causation_id: Id | None = None,
        actor_type: ActorType | None = None,
        actor_id: str | None = None,
    ) -> None:
        """Set what later calls of this transaction need not repeat; None leaves a setting as it is.

        Raises `errors.InvalidArgument` on an autocommit connection that is in no transaction, where
        the context would be gone before the next statement.
        """
        idle = self._connection.info.transaction_status == TransactionStatus.IDLE
        if self._connection.autocommit and idle:
            raise errors.InvalidArgument(
                "set_context needs a transaction: the context lasts until its end",
                hint="Use `with connection.transaction():` around it, or autocommit off.",
            )
        self._rows(
            "set_context",
            {
                "tenant_id": tenant_id,
                "run_id": run_id,
                "trace_id": trace_id,
                "correlation_id": correlation_id,
                "causation_id": causation_id,
                "actor_type": actor_type,
                "actor_id": actor_id,
            },
        )

    def start_run(
        self,
        agent_name: str,
        *,
        run_id: Id | None = None,
        tenant_id: str | None = None,
        parent_run_id: Id | None = None,
        trace_id: Id | None = None,
        correlation_id: Id | None = None,
        payload: Json | None = None,
        metadata: Json | None = None,
    ) -> UUID:
        """Start an agent run (emits run.started) and make it the context of this transaction.

        Tenant, trace, correlation and parent come from `agent_events.context` where they are left
        out. Returns its id. In a later transaction say `set_context(run_id=...)`. `run` is the same
        as a block.
        """
        given = {
            "agent_name": agent_name,
            "run_id": run_id,
            "tenant_id": tenant_id,
            "parent_run_id": parent_run_id,
            "trace_id": trace_id,
            "correlation_id": correlation_id,
            "payload": payload,
            "metadata": metadata,
        }
        rows = self._rows("start_run", fill(given, around_run(given)))
        started: UUID = rows[0][0]
        return started

    def add_run(
        self,
        agent_name: str,
        *,
        run_id: Id,
        tenant_id: str | None = None,
        parent_run_id: Id | None = None,
        trace_id: Id | None = None,
        correlation_id: Id | None = None,
    ) -> bool:
        """Add the row of a run without its event; False if it has one already.

        For a client that emits run.started itself; `start_run` and `run` do both. Without a parent
        a run needs its trace and its correlation.
        """
        rows = self._rows(
            "add_run",
            {
                "agent_name": agent_name,
                "run_id": run_id,
                "tenant_id": tenant_id,
                "parent_run_id": parent_run_id,
                "trace_id": trace_id,
                "correlation_id": correlation_id,
            },
        )
        return bool(rows[0][0])

    def finish_run(
        self,
        run_id: Id | None = None,
        *,
        outcome: Outcome | None = None,
        payload: Json | None = None,
        tenant_id: str | None = None,
    ) -> Receipt:
        """Finish a run, by default the context's.

        Emits run.failed for the outcome 'failure', else run.completed; the default is 'success'.
        """
        around = ambient()
        given = {"run_id": run_id, "outcome": outcome, "payload": payload, "tenant_id": tenant_id}
        defaults = {name: around.get(name) for name in ("run_id", "tenant_id")}
        rows = self._rows("finish_run", fill(given, defaults))
        return Receipt(*rows[0])

    def _swap_settings(self, settings: Mapping[str, str | None]) -> dict[str, str | None]:
        """Set settings of the transaction, ledger.<name>; return what they were."""
        arguments = {"names": list(settings), "values": list(settings.values())}
        rows = self._execute(SWAP_SETTINGS, arguments)
        return {name: old for name, old, _ in rows}
