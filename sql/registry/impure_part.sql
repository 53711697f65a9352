-- What a function written begin atomic or return uses that makes its result depend on more than its
-- arguments: a table, a function of a user's that is not IMMUTABLE, one of PostgreSQL's that is
-- VOLATILE or tells the time. Many of PostgreSQL's are STABLE only because output formats are
-- settings, such as jsonb_build_object(): they pass. Of a body that is a string, as in PL/pgSQL,
-- the catalog knows nothing: there the role that runs it is what keeps it from reading and writing.
create or replace function ledger.impure_part(function_id oid)
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select min(u.used)
  from pg_proc as p
  cross join lateral (
    select pg_describe_object(d.refclassid, d.refobjid, 0) as used
    from pg_depend as d
    left join pg_operator as o
      on d.refclassid = 'pg_operator'::regclass and o.oid = d.refobjid
    left join pg_proc as f
      on (d.refclassid = 'pg_proc'::regclass and f.oid = d.refobjid) or f.oid = o.oprcode
    left join pg_class as c
      on d.refclassid = 'pg_class'::regclass and c.oid = d.refobjid and c.relkind <> 'c'
    where d.classid = 'pg_proc'::regclass
      and d.objid = p.oid
      and d.refobjid <> 'ledger.events'::regclass
      and (f.provolatile <> 'i' or c.oid is not null)
    union all
    select f.oid::regprocedure::text
    from regexp_matches(p.prosqlbody::text, ':(?:funcid|opfuncid) (\d+)', 'g') as m (parts)
    join pg_proc as f on f.oid = m.parts[1]::oid
    where f.provolatile = 'v'
      or f.proname in ('now', 'transaction_timestamp', 'statement_timestamp', 'current_setting')
    union all
    select 'CURRENT_TIMESTAMP, CURRENT_USER or the like'
    where p.prosqlbody::text like '%{SQLVALUEFUNCTION %'
  ) as u
  where p.oid = impure_part.function_id and p.prosqlbody is not null
$$;

comment on function ledger.impure_part(oid) is
  'Part of check_pure_function(): what a function in SQL uses that is not pure, NULL for nothing.';
