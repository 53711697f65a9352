-- A summary taken apart: literal text and placeholders, in order. {{ and }} stand for braces; of a
-- lone brace, or {}, there is neither literal nor path.
create or replace function ledger.summary_parts(summary text)
returns table (n bigint, literal text, path text[])
language sql
immutable
strict
parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select
    t.n,
    case
      when t.token in ('{{', '}}') then left(t.token, 1)
      when t.token !~ '^[{}]' then t.token
    end,
    case
      when t.token ~ '^\{[^{}]+\}$' then string_to_array(btrim(t.token, '{}'), '.')
    end
  from (
    select m.n, m.match[1] as token
    from regexp_matches(summary, '(\{\{|\}\}|\{[^{}]*\}|[^{}]+|.)', 'g')
      with ordinality as m (match, n)
  ) as t
$$;

comment on function ledger.summary_parts(text) is
  'Part of register_event_type(): literals and placeholders of a summary, in order.';
