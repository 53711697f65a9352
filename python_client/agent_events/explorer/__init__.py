"""The web page on which people look at a ledger: `agent-events explore`.

Importing this package needs nothing; the modules need the extra `explorer`.
"""
