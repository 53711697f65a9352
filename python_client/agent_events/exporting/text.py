"""Formats of lines, which come from the database as they are written."""

from __future__ import annotations

from agent_events.exporting.output import Output
from agent_events.exporting.pages import Pages, Progress

_PIECE = 1 << 20


class JsonLines:
    """A JSON object per line (https://jsonlines.org); what is NULL has no key."""

    id_at = slice(7, 43)
    """Where a line has its event's id: it is the first key."""

    def __init__(self, page_size: int) -> None:
        self._page_size = page_size

    def write(self, pages: Pages, output: Output, progress: Progress) -> int:
        """Write all pages; returns the number of events."""
        output.write(self.head(pages))
        written, last = 0, None
        while True:
            count = 0
            piece = bytearray()
            line = b""
            for line in pages.lines(last, self._page_size):
                piece += self.line(line, written + count)
                count += 1
                if len(piece) > _PIECE:
                    output.write(piece)
                    piece = bytearray()
            output.write(piece)
            written += count
            progress(count)
            if count < self._page_size:
                break
            last = line[self.id_at].decode()
        output.write(self.tail(written))
        return written

    def head(self, pages: Pages) -> bytes:
        """Return what comes before the first line."""
        return b""

    def line(self, line: bytes, number: int) -> bytes:
        """Return a line as it is written; the first has the number 0."""
        return line

    def tail(self, written: int) -> bytes:
        """Return what comes after the last line."""
        return b""


class JsonArray(JsonLines):
    """One array, an object per line."""

    def head(self, pages: Pages) -> bytes:
        """Open it."""
        return b"["

    def line(self, line: bytes, number: int) -> bytes:
        """Put a comma between."""
        return (b",\n" if number else b"\n") + line[:-1]

    def tail(self, written: int) -> bytes:
        """Close it."""
        return b"\n]\n" if written else b"]\n"


class CsvFile(JsonLines):
    """CSV with a header, in UTF-8; what begins like a formula has an apostrophe before it."""

    id_at = slice(0, 36)

    def __init__(self, page_size: int, bom: bool) -> None:
        super().__init__(page_size)
        self._bom = bom

    def head(self, pages: Pages) -> bytes:
        """Name the columns."""
        names = ",".join(pages.columns()).encode() + b"\n"
        return b"\xef\xbb\xbf" + names if self._bom else names
