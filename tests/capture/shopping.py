"""Random statements of shopping.sql against the tables of chinook.sql."""

from __future__ import annotations

import random
from contextlib import suppress
from pathlib import Path
from typing import Any

import psycopg
from psycopg import errors

AnyConnection = psycopg.Connection[Any]

KEYS = {
    "artist": "artist_id",
    "album": "album_id",
    "track": "track_id",
    "employee": "employee_id",
    "customer": "customer_id",
    "invoice": "invoice_id",
    "invoice_line": "invoice_line_id",
    "playlist": "playlist_id",
    "playlist_track": "jsonb_build_array(playlist_id, track_id)",
}
TEXT = Path(__file__).with_suffix(".sql").read_text().split("\n\n", 1)[1]
STATEMENTS = [statement.strip() for statement in TEXT.split(";\n") if statement.strip()]
EXPECTED = (errors.DeadlockDetected, errors.IntegrityError, errors.DivisionByZero)


def shop(connection: AnyConnection, seed: int, count: int) -> None:
    """So many transactions of a few statements each; some fail, some are rolled back."""
    choice = random.Random(seed)

    for _ in range(count):
        with suppress(*EXPECTED), connection.transaction(force_rollback=choice.random() < 0.15):
            for _ in range(choice.randint(1, 4)):
                values = {"a": choice.randint(1, 30), "b": choice.randint(1, 20)}
                with (
                    suppress(errors.IntegrityError),
                    connection.transaction(force_rollback=choice.random() < 0.1),
                ):
                    connection.execute(choice.choice(STATEMENTS), values)  # type: ignore[arg-type]
