-- The hash of an event: its link in the stream's chain and its leaf in the tenant's Merkle tree.
-- Inlined by the planner.
create or replace function ledger.event_hash(entry bytea, prev_hash bytea)
returns bytea
language sql
immutable
parallel safe
return sha256(entry || coalesce('\x00000020'::bytea || prev_hash, '\xffffffff'));

comment on function ledger.event_hash(bytea, bytea) is
  'SHA-256 over an event_entry() and the hash of the stream''s previous event (NULL for the '
  'first, and without a stream).';
