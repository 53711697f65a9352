-- Keywords about strings. jsonpath knows no length, so that is a regular expression: m characters
-- can be matched or m + 1 cannot. (The obvious ^.{0,m}$ costs three times as much.) A repetition
-- count ends at 255.
create or replace function ledger.compile_string_keyword(keyword text, value jsonb, subject text)
returns text
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
select case
  when keyword = 'pattern'
    then format(
      '%s like_regex %s flag "s"', subject, to_json(ledger.translate_pattern(value #>> '{}'))
    )
  when keyword = 'minLength' and n = 0 then null
  when keyword = 'minLength' and n = 1 then format('%s != ""', subject)
  when keyword = 'maxLength' and n = 1 then format('%s == ""', subject)
  when keyword = 'minLength' then format('%s like_regex "%s" flag "s"', subject, l.regex)
  when keyword = 'maxLength' then format('!(%s like_regex "%s" flag "s")', subject, l.regex)
end
from (
  select case keyword when 'maxLength' then value::int + 1 when 'minLength' then value::int end
) as v (n)
cross join lateral (
  select '^' || case
    when n > 255 then format('(?:.{255}){%s}.{%s}', n / 255, n % 255)
    else format('.{%s}', n)
  end
) as l (regex)
$$;

comment on function ledger.compile_string_keyword(text, jsonb, text) is
  'Part of compile_schema(): the keywords "minLength", "maxLength" and "pattern".';
