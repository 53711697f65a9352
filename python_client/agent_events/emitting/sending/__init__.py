"""To the ledger, or behind what waits in the journal."""
