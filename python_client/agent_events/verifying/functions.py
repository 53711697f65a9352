"""Whether the ledger's functions are the ones that this version ships.

A function whose body is a string is compared with the file in `sql/` that makes it. Of those with a
body in the SQL standard's form, which the server keeps parsed, only the existence is checked.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from agent_events._resources import sql_dir
from agent_events.verifying.findings import ALTERED_FUNCTION, Findings
from agent_events.verifying.session import Session

_CREATE = re.compile(
    r"^create (?:or replace )?(function|procedure|aggregate) (ledger|ledger_guard)\.(\w+)\s*\(",
    re.MULTILINE,
)
_BODY = re.compile(r"^as (\$\w*\$)(.*?)\1", re.MULTILINE | re.DOTALL)
_LANGUAGE = re.compile(r"^\s*language (\w+)", re.MULTILINE)
_DEFINER = re.compile(r"^\s*security definer", re.MULTILINE)

# A folder that install.sql leaves out: a DBA runs what is in it where the extension is.
OPTIONAL = "partman"

# Functions that run as one of the roles that nobody is a member of are the ledger's wherever they
# stand.
_PRESENT = """
select
  n.nspname::pg_catalog.text,
  p.proname::pg_catalog.text,
  case when p.prosqlbody is null and p.prokind <> 'a' then p.prosrc end,
  l.lanname::pg_catalog.text,
  p.prosecdef
from pg_catalog.pg_proc as p
join pg_catalog.pg_namespace as n on n.oid = p.pronamespace
join pg_catalog.pg_language as l on l.oid = p.prolang
left join pg_catalog.pg_roles as r on r.oid = p.proowner
where n.nspname in ('ledger', 'ledger_guard') or r.rolname in (
  'ledger_append', 'ledger_guard', 'ledger_sandbox', 'ledger_capture'
)
order by 1, 2
"""


class Definition(NamedTuple):
    """What is compared of a function. `body` is None where the server keeps it parsed."""

    body: str | None
    language: str
    is_definer: bool


Name = tuple[str, str]


def check_functions(session: Session, findings: Findings) -> None:
    """Compare the functions of the ledger's schemas with the ones in `sql/`, both ways.

    Those for an extension may be missing.
    """
    wanted = shipped(sql_dir())
    optional = shipped(sql_dir() / OPTIONAL).keys()
    present: dict[Name, list[Definition]] = defaultdict(list)
    for schema, name, *definition in session.rows(_PRESENT):
        present[schema, name].append(Definition(*definition))
    for name in sorted({*wanted, *present} - (optional - present.keys())):
        problem = _problem(wanted.get(name, []), present.get(name, []))
        if problem:
            findings.add(ALTERED_FUNCTION, f"{'.'.join(name)}(): {problem}")


def shipped(folder: Path) -> dict[Name, list[Definition]]:
    """Read the functions that a folder of SQL files makes; overloads stand together."""
    found: dict[Name, list[Definition]] = defaultdict(list)
    for file in sorted(folder.rglob("*.sql")):
        for name, definition in _definitions(file.read_text("utf-8")):
            found[name].append(definition)
    return found


def _definitions(text: str) -> Iterator[tuple[Name, Definition]]:
    starts = [*_CREATE.finditer(text)]
    ends = [*(start.start() for start in starts[1:]), len(text)][: len(starts)]
    for start, end in zip(starts, ends, strict=True):
        kind, schema, name = start.groups()
        statement = text[start.start() : end]
        body = _BODY.search(statement)
        head = statement[: body.start()] if body else statement
        language = _LANGUAGE.search(head)
        definition = Definition(
            body[2] if body and kind != "aggregate" else None,
            "internal" if kind == "aggregate" else language[1] if language else "sql",
            _DEFINER.search(head) is not None,
        )
        yield (schema, name), definition


def _problem(wanted: list[Definition], present: list[Definition]) -> str | None:
    if not present:
        return "it is missing"
    if not wanted:
        return "this version ships no such function"
    if len(present) != len(wanted):
        return f"there are {len(present)} functions of that name, this version ships {len(wanted)}"
    if sorted(map(repr, present)) != sorted(map(repr, wanted)):
        return "it is not as this version ships it: who can replace it can change what it says"
    return None
