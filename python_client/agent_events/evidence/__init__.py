"""Evidence for auditors: proof files and bundles that are checked offline.

`offline` and `verify.py` need the standard library of Python 3.9 or later only, and are copied
verbatim into every bundle; the other modules make proofs and bundles from a ledger.
"""
