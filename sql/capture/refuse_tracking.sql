-- Why a table cannot be tracked as asked: LG009, or 42501 when the caller does not own it.
create or replace function ledger.refuse_tracking(
  table_name regclass,
  event_prefix text,
  aggregate_type text,
  key_columns text[],
  excluded text[],
  masked text[],
  tenant_column text
)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_missing text := (
    select string_agg(quote_ident(w.name), ', ')
    from unnest(
      key_columns || excluded || masked || array_remove(array[tenant_column], null)
    ) as w (name)
    where not exists (
      select from pg_attribute as a
      where a.attrelid = refuse_tracking.table_name
        and a.attname = w.name
        and a.attnum > 0
        and not a.attisdropped
    )
  );
  v_taken text := (
    select min(t.event_type)
    from ledger.event_types as t
    where t.event_type in (
        event_prefix || '.created', event_prefix || '.updated', event_prefix || '.deleted'
      )
      and t.catalog <> 'capture'
  );
  v_problem text := case
    when v_missing is not null then format('it has no column %s', v_missing)
    when event_prefix !~ '^[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*$' or length(event_prefix) > 90 then
      format('event_prefix %L is not lower-case words joined by dots', left(event_prefix, 100))
    when event_prefix ~ '^ledger(\.|$)' then 'what begins with ledger. is the ledger''s own'
    when v_taken is not null then format(
      'event type %s is registered for something else: give another event_prefix', v_taken
    )
    when exists (
      select from ledger.tracked_tables as t
      where t.event_prefix = refuse_tracking.event_prefix
        and t.table_id <> refuse_tracking.table_name
        and exists (select from pg_class as c where c.oid = t.table_id)
    ) then format('another table is tracked with that event_prefix, %s', event_prefix)
    when length(aggregate_type) not between 1 and 255 then
      'aggregate_type must have 1 to 255 characters'
    when coalesce(cardinality(key_columns), 0) = 0 then 'it has no primary key: give key_columns'
    when cardinality(key_columns) > 8 then 'its key has more than eight columns'
    when key_columns && (excluded || masked) then
      'a key column can be neither excluded nor masked: aggregate_id shows it'
    when not exists (
      select
      from pg_index as i
      where i.indrelid = refuse_tracking.table_name
        and i.indisunique and i.indisvalid and i.indpred is null and i.indexprs is null
        and i.indnkeyatts = cardinality(key_columns)
        and (
          select array_agg(a.attname::text order by a.attname::text) = (
            select array_agg(k order by k) from unnest(key_columns) as k
          ) and bool_and(a.attnotnull)
          from pg_attribute as a
          where a.attrelid = i.indrelid
            and a.attnum = any((i.indkey::int2[])[0:i.indnkeyatts - 1])
        )
    ) then
      'key_columns must be the columns of its primary key, or of a unique index, and not null'
  end;
begin
  perform ledger.require_own_table(refuse_tracking.table_name);
  if exists (
    select
    from pg_inherits as i
    join pg_class as c on c.oid = i.inhrelid
    where refuse_tracking.table_name in (i.inhrelid, i.inhparent) and not c.relispartition
  ) then
    v_problem := 'it inherits or is inherited from: a statement on the parent changes rows of '
      'the children unseen';
  elsif exists (
    select from pg_class as c where c.oid = refuse_tracking.table_name and c.relispartition
  ) then
    v_problem := 'it is a partition: track the partitioned table';
  end if;
  if v_problem is not null then
    raise exception using
      errcode = 'LG009',
      message = format('%s cannot be tracked like this: %s', refuse_tracking.table_name, v_problem),
      hint = 'See docs/capture.md.';
  end if;
end
$$;

comment on function ledger.refuse_tracking(regclass, text, text, text[], text[], text[], text) is
  'Part of track_table(): raises LG009 when the table cannot be tracked as asked.';
