"""Where a block's events go: to an emitter, or into the transaction of a ledger."""
