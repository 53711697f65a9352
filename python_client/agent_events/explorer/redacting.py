"""What of an event is shown: what any version of its type marks private or secret is "***".

Private data itself stands apart from events and is not looked at here: reading it is an event.
"""

from __future__ import annotations

PAYLOAD = """
    ledger.mask(
      e.payload,
      (
        select array_agg(p)
        from ledger.event_schemas as s
        cross join unnest(s.private_paths || s.secret_paths) as p
        where s.event_type = e.event_type
      )
    )
"""
"""SQL: the payload of the event e as it may be shown."""

IS_MARKED = """
    exists (
      select
      from ledger.event_schemas as s
      where s.event_type = e.event_type
        and cardinality(s.private_paths) + cardinality(s.secret_paths) > 0
    )
"""
"""SQL: whether something in events of this type is not to be shown."""
