"""Secrets are masked before they are on disk, as the ledger masks them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import psycopg
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from psycopg.types.json import Jsonb
from spooling.conftest import Open, drained_events, note

from agent_events._queries import to_json
from agent_events.spooling.secrets import KEYS, SecretKeys

Connection = psycopg.Connection[Any]

keys = st.one_of(
    st.sampled_from([ending for ending, _ in KEYS]),
    st.sampled_from(["user_Password", "TOKENS", "time_to_first_token", 'x"secret', "api_\u212aey"]),
    st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=4),
)
documents = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.sampled_from(["", "x", 'token": "']),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=4),
    max_leaves=12,
)


def test_the_list_is_the_ledgers(pg: Connection) -> None:
    rows = pg.execute("select ending, only_text from ledger.secret_keys()").fetchall()
    assert sorted(rows) == sorted(KEYS)


@given(st.lists(st.dictionaries(keys, documents, max_size=4), max_size=20))
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_masks_what_the_ledger_masks(pg: Connection, given_documents: list[Any]) -> None:
    query = "select ledger.mask(d) from jsonb_array_elements(%s) as d"
    by_ledger = [document for (document,) in pg.execute(query, [Jsonb(given_documents)])]
    secrets = SecretKeys()
    assert [secrets.masked(document) for document in given_documents] == by_ledger
    for document, masked in zip(given_documents, by_ledger, strict=True):
        assert document == masked or secrets.may_be_in(to_json(document))


def test_no_secret_is_on_the_disk(folder: Path, open_journal: Open) -> None:
    event = note(
        "x",
        metadata={"headers": [{"Authorization": "hunter2"}]},
        proof={"type": "api_response", "data": {"session_cookie": {"a": ["hunter2"]}}},
    )
    event["payload"] = {"text": "x", "token": "hunter2", "tokens": 2, "api_key": 42}
    journal = open_journal()
    journal.append([event])
    journal.set_aside(event, "LG003: payload does not match")
    for path in folder.iterdir():
        assert b"hunter2" not in path.read_bytes()
    assert json.dumps(event).count("hunter2") == 3  # the caller's own is as it was
    [back] = drained_events(journal)
    assert back["payload"] == {"text": "x", "token": "***", "tokens": 2, "api_key": "***"}
    assert back["metadata"] == {"headers": [{"Authorization": "***"}]}
    assert back["proof"]["data"] == {"session_cookie": "***"}
