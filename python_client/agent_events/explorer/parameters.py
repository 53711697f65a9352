"""What stands in a URL that somebody typed: checked, with an answer that says what is wrong."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from starlette.exceptions import HTTPException
from starlette.requests import Request


def uuid_in_path(request: Request, name: str = "id") -> UUID:
    """Return a UUID of the path.

    Raises:
        HTTPException: 404, it is none.
    """
    given = request.path_params[name]
    if (found := as_uuid(given)) is None:
        raise HTTPException(404, f"{given!r} is no id. Ids look like {_SAMPLE}.")
    return found


def uuid_parameter(request: Request, name: str) -> UUID | None:
    """Return a UUID of the query, None where there is none.

    Raises:
        HTTPException: 400, it is none.
    """
    given = text_parameter(request, name)
    if given is None:
        return None
    if (found := as_uuid(given)) is None:
        raise HTTPException(400, f"{name}: {given!r} is no id. Ids look like {_SAMPLE}.")
    return found


def text_parameter(request: Request, name: str) -> str | None:
    """Return a text of the query without the spaces around it, None where it is empty or missing.

    Raises:
        HTTPException: 400, PostgreSQL has no such text.
    """
    given = exact_parameter(request, name)
    return given and (given.strip() or None)


def exact_parameter(request: Request, name: str) -> str | None:
    """Return a text of the query as it is, None where it is empty or missing.

    Raises:
        HTTPException: 400, PostgreSQL has no such text.
    """
    given = request.query_params.get(name, "")
    if "\0" in given or not _is_unicode(given):
        raise HTTPException(400, f"{name} has a character that no text of the ledger has.")
    return given or None


def choice_parameter(request: Request, name: str, choices: tuple[str, ...]) -> str | None:
    """Return one of the choices, None where none is made.

    Raises:
        HTTPException: 400, it is not among them.
    """
    given = text_parameter(request, name)
    if given is not None and given not in choices:
        raise HTTPException(400, f"{name}: {given!r} is none of {', '.join(choices)}.")
    return given


def number_parameter(request: Request, name: str, default: int, least: int, most: int) -> int:
    """Return a whole number of the query, `default` where there is none.

    Raises:
        HTTPException: 400, it is none, or not between `least` and `most`.
    """
    given = text_parameter(request, name)
    if given is None:
        return default
    if not (given.isascii() and given.isdigit() and len(given) < 20):
        raise HTTPException(400, f"{name}: {given!r} is no number from {least} to {most}.")
    if not least <= int(given) <= most:
        raise HTTPException(400, f"{name} is {given}, not {least} to {most}.")
    return int(given)


def time_parameter(request: Request, name: str) -> datetime | None:
    """Return a time of the query, ISO 8601; without an offset it is UTC, as pages show it.

    Raises:
        HTTPException: 400, it is none.
    """
    given = text_parameter(request, name)
    if given is None:
        return None
    try:
        at = datetime.fromisoformat(given.replace(" ", "+"))  # a "+" that was not escaped
    except ValueError:
        at = _spaced(given, name)
    try:
        return at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except OverflowError as error:
        raise HTTPException(400, f"{name}: {given!r} is out of range.") from error


def as_uuid(text: str) -> UUID | None:
    """Return a UUID, None where the text is none."""
    try:
        return UUID(text)
    except ValueError:
        return None


def _spaced(given: str, name: str) -> datetime:
    try:
        return datetime.fromisoformat(given)
    except ValueError as error:
        raise HTTPException(
            400, f"{name}: {given!r} is no time. Times look like 2026-01-31T12:00."
        ) from error


def _is_unicode(text: str) -> bool:
    return text.encode("utf-8", "replace").decode() == text


_SAMPLE = "01981d2f-4a6e-7c31-9b1e-2f6f0e1c7a55"
