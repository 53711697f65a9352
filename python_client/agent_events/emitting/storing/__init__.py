"""From an emitter into the ledger: one event, or batches whose bad events take no other down."""
