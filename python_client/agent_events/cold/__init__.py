"""Partitions that left the database for Parquet files, with nothing lost that can be proven.

columns    what a file holds, and in which form
manifest   what stands beside it
export     database -> file
check      file -> findings: every hash, chain, count and root anew
log        … and whether that is what the log and the ledger's records say
covered    … and what was signed outside
find       search in files
drop, restore, expire, listing      what the database does with a partition that has a file

Importing this package needs nothing; the modules need the extra `cold`.
"""
