"""The types of aggregates: few, however many aggregates there are."""

from __future__ import annotations

KINDS = """
    with recursive kinds (aggregate_type) as (
      (
        select s.aggregate_type
        from ledger.streams as s
        where s.tenant_id = %(tenant_id)s
        order by s.aggregate_type
        limit 1
      )
      union all
      select (
        select s.aggregate_type
        from ledger.streams as s
        where s.tenant_id = %(tenant_id)s and s.aggregate_type > k.aggregate_type
        order by s.aggregate_type
        limit 1
      )
      from kinds as k
      where k.aggregate_type is not null
    )
"""
"""SQL: `kinds`, each from the index after the one before; the last row is null."""
