-- LG010 unless one of the notes is a checkpoint of this tenant's log as it is, beyond a position.
-- Who signed it, the client has checked. The ledger's name counts where the setting ledger.name
-- gives one.
create or replace function ledger.require_checkpoint(
  tenant_id text,
  last_position bigint,
  checkpoints text[]
)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_lines text[];
  v_note text;
  v_seen text := 'There is none.';
begin
  foreach v_note in array coalesce(require_checkpoint.checkpoints, '{}') loop
    v_lines := string_to_array(v_note, E'\n');
    continue when v_lines[1] ~ '^[^\s+]+/[^/]+$' is not true
      or split_part(v_lines[1], '/', -1) <> require_checkpoint.tenant_id;
    if v_lines[1] <> ledger.setting('name') || '/' || require_checkpoint.tenant_id then
      v_seen := format('There is one of %s.', v_lines[1]);
    elsif v_lines[2] ~ '^(0|[1-9][0-9]{0,17})$' is not true then
      v_seen := format('There is one without a tree size: %L.', left(v_lines[2], 100));
    elsif v_lines[2]::bigint <= require_checkpoint.last_position then
      v_seen := format('There is one of the first %s events.', v_lines[2]);
    elsif v_lines[2]::bigint > ledger.require_tree_size(require_checkpoint.tenant_id, null)
      or v_lines[3] is distinct from encode(
        ledger.log_range_root(require_checkpoint.tenant_id, 0, v_lines[2]::bigint), 'base64'
      )
    then
      v_seen := format('There is one of %s events, of another log than this.', v_lines[2]);
    else
      return;
    end if;
  end loop;
  raise exception using
    errcode = 'LG010',
    message = format(
      'no signed checkpoint covers the events of tenant %s up to position %s',
      require_checkpoint.tenant_id, require_checkpoint.last_position
    ),
    detail = v_seen,
    hint = '`agent-events checkpoint` signs the log as it stands. A checkpoint of another log '
      'means that the log was rewritten.';
end
$$;

comment on function ledger.require_checkpoint(text, bigint, text[]) is
  'Part of drop_cold() and record_checkpoint(): LG010 unless a checkpoint of the tenant''s log covers a position.';
