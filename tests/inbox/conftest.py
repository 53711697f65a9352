"""A role that consumes for acme, and one that operates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest

AnyConnection = psycopg.Connection[Any]
Connect = Callable[..., AnyConnection]


@pytest.fixture
def consumer(connect: Connect, login_role: Callable[..., str]) -> Connect:
    """More connections of a login that consumes for the tenant acme; autocommit unless told."""
    role = login_role("consumer", {"acme": ["consume"]})
    return lambda **parameters: connect(user=role, **parameters)


@pytest.fixture
def operator(connect: Connect, login_role: Callable[..., str]) -> AnyConnection:
    return connect(user=login_role("operator", {"*": ["operate"]}))
