"""Calls. Generated from `_async/calling.py` by scripts/unasync."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import Connection, Cursor
from psycopg.pq import TransactionStatus
from psycopg.rows import tuple_row

from agent_events import _watching, errors
from agent_events._queries import bind, reading_json
from agent_events._records import LOGGER
from agent_events.state_cache import StateCache


class Caller:
    """What every room shares: the connection, and how functions are called over it."""

    def __init__(
        self,
        connection: Connection[Any],
        *,
        state_cache: StateCache | None = None,
        logger: logging.Logger | None = None,
    ) -> None:
        """Use `connection`; a `state_cache` keeps past states of `state_of`, for many ledgers."""
        self._connection = connection
        self._state_cache = state_cache
        self._logger = logger or LOGGER

    def _rows(
        self, function: str, arguments: Mapping[str, Any], more: str = ""
    ) -> list[tuple[Any, ...]]:
        query, parameters = bind(function, arguments, more)
        if _watching.watch is None:
            return self._execute(query, parameters)
        with _watching.watch(function, arguments, self._connection.info):
            return self._execute(query, parameters)

    def _execute(
        self, query: str, arguments: Mapping[str, Any] | None = None
    ) -> list[tuple[Any, ...]]:
        try:
            cursor = reading_json(self._connection.cursor(row_factory=tuple_row))
            cursor.execute(query, arguments)
            return cursor.fetchall()
        except psycopg.Error as error:
            if refused := errors.translated(error):
                raise refused from error
            raise

    def _call(self, procedure: str, arguments: Mapping[str, Any]) -> None:
        idle = self._connection.info.transaction_status == TransactionStatus.IDLE
        if not (self._connection.autocommit and idle):
            raise errors.InvalidArgument(
                f"{procedure} commits each of its steps, so it needs a connection in autocommit",
                hint="psycopg.connect(..., autocommit=True), and no transaction around the call.",
            )
        with self._cursor() as cursor:
            cursor.execute(*bind(procedure, arguments))

    @contextmanager
    def _cursor(self) -> Iterator[Cursor[tuple[Any, ...]]]:
        try:
            with self._connection.cursor(row_factory=tuple_row) as cursor:
                yield reading_json(cursor)
        except psycopg.Error as error:
            if refused := errors.translated(error):
                raise refused from error
            raise
