-- The other end of capture_begin(). Rows of an inner statement are kept for the outermost, which
-- gets all of them; is_mixed when there were any.
create or replace function ledger.capture_end(
  event_prefix text,
  inout old_rows jsonb[],
  inout new_rows jsonb[],
  out is_outermost boolean,
  out is_mixed boolean
)
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_frame ledger.capture_frames;
begin
  update ledger.capture_frames as f
  set
    depth = f.depth - 1,
    old_rows = f.old_rows || capture_end.old_rows,
    new_rows = f.new_rows || capture_end.new_rows
  where f.xact_id = pg_current_xact_id()
    and f.event_prefix = capture_end.event_prefix
    and f.depth > 1;
  is_outermost := not found;
  if is_outermost then
    delete from ledger.capture_frames as f
    where f.xact_id = pg_current_xact_id() and f.event_prefix = capture_end.event_prefix
    returning f.* into v_frame;
    is_mixed := v_frame.old_rows <> '{}' or v_frame.new_rows <> '{}';
    old_rows := coalesce(v_frame.old_rows, '{}') || old_rows;
    new_rows := coalesce(v_frame.new_rows, '{}') || new_rows;
  end if;
end
$$;

comment on function ledger.capture_end(text, jsonb[], jsonb[]) is
  'Part of capture_changes(): whether a statement is the outermost on its table, and the rows of '
  'those inside it.';
