-- An exported event e as a line of CSV (RFC 4180, but with a line feed), as SQL. NULL is an empty
-- cell, an empty text "".
create or replace function ledger.csv_line(with_proof boolean, redacted boolean)
returns text
language sql
immutable
parallel safe
set search_path = pg_catalog, pg_temp
as $$
  select
    'concat(' || string_agg(
      format(
        case c.kind
          when 'text' then 'ledger.csv_cell(e.%I)'
          when 'payload' then
            $x$'"' || replace(coalesce(e.payload_text, e.payload::text), '"', '""') || '"'$x$
          when 'json' then $x$'"' || replace(e.%I::text, '"', '""') || '"'$x$
          when 'time' then $x$btrim(to_json(e.%I)::text, '"')$x$
          when 'hash' then $x$encode(e.%I, 'hex')$x$
          when 'hashes' then
            $x$array_to_string(array(select encode(h, 'hex') from unnest(e.%I) as h), ' ')$x$
          else 'e.%I'
        end,
        c.name
      ),
      $x$, ',', $x$ order by c.n
    ) || $x$, E'\n')$x$
  from ledger.export_columns(csv_line.with_proof, csv_line.redacted) as c
$$;

comment on function ledger.csv_line(boolean, boolean) is
  'Part of export_lines(): an exported event e as a line of CSV, as SQL.';
