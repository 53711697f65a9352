"""Where events wait, on a disk of this machine, while the database cannot be reached.

    AuditEmitter(on_unavailable="spool")               # has a `DiskJournal` of its own
    DiskJournal(Path("/var/spool/app/deals"))          # or make one, and give it as journal=…

One folder for each database, <user>@<host>:<port>/<database> with %-escapes, so that nothing gets
to another one by mistake. In it, for any number of processes:

    20260314T091502.123456Z-4711-9f3c.spool    events that wait: see `records`
    20260314T091502.123456Z-4711-9f3c-63.damaged    what of it could not be read, from byte 63
    events.refused                             events that the ledger refused, and why

A process writes files of its own, and holds each by flock until all of it is stored; then it is
gone. What an ended process left is taken over by whoever comes first. docs/emitting.md says what is
promised.
"""

from agent_events.spooling.folders import default_dir, folder_for
from agent_events.spooling.journal import MAX_BYTES, DiskJournal

__all__ = ["MAX_BYTES", "DiskJournal", "default_dir", "folder_for"]
