"""The verifier that counts: it runs outside the database and trusts nothing in it.

TenantVerification   one tenant's log: head, blocks, upper levels, checkpoints, unlogged events
  Task -> Result     65,536 events each, here or in other processes: rows, tiles, links
  Cold               events that are in cold files and not in the database
check_guards, check_functions                 the database's own defences
"""

from agent_events.verifying.checkpoints import Anchored, load
from agent_events.verifying.findings import Finding
from agent_events.verifying.tenant import Scope, TenantReport
from agent_events.verifying.verifier import Listener, NothingVisible, Report, verify

__all__ = [
    "Anchored",
    "Finding",
    "Listener",
    "NothingVisible",
    "Report",
    "Scope",
    "TenantReport",
    "load",
    "verify",
]
