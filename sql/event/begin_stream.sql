-- Inserts the head of a new stream. False when another transaction was faster: emit_event then
-- continues that stream. Waits for such a transaction to end. What names a stream is checked here,
-- once in its life.
create or replace function ledger.begin_stream(
  tenant_id text,
  aggregate_type text,
  aggregate_id text,
  expected_sequence bigint,
  created_at timestamptz,
  hash bytea
)
returns boolean
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_sequence bigint;
begin
  if (
    length(begin_stream.aggregate_type) between 1 and 255
    and length(begin_stream.aggregate_id) between 1 and 255
  ) is not true then
    raise exception using
      errcode = 'LG009',
      message = 'aggregate_type and aggregate_id go together and must have 1 to 255 characters';
  end if;
  if coalesce(begin_stream.expected_sequence, 0) = 0 then
    insert into ledger.streams (tenant_id, aggregate_type, aggregate_id, sequence, created_at, hash)
    values (
      begin_stream.tenant_id,
      begin_stream.aggregate_type,
      begin_stream.aggregate_id,
      1,
      begin_stream.created_at,
      begin_stream.hash
    )
    on conflict do nothing;
    if found or begin_stream.expected_sequence is null then
      return found;
    end if;
  end if;
  select s.sequence into v_sequence
  from ledger.streams as s
  where s.tenant_id = begin_stream.tenant_id
    and s.aggregate_type = begin_stream.aggregate_type
    and s.aggregate_id = begin_stream.aggregate_id;
  raise exception using
    errcode = 'LG004',
    message = format(
      'stream %s/%s is at sequence %s, not at %s',
      begin_stream.aggregate_type,
      begin_stream.aggregate_id,
      coalesce(v_sequence, 0),
      begin_stream.expected_sequence
    ),
    hint = 'Somebody else appended first: read the stream again, decide again, and emit with its '
      'new sequence.';
end
$$;

comment on function ledger.begin_stream(text, text, text, bigint, timestamptz, bytea) is
  'Part of emit_event(): inserts the head of a new stream; LG004 when expected_sequence does '
  'not hold.';
