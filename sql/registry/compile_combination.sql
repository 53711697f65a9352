-- "allOf", "anyOf", "oneOf", "not" and "if". A branch that checks nothing is always true.
create or replace function ledger.compile_combination(keyword text, schema jsonb, subject text)
returns text
language plpgsql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
declare
  v_true constant text := '(1 == 1)';
  v_branches text[];
begin
  if keyword in ('if', 'not') then
    v_branches := array[ledger.compile_node(schema -> keyword, subject)];
  else
    select array_agg('(' || ledger.compile_node(e, subject) || ')' order by n)
    into v_branches
    from jsonb_array_elements(schema -> keyword) with ordinality as a (e, n);
  end if;
  v_branches := array_replace(v_branches, null, v_true);

  return case keyword
    when 'allOf' then (
      select string_agg(b, ' && ' order by n)
      from unnest(v_branches) with ordinality as u (b, n)
      where b <> v_true
    )
    when 'anyOf' then '(' || array_to_string(v_branches, ' || ') || ')'
    when 'not' then format('!(%s)', v_branches[1])
    when 'oneOf' then '(' || (
      select string_agg(format('(%s)', (
        select string_agg(
          case when other.n = one.n then other.b else '!' || other.b end,
          ' && ' order by other.n <> one.n, other.n
        )
        from unnest(v_branches) with ordinality as other (b, n)
      )), ' || ' order by one.n)
      from unnest(v_branches) with ordinality as one (b, n)
    ) || ')'
    when 'if' then nullif(array_to_string(array[
      '(!(' || v_branches[1] || ') || (' || ledger.compile_node(schema -> 'then', subject) || '))',
      '((' || v_branches[1] || ') || (' || ledger.compile_node(schema -> 'else', subject) || '))'
    ], ' && '), '')
  end;
end
$$;

comment on function ledger.compile_combination(text, jsonb, text) is
  'Part of compile_schema(): the keywords "allOf", "anyOf", "oneOf", "not" and "if" with "then" '
  'and "else".';
