"""What Prometheus is told of a ledger: `agent-events metrics`."""
