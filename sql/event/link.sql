-- As a window aggregate in the order of a stream: the hash of each event, made from its entry and
-- the hash before it.
-- noqa: disable=layout.spacing
create or replace aggregate ledger.link(entry bytea, head bytea) (
  sfunc = ledger.link_next,
  stype = bytea,
  parallel = safe
);

comment on aggregate ledger.link(bytea, bytea) is
  'Part of emit_events(): chains entries, in window order, to the head of their stream (NULL '
  'for a new one).';
