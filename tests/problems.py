"""What doctor() complains about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg

OF_ROLES = "^(member of|CREATEROLE|BYPASSRLS)"
"""Kinds of findings about roles, which all databases of a cluster share: other tests make some."""


def problems(
    connection: psycopg.Connection[Any],
    *,
    deep: bool = True,
    severities: Sequence[str] = ("error", "warning"),
) -> list[tuple[str, str, str]]:
    """(kind, object, detail) of what is not about roles."""
    report = """
        select kind, object, detail from ledger.doctor(%s)
        where severity = any(%s) and kind !~ %s
    """
    return connection.execute(report, [deep, list(severities), OF_ROLES]).fetchall()
