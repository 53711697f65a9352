"""Every object of the ledger says in the database what it is for."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

OBJECTS = {
    "schemas": """
        select n.nspname, obj_description(n.oid, 'pg_namespace')
        from pg_namespace as n
        where n.nspname in ('ledger', 'ledger_guard')
    """,
    "functions": """
        select p.oid::regprocedure::text, obj_description(p.oid, 'pg_proc')
        from pg_proc as p
        where p.pronamespace in ('ledger'::regnamespace, 'ledger_guard'::regnamespace)
    """,
    "tables and views": """
        select c.oid::regclass::text, obj_description(c.oid, 'pg_class')
        from pg_class as c
        where c.relnamespace in ('ledger'::regnamespace, 'ledger_guard'::regnamespace)
          and c.relkind in ('r', 'p', 'v', 'm', 'S')
          and not c.relispartition
    """,
    "types": """
        select t.oid::regtype::text, obj_description(t.oid, 'pg_type')
        from pg_type as t
        left join pg_class as c on c.oid = t.typrelid
        where t.typnamespace in ('ledger'::regnamespace, 'ledger_guard'::regnamespace)
          and t.typtype in ('c', 'd', 'e', 'r')
          and coalesce(c.relkind, 'c') = 'c'
    """,
}


@pytest.mark.parametrize("kind", OBJECTS)
def test_every_object_has_a_comment(pg: psycopg.Connection[Any], kind: str) -> None:
    comments = dict(pg.execute(OBJECTS[kind]).fetchall())
    assert comments
    assert [name for name, comment in comments.items() if not comment] == []
