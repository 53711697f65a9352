-- As a window aggregate in the order of a stream: for each event the hash before it (NULL for a new
-- stream's first) and its own, made from its entry and that.
-- (_bytea: bytea[], spelt so that sqlfluff can read it.)
-- noqa: disable=layout.spacing
create or replace aggregate ledger.link(entry bytea, head bytea) (
  sfunc = ledger.link_next,
  stype = _bytea,
  parallel = safe
);

comment on aggregate ledger.link(bytea, bytea) is
  'Part of emit_events(): chains entries, in window order, to the head of their stream (NULL '
  'for a new one).';
