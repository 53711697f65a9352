-- Refuses a pattern that PostgreSQL would read differently, or not at all.
create or replace function ledger.check_pattern(pattern text, pointer text)
returns void
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_pattern text := ledger.translate_pattern(check_pattern.pattern);
begin
  if v_pattern is null then
    perform ledger.refuse_schema(
      check_pattern.pointer,
      format(
        'pattern %s uses more than characters, [classes], ^ $ . ( ) | and quantifiers',
        to_json(check_pattern.pattern)
      )
    );
  end if;
  begin
    perform '' ~ v_pattern;
  exception
    when invalid_regular_expression then
      perform ledger.refuse_schema(
        check_pattern.pointer,
        format('pattern %s: %s', to_json(check_pattern.pattern), sqlerrm)
      );
  end;
end
$$;

comment on function ledger.check_pattern(text, text) is
  'Part of check_schema(): raises LG009 for a pattern that is not supported.';
