"""Event types. Generated from `_async/registry.py` by scripts/unasync."""

from __future__ import annotations

from agent_events._queries import DESCRIPTION
from agent_events._sync.calling import Caller
from agent_events.models import Id, Json


class Registry(Caller):
    """Event types, their summaries and their upcasters."""

    def describe_event(self, id: Id, *, tenant_id: str | None = None) -> str | None:
        """Return the event in a sentence, as its type's summary puts it; None if there is none."""
        with self._cursor() as cursor:
            cursor.execute(DESCRIPTION, [id, tenant_id])
            row = cursor.fetchone()
        return row[0] if row else None

    def register_event_type(
        self,
        event_type: str,
        schema: Json,
        *,
        schema_version: int | None = None,
        catalog: str | None = None,
        description: str | None = None,
        publish: bool | None = None,
        compatibility: str | None = None,
        summary: str | None = None,
    ) -> int:
        """Register the next version of an event type (JSON Schema 2020-12) and return its number.

        An identical schema again is no new version. `compatibility` is 'backward' (the default) or
        'none'; a change that is not backward compatible raises `errors.IncompatibleSchema`.
        `summary` is an event of the type in a sentence, with placeholders such as {aggregate_id}
        and {payload.name}.
        """
        rows = self._rows(
            "register_event_type",
            {
                "event_type": event_type,
                "schema": schema,
                "schema_version": schema_version,
                "catalog": catalog,
                "description": description,
                "publish": publish,
                "compatibility": compatibility,
                "summary": summary,
            },
        )
        version: int = rows[0][0]
        return version

    def register_upcaster(
        self, event_type: str, from_version: int, upcaster: str, *, replace: bool | None = None
    ) -> bool:
        """Register the SQL function that lifts payloads of a version to the next.

        `upcaster` is its name with its schema, e.g. 'app.lift_deal': (payload jsonb) returns jsonb,
        IMMUTABLE, for ledger_sandbox to execute; else `errors.InvalidArgument` says what is
        missing. It is tried on the schema's examples and the newest events that the caller may
        read: `errors.IncompatibleSchema` names the first that it makes something wrong of. Returns
        False when it is registered already; `replace` puts it in the place of another one.
        """
        rows = self._rows(
            "register_upcaster",
            {
                "event_type": event_type,
                "from_version": from_version,
                "upcaster": upcaster,
                "replace": replace,
            },
        )
        changed: bool = rows[0][0]
        return changed

    def drop_upcaster(self, event_type: str, from_version: int) -> bool:
        """Forget the upcaster of a version. False if there was none."""
        rows = self._rows("drop_upcaster", {"event_type": event_type, "from_version": from_version})
        dropped: bool = rows[0][0]
        return dropped
