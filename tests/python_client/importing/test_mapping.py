from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from agent_events._resources import sql_dir
from agent_events.importing import MappingError, load_mapping


@pytest.mark.parametrize(
    ("legacy_name", "event_type"),
    [
        ("proposed", "action.created"),
        ("created", "action.created"),
        ("awaiting_approval", "action.awaiting_approval"),
        ("approved", "action.approved"),
        ("rejected", "action.rejected"),
        ("started", "action.started"),
        ("executed", "action.completed"),
        ("failed", "action.failed"),
        ("canceled", "action.cancelled"),
        ("retry", "action.retried"),
        ("action.approved", "action.approved"),
        (" Action.Awaiting-Approval", "action.awaiting_approval"),
        ("viewed", None),
        ("", None),
    ],
)
def test_legacy_names(legacy_name: str, event_type: str | None) -> None:
    assert load_mapping().event_type(legacy_name) == event_type


@pytest.mark.parametrize(
    ("text", "actor"),
    [
        ("user:bob", ("user", "bob")),
        ("agent:x", ("agent", "x")),
        ("system", ("system", "system")),
        ("webhook:stripe", ("webhook", "stripe")),
        ("User: bob ", ("user", "bob")),
        ("bot:triage", ("agent", "triage")),
        ("user:a:b", ("user", "a:b")),
        ("bob", None),
        ("robot:7", None),
        ("user:", None),
        ("", None),
        (None, None),
    ],
)
def test_actors(text: str | None, actor: tuple[str, str] | None) -> None:
    assert load_mapping().actor(text) == actor


def catalog_schema(event_type: str) -> dict[str, Any]:
    (file,) = sql_dir().glob(f"catalog/*/{event_type}.v1.json")
    schema: dict[str, Any] = json.loads(file.read_text())
    return schema


def test_the_built_in_table_fills_every_field_of_the_schemas_it_maps_to() -> None:
    mapping = load_mapping()
    for event_type in sorted(set(mapping.events.values())):
        fields = catalog_schema(event_type)["properties"].keys()
        assert mapping.payloads[event_type].keys() == fields, event_type


def test_every_action_type_of_the_catalog_is_mapped_to() -> None:
    files = sql_dir().glob("catalog/agent_platform/action.*.v1.json")
    catalog = {file.name.removesuffix(".v1.json") for file in files}
    assert set(load_mapping().events.values()) == catalog


def test_words_translate_to_what_the_schemas_list() -> None:
    values = load_mapping().values
    started = catalog_schema("action.started")["properties"]["old_status"]["enum"]
    assert set(values["status"].values()) <= set(started)
    created = catalog_schema("action.created")["properties"]["risk"]["enum"]
    assert set(values["risk"].values()) == set(created)


def test_an_override_adds_and_replaces(tmp_path: Path) -> None:
    file = tmp_path / "mapping.toml"
    file.write_text(
        """
        [events]
        Viewed = "content.viewed"
        approved = "custom.approved"
        [actors]
        "Bob Smith" = "user:bob"
        [actor_prefixes]
        robot = "agent"
        [payload."content.viewed"]
        page = "details.url"
        """
    )
    mapping = load_mapping(file)
    assert mapping.event_type("viewed") == "content.viewed"
    assert mapping.event_type("approved") == "custom.approved"
    assert mapping.event_type("rejected") == "action.rejected"
    assert mapping.actor("Bob Smith") == ("user", "bob")
    assert mapping.actor("robot:7") == ("agent", "7")
    assert mapping.payloads["content.viewed"]["page"].sources == ("details.url",)


def test_unmapped_as_takes_the_rest() -> None:
    mapping = load_mapping(unmapped_as="custom.legacy")
    assert mapping.event_type("viewed") == "custom.legacy"
    assert mapping.event_type("approved") == "action.approved"


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[events", "Expected"),
        ("[event]\na = 'b'", r"no section \[event\]"),
        ("events = 1", "must be a table"),
        ("[events]\na = 1", "must be text"),
        ("[outcomes]\n'a.b' = 'fine'", "must be one of success"),
        ("[actors]\nbob = 'bob'", "must be like 'user:bob'"),
        ("[actor_prefixes]\nrobot = 'machine'", "must be one of user"),
        ("[values]\nrisk = 'low'", "must be a table of texts"),
        ("[payload]\n'a.b' = 'x'", "must be a table of fields"),
        ("[payload.'a.b']\nx = 7", "needs sources"),
        ("[payload.'a.b']\nx = 'detail.y'", "needs sources"),
        ("[payload.'a.b']\nx = { from = 'details.y', as = 'date' }", "'as' must be one of"),
        ("[payload.'a.b']\nx = { from = 'details.y', min = 1 }", "does not understand min"),
        ("[payload.'a.b']\nx = { from = 'details.y', minimum = 'a' }", "must be a number"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, text: str, complaint: str) -> None:
    file = tmp_path / "mapping.toml"
    file.write_text(text)
    with pytest.raises(MappingError, match=complaint):
        load_mapping(file)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(MappingError, match="absent"):
        load_mapping(tmp_path / "absent.toml")
