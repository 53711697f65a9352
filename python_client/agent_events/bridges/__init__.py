"""From what a program has already to the ledger: `agent_events.bridges.logging`."""
