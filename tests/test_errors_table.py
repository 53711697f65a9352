"""The error table of sql/README.md, errors.py and the SQL say the same."""

from __future__ import annotations

import re
from pathlib import Path

from agent_events import errors
from agent_events._resources import sql_dir

ROW = re.compile(r"^\| `?(LG\d{3})`? \|(.*)$", re.MULTILINE)


def table() -> dict[str, str]:
    return dict(ROW.findall((sql_dir() / "README.md").read_text()))


def test_table_and_exceptions_are_one_to_one() -> None:
    assert sorted(table()) == sorted(errors.BY_SQLSTATE)
    for sqlstate, row in table().items():
        assert errors.BY_SQLSTATE[sqlstate].__name__ in row, sqlstate


def test_docstring_is_the_same_list() -> None:
    listed = re.findall(r"\+-- (\w+) +(LG\d{3}) ", errors.__doc__ or "")
    assert listed == [(error.__name__, state) for state, error in errors.BY_SQLSTATE.items()]


def test_the_page_for_python_has_all_of_them() -> None:
    """And what the client raises by itself."""
    page = (Path(__file__).parents[1] / "docs" / "python.md").read_text()
    rows = re.findall(r"^\| `(\w+)` \| (LG\d{3}) \|", page, re.MULTILINE)
    assert rows == [(error.__name__, state) for state, error in errors.BY_SQLSTATE.items()]
    for own in (errors.EventsNotStored, errors.BufferFull, errors.OutcomeUnknown):
        assert f"\n| `{own.__name__}` | " in page


def test_sql_raises_nothing_else() -> None:
    raised = {
        sqlstate
        for file in sql_dir().rglob("*.sql")
        for sqlstate in re.findall(r"'(LG\d{3})'", file.read_text())
    }
    assert raised <= set(errors.BY_SQLSTATE)
