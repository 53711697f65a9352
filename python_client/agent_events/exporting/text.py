"""Formats of lines, which come from the database as they are written."""

from __future__ import annotations

from agent_events.exporting.output import Output
from agent_events.exporting.pages import Pages, Progress
from agent_events.exporting.parallel import pieces


class JsonLines:
    """A JSON object per line (https://jsonlines.org); what is NULL has no key."""

    def __init__(self, page_size: int, connections: int) -> None:
        self._page_size = page_size
        self._connections = connections

    def write(self, pages: Pages, output: Output, progress: Progress) -> int:
        """Write all pages; returns the number of events."""
        output.write(self.head(pages))
        written = 0
        with pieces(pages, self._page_size, self._connections, self.line) as all_pieces:
            for piece, count in all_pieces:
                output.write(piece if written else self.first(piece))
                written += count
                progress(count)
        output.write(self.tail(written))
        return written

    def head(self, pages: Pages) -> bytes:
        """Return what comes before the first line."""
        return b""

    def line(self, line: bytes) -> bytes:
        """Return a line as it is written."""
        return line

    def first(self, piece: bytes) -> bytes:
        """Return the first lines as they are written."""
        return piece

    def tail(self, written: int) -> bytes:
        """Return what comes after the last line."""
        return b""


class JsonArray(JsonLines):
    """One array, an object per line."""

    def head(self, pages: Pages) -> bytes:
        """Open it."""
        return b"["

    def line(self, line: bytes) -> bytes:
        """Put a comma before it."""
        return b",\n" + line[:-1]

    def first(self, piece: bytes) -> bytes:
        """Leave the first comma out."""
        return piece[1:]

    def tail(self, written: int) -> bytes:
        """Close it."""
        return b"\n]\n" if written else b"]\n"


class CsvFile(JsonLines):
    """CSV with a header, in UTF-8; what begins like a formula has an apostrophe before it."""

    def __init__(self, page_size: int, connections: int, bom: bool) -> None:
        super().__init__(page_size, connections)
        self._bom = bom

    def head(self, pages: Pages) -> bytes:
        """Name the columns."""
        names = ",".join(pages.columns()).encode() + b"\n"
        return b"\xef\xbb\xbf" + names if self._bom else names
