"""Secrets are masked wherever they stand, and the fast check agrees with the mask."""

from __future__ import annotations

import json
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

Json = Any
Connection = psycopg.Connection[Any]


def mask(pg: Connection, doc: Json, secret_paths: list[str] | None = None) -> Json:
    row = pg.execute("select ledger.mask(%s, %s)", [json.dumps(doc), secret_paths]).fetchone()
    assert row is not None
    return row[0]


@pytest.mark.parametrize(
    "key",
    [
        *[
            "password",
            "Password",
            "PASSWORD",
            "db_password",
            "userPassword",
            "passwd",
            "passphrase",
        ],
        *[
            "secret",
            "client_secret",
            "clientSecret",
            "CLIENT-SECRET",
            "authorization",
            "Authorization",
        ],
        *["Proxy-Authorization", "api_key", "apikey", "apiKey", "API_KEY", "api-key", "x-api-key"],
        *[
            "X-Api-Key",
            "token",
            "access_token",
            "refreshToken",
            "id_token",
            "githubToken",
            "secretKey",
        ],
        *["private_key", "privateKey", "PRIVATE-KEY", "aws_secret_access_key", "accessKey"],
        *["credential", "credentials", "cookie", "Set-Cookie", "cookies", "mnemonic", "seedPhrase"],
        *["seed_phrase", 'quoted"password', "back\\slash_secret", "日本_token"],
    ],
)
def test_key_on_the_deny_list_is_masked(pg: Connection, key: str) -> None:
    assert mask(pg, {"a": [{key: "s3cret", "b": 1}]}) == {"a": [{key: "***", "b": 1}]}


@pytest.mark.parametrize(
    "key",
    [
        *[
            "passwords_changed",
            "token_count",
            "input_tokens",
            "secretary",
            "key",
            "idempotency_key",
        ],
        *["primary_key", "authorization_status", "cookie_consent", "phrase", "author", 'password"'],
    ],
)
def test_other_key_is_left_alone(pg: Connection, key: str) -> None:
    assert mask(pg, {key: "text"}) == {key: "text"}


def test_token_is_masked_when_it_is_a_text_only(pg: Connection) -> None:
    doc = {"time_to_first_token": 120, "token": {"symbol": "ETH"}, "page_token": None}
    assert mask(pg, doc) == doc


@pytest.mark.parametrize("value", [None, True, 12, 1.5, "", "text", [1], {"a": 1}])
def test_value_of_any_type_is_masked(pg: Connection, value: Json) -> None:
    assert mask(pg, {"password": value}) == {"password": "***"}


@pytest.mark.parametrize(
    "text", ['password": "x', '{"password": "x"}', "password: x", '\\"password": ', '", "token": "']
)
def test_text_that_looks_like_a_key_is_left_alone(pg: Connection, text: str) -> None:
    assert mask(pg, {"a": text, "b": [text]}) == {"a": text, "b": [text]}


def test_secret_paths_are_masked(pg: Connection) -> None:
    doc = {
        "a/b": 1,
        "list": [{"pin": 1}, {"pin": 2}, {}, 3],
        "pair": [1, 2],
        "*": 1,
        "deep": {"pin": 4},
    }
    paths = ["/a~1b", "/list/*/pin", "/pair/1", "/*", "/gone/pin", "/deep", "/deep/pin"]
    assert mask(pg, doc, paths) == {
        "a/b": "***",
        "list": [{"pin": "***"}, {"pin": "***"}, {}, 3],
        "pair": [1, "***"],
        "*": "***",
        "deep": "***",
    }


def test_document_without_secrets_and_null_stay_as_they_are(pg: Connection) -> None:
    for doc in ({}, [], "password", 1, None, {"a": {}, "b": []}):
        assert mask(pg, doc, ["/pin"]) == doc
    assert pg.execute("select ledger.mask(null)").fetchone() == (None,)


def test_fast_check_knows_every_key_of_the_list(pg: Connection) -> None:
    statement = """
    select ending
    from ledger.secret_keys()
    where not ledger.has_secret_keys(jsonb_build_object(upper(ending), 'text')::text)
      or not ledger.has_secret_keys(jsonb_build_object('a', jsonb_build_object(ending, ''))::text)
    """
    assert pg.execute(statement).fetchall() == []


ENDINGS = {
    *["password", "passwd", "passphrase", "secret", "authorization", "credential", "credentials"],
    *["cookie", "cookies", "mnemonic", "seed_phrase", "seedphrase"],
    *(a + s + "key" for a in ("api", "secret", "private", "access") for s in ("", "_", "-")),
}


def is_secret(key: str, value: Json) -> bool:
    low = "".join(c.lower() if c.isascii() else c for c in key)
    return any(low.endswith(ending) for ending in ENDINGS) or (
        low.endswith("token") and isinstance(value, str)
    )


def masked(doc: Json) -> Json:
    if isinstance(doc, dict):
        return {k: "***" if is_secret(k, v) else masked(v) for k, v in doc.items()}
    return [masked(item) for item in doc] if isinstance(doc, list) else doc


words = st.sampled_from(
    [*sorted(ENDINGS), "token", "pass", "key", "_", "-", '"', "\\", '": ', "a", "ü"]
)
keys = st.lists(words, min_size=1, max_size=3).map("".join) | st.text(
    st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=5
)
cased = st.tuples(keys, st.sampled_from([str, str.upper, str.title, str.swapcase])).map(
    lambda pair: pair[1](pair[0])
)
documents = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | cased,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(cased, inner, max_size=3),
    max_leaves=8,
)


@settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(docs=st.lists(documents, min_size=5, max_size=5))
def test_fast_check_and_mask_agree(pg: Connection, docs: list[Json]) -> None:
    rows = pg.execute(
        """
        select
          doc,
          ledger.has_secret_keys(doc::text),
          ledger.mask(doc),
          ledger.mask(ledger.mask(doc))
        from jsonb_array_elements(%s::jsonb) as d (doc)
        """,
        [json.dumps(docs)],
    )
    for doc, found, once, twice in rows:
        assert once == masked(doc)
        assert twice == once
        assert found == (once != doc)


def test_what_is_masked_already_is_not_walked_through(pg: Connection) -> None:
    """Depth is no matter then: a walk would end in LG009."""
    doc = '{"a": ' + "[" * 3000 + '{"password": "***", "b": "\\": \\"***"}' + "]" * 3000 + "}"
    assert pg.execute("select ledger.mask(%s) = %s::jsonb", [doc] * 2).fetchone() == (True,)
    for left in ({"password": "***", "token": "x"}, {"a": '": "***', "secret": 1}):
        assert "***" in mask(pg, left).values()
        assert not {"x", 1} & {*mask(pg, left).values()}


def test_secret_too_deep_to_be_masked_is_refused(pg: Connection) -> None:
    deep = "[" * 3000 + '{"password": 1}' + "]" * 3000
    with pytest.raises(psycopg.Error) as caught:
        pg.execute("select ledger.mask(%s::jsonb)", [deep])
    assert caught.value.sqlstate == "LG009"
    harmless = "[" * 3000 + "]" * 3000
    assert pg.execute("select ledger.mask(%s) = %s::jsonb", [harmless] * 2).fetchone() == (True,)
