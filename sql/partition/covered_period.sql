-- The time that partitions exist for without a gap, as a constant that the planner folds away:
-- emit_event() compares with it in every call. refresh_coverage() writes it anew, at most once for
-- each partition; until then nothing is covered and emit_event() asks ensure_partition().
create or replace function ledger.covered_period()
returns tstzrange
language sql
immutable
parallel safe
return 'empty'::tstzrange;

comment on function ledger.covered_period() is
  'The time that partitions exist for without a gap; rewritten by ledger.refresh_coverage().';
