-- Keywords about arrays.
create or replace function ledger.compile_array_keyword(keyword text, schema jsonb, subject text)
returns text
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
select case keyword
  when 'minItems' then subject || '.size() >= ' || nullif(schema -> keyword, '0')::text
  when 'maxItems' then format('%s.size() <= %s', subject, schema -> keyword)
  when 'prefixItems' then (
    select string_agg(format('(%1$s.size() <= %2$s || %3$s)', subject, n - 1, p), ' && ' order by n)
    from jsonb_array_elements(schema -> keyword) with ordinality as a (e, n)
    cross join lateral ledger.compile_node(e, format('%s[%s]', subject, n - 1)) as p
    where p is not null
  )
  when 'items' then (
    select case jsonb_array_length(coalesce(schema -> 'prefixItems', '[]'))
      when 0 then format('!exists(%s[*] ? (!(%s)))', subject, p)
      else format(
        '(%1$s.size() <= %2$s || !exists(%1$s[%2$s to last] ? (!(%3$s))))',
        subject, jsonb_array_length(schema -> 'prefixItems'), p
      )
    end
    from ledger.compile_node(schema -> keyword, '@') as p
    where p is not null
  )
  when 'contains' then format(
    'exists(%s[*] ? (%s))',
    subject,
    coalesce(ledger.compile_node(schema -> keyword, '@'), '1 == 1')
  )
end
$$;

comment on function ledger.compile_array_keyword(text, jsonb, text) is
  'Part of compile_schema(): the keywords "minItems", "maxItems", "prefixItems", "items" and '
  '"contains".';
