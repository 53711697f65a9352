"""Secrets do not leave the process: by the deny list of the ledger, and by their form in text."""

from __future__ import annotations

from time import process_time
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.types.json import Jsonb

from agent_events import errors
from agent_events._failure import message_of, type_of
from agent_events._masking import SECRET_KEYS, mask, mask_keys, mask_text

KEYS = st.sampled_from(
    [*SECRET_KEYS, "db_password", "adminPassword", "TOKENS", "name", 'x"secret', "api_\u212aey"]
) | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=4)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(["", "a", 'say "token": "x"']),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=8,
)


def test_deny_list_is_the_databases(pg: psycopg.Connection[Any]) -> None:
    assert dict(pg.execute("select * from ledger.secret_keys()").fetchall()) == SECRET_KEYS


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(document=st.dictionaries(KEYS, VALUES, max_size=4))
def test_keys_are_masked_as_the_database_does(
    pg: psycopg.Connection[Any], document: dict[str, Any]
) -> None:
    assert pg.execute("select ledger.mask(%s)", [Jsonb(document)]).fetchone() == (
        mask_keys(document),
    )


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("password=hunter2 host=db", "password=*** host=db"),
        ("password='it''s' host=db", "password=*** host=db"),
        ('{"db_password": "hunter2", "n": 1}', '{"db_password": ***, "n": 1}'),
        ("{'api_key': 'hunter2', 'n': 1}", "{'api_key': ***, 'n': 1}"),
        (r"{\"client_secret\": \"hunter2\"}", r"{\"client_secret\": ***}"),
        ("PGPASSWORD=hunter2 psql", "PGPASSWORD=*** psql"),
        ("login --admin-password hunter2 -v", "login --admin-password *** -v"),
        ("GET /v1?access_token=hunter2&page=2", "GET /v1?access_token=***&page=2"),
        ("token%3Dhunter2", "token%3D***"),
        ("Authorization: Token hunter2\nHost: x", "Authorization: ***\nHost: x"),
        ("{'Authorization': 'Bearer hunter2', 'a': 1}", "{'Authorization': ***, 'a': 1}"),
        ("Set-Cookie: id=hunter2; Path=/", "Set-Cookie: ***"),
        ("sent Bearer hunter2.abc-def to x", "sent Bearer *** to x"),
        ("postgresql://ann:hunter2@db:5432/app", "postgresql://***@db:5432/app"),
        ("postgresql://ann:hun@ter2@db/app", "postgresql://***@db/app"),
        ("https://ghp_hunter2@github.com/a/b", "https://***@github.com/a/b"),
        ("Incorrect API key provided: sk-proj-hunter2hunter2.", None),
        ("key sk_live_hunter2", "key ***"),
        ("gave ghp_hunter2hunter2hunter2", "gave ***"),
        ("xoxb-12-hunter2 was refused", "*** was refused"),
        ("id AKIAIOSFODNN7EXAMPLE", "id ***"),
        ("jwt eyJhbGciOi.eyJzdWIi.hunter2", "jwt ***"),
        (
            "-----BEGIN RSA PRIVATE KEY-----\nhunter2\n-----END RSA PRIVATE KEY-----\nend",
            "***\nend",
        ),
        ("-----BEGIN PRIVATE KEY-----\nhunter2", "***"),
        ("PRIVATE+KEY+ledger+c74f20a3+hunter2", "***"),
    ],
)
def test_forms_of_secrets(text: str, masked: str | None) -> None:
    assert "hunter2" not in mask_text(text)
    assert masked is None or mask_text(text) == masked
    assert mask_text(mask_text(text)) == mask_text(text)


@pytest.mark.parametrize(
    "text",
    [
        'password authentication failed for user "ann"',
        "used 812 tokens: 31 of them for the answer",
        "the risk-assessment of task-scheduling-service took 3 s",
        "see https://example.com/a@b?page=2",
        "mail ann@example.com",
        "key: value",
    ],
)
def test_other_text_stays(text: str) -> None:
    assert mask_text(text) == text


@pytest.mark.parametrize("length", range(9_940, 10_010, 7))
def test_secret_that_the_cut_would_halve_is_left_out(length: int) -> None:
    before = "x " * (length // 2)
    masked = mask_text(f"{before}postgres://app:hunter2-and-more@db/deals and so on")
    assert "hunter2" not in masked
    assert len(masked) <= 10_000


def test_long_text_is_cut_and_quickly_masked() -> None:
    assert mask_text("x" * 50, limit=10) == "xxxxxxxxx…"
    started = process_time()
    for piece in ("a", "token", "a:", "--", '"', "eyJ", "password=", "://", "\\", "'", "sk-"):
        assert len(mask_text(piece * 10_000)) <= 20_000
    assert process_time() - started < 10


def test_text_that_postgresql_refuses(pg: psycopg.Connection[Any]) -> None:
    text = mask_text("a\0b\ud800c")
    assert pg.execute("select %s::jsonb ->> 0", [Jsonb([text])]).fetchone() == (text,)


def test_texts_at_any_depth() -> None:
    document = {"a": [{"token": "x", "n": 3}, ("Bearer hunter2x",)], "token": 12}
    assert mask(document) == {"a": [{"token": "***", "n": 3}, ["Bearer ***"]], "token": 12}
    assert len(mask(["x" * 25_000])[0]) == 25_000


class Silent(Exception):
    def __str__(self) -> str:
        raise ValueError("no words")


@pytest.mark.parametrize(
    ("error", "kind", "message"),
    [
        (ValueError("bad password=hunter2"), "ValueError", "bad password=***"),
        (ValueError(), "ValueError", "ValueError"),
        (
            errors.InvalidPayload("no match", detail="hunter2"),
            "agent_events.errors.InvalidPayload",
            "no match",
        ),
        (Silent(), f"{__name__}.Silent", f"{__name__}.Silent"),
        (ValueError("x" * 3000), "ValueError", "x" * 1999 + "…"),
    ],
)
def test_exceptions(error: Exception, kind: str, message: str) -> None:
    assert (type_of(error), message_of(error)) == (kind, message)


def test_details_of_postgresql_stay_out(pg: psycopg.Connection[Any]) -> None:
    pg.execute("create temporary table people (email text primary key)")
    with pytest.raises(psycopg.Error) as caught:
        pg.execute("insert into people values ('ann@a.example'), ('ann@a.example')")
    assert type_of(caught.value) == "psycopg.errors.UniqueViolation"
    assert "ann" in str(caught.value)
    assert "ann" not in message_of(caught.value)
