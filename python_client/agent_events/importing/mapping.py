"""The mapping table: which event type a legacy event name becomes, and what its payload holds.

The table is data: `action_audit.toml` beside this file. An override file of the same form is laid
over it.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping as MappingType
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

from .mapping_check import ACTOR_TYPES, SECTIONS, MappingError, Tables, check_tables

BUILT_IN = "action_audit.toml"


@dataclass(frozen=True, slots=True)
class Field:
    """Where a payload field comes from: the first source whose value is of the right kind.

    A source is `action_id`, `event`, `actor`, `details`, a path into the details such as
    `details.result.code`, or a constant after an equals sign, `=unknown`. `cast` is one of CASTS,
    or the name of a table of `values` that translates words; `minimum` is for numbers.
    """

    sources: tuple[str, ...]
    cast: str = "text"
    minimum: float | None = None


@dataclass(frozen=True, slots=True)
class Mapping:
    """A loaded mapping table. Legacy names are compared as `normalized` makes them."""

    events: MappingType[str, str]
    payloads: MappingType[str, MappingType[str, Field]]
    values: MappingType[str, MappingType[str, str]] = field(default_factory=dict)
    outcomes: MappingType[str, str] = field(default_factory=dict)
    actors: MappingType[str, str] = field(default_factory=dict)
    actor_prefixes: MappingType[str, str] = field(default_factory=dict)
    unmapped_as: str | None = None

    def event_type(self, legacy_name: str) -> str | None:
        """Return the event type for a legacy event name; None when nothing maps it."""
        return self.events.get(normalized(legacy_name), self.unmapped_as)

    def actor(self, text: str | None) -> tuple[str, str] | None:
        """Return (actor_type, actor_id) for `user:bob`, `agent:x` or `system`, None for others."""
        text = (text or "").strip()
        text = self.actors.get(text, text)
        kind, _, name = text.partition(":")
        kind = self.actor_prefixes.get(kind.strip().lower(), kind.strip().lower())
        if kind in ACTOR_TYPES and name.strip():
            return kind, name.strip()
        if text.lower() == "system":
            return "system", "system"
        return None


def normalized(legacy_name: str) -> str:
    """`Action.Awaiting-Approval` and `awaiting approval` are the same name."""
    name = legacy_name.strip().lower().replace("-", "_").replace(" ", "_")
    return name.removeprefix("action.").removeprefix("action_")


def load_mapping(override: Path | None = None, unmapped_as: str | None = None) -> Mapping:
    """Load the built-in table, laid over with `override`.

    What an override says is added to the built-in table or replaces it, entry by entry; an entry
    of [payload] is all the fields of an event type, one of [values] a whole table of words.

    Raises MappingError when the file cannot be read or says something that is not understood.
    """
    tables = _read(files(__package__).joinpath(BUILT_IN).read_text("utf-8"), BUILT_IN)
    if override is not None:
        try:
            text = override.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise MappingError(f"{override}: {error}") from error
        for section, entries in _read(text, str(override)).items():
            tables[section] |= entries
    check_tables(tables, str(override or BUILT_IN))
    return Mapping(
        events={normalized(name): event_type for name, event_type in tables["events"].items()},
        payloads={
            event_type: {name: _field(definition) for name, definition in definitions.items()}
            for event_type, definitions in tables["payload"].items()
        },
        values=tables["values"],
        outcomes=tables["outcomes"],
        actors=tables["actors"],
        actor_prefixes=tables["actor_prefixes"],
        unmapped_as=unmapped_as,
    )


def _read(text: str, name: str) -> Tables:
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise MappingError(f"{name}: {error}") from error
    for section, entries in tables.items():
        if section not in SECTIONS:
            raise MappingError(f"{name}: there is no section [{section}]")
        if not isinstance(entries, dict):
            raise MappingError(f"{name}: [{section}] must be a table")
    return tables


def _field(definition: Any) -> Field:
    if not isinstance(definition, dict):
        definition = {"from": definition}
    sources = definition["from"]
    return Field(
        sources=(sources,) if isinstance(sources, str) else tuple(sources),
        cast=definition.get("as", "text"),
        minimum=definition.get("minimum"),
    )
