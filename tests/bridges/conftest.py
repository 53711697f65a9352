"""A journal that is a list."""

from __future__ import annotations

import pytest
from running.list_journal import ListJournal


@pytest.fixture
def journal() -> ListJournal:
    return ListJournal()
