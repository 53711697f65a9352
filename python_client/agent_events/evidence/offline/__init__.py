"""Check a bundle with the standard library of Python 3.9 or later alone.

Copied verbatim into evidence bundles, so nothing here imports anything but its siblings and
`agent_events.proofs`.
"""
