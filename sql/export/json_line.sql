-- An exported event e as a line of JSON, as SQL: the keys in the order of the columns, and none for
-- what is NULL, which costs least to write and to keep.
create or replace function ledger.json_line(with_proof boolean, redacted boolean)
returns text
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select
    'concat(' || string_agg(
      format(
        case
          when c.name in ('schema_version', 'sequence', 'position')
            then '%1$L || e.%2$I'
          when c.name in ('created_at', 'description') then '%1$L, to_json(e.%2$I)'
          when c.name in (
            'id', 'tenant_id', 'event_type', 'run_id', 'trace_id', 'correlation_id'
          ) then $x$%1$L || '"', e.%2$I, '"'$x$
          when c.kind = 'plain' then $x$%1$L || '"' || e.%2$I || '"'$x$
          when c.kind = 'payload' then '%1$L, coalesce(e.payload_text, e.payload::text)'
          when c.kind = 'json' then '%1$L || e.%2$I::text'
          when c.kind = 'hash' then $x$%1$L || '"' || encode(e.%2$I, 'hex') || '"'$x$
          when c.kind = 'hashes'
            then $x$%1$L || case when e.%2$I is not null then
              to_json(array(select encode(h, 'hex') from unnest(e.%2$I) as h))::text end$x$
          else '%1$L || to_json(e.%2$I)::text'
        end,
        case c.n when 1 then '{' else ',' end || to_json(c.name) || ':',
        c.name
      ),
      ', ' order by c.n
    ) || $x$, E'}\n')$x$
  from ledger.export_columns(json_line.with_proof, json_line.redacted) as c
$$;

comment on function ledger.json_line(boolean, boolean) is
  'Part of export_lines(): an exported event e as a line of JSON, as SQL.';
