"""A project that uses agent-events, for the type checkers: what it says about types is checked."""
