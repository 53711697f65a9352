-- What an upcaster is tried on: the examples in the version's schema, split and masked as emitting
-- does it, and its newest events, up to 100, of the tenants that the caller may read. The others
-- stay out of reach: a function can show what it is given.
create or replace function ledger.upcaster_samples(event_type text, schema_version int)
returns table (subject text, payload jsonb)
language sql
stable
security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
  select format('example %s', x.n), p.public
  from ledger.event_schemas as s
  cross join lateral jsonb_array_elements(s.schema -> 'examples') with ordinality as x (example, n)
  cross join lateral ledger.split_private(
    ledger.mask(x.example, s.secret_paths), s.private_paths
  ) as p
  where s.event_type = upcaster_samples.event_type
    and s.schema_version = upcaster_samples.schema_version
    and x.example @@ s.predicate
  union all
  (
    select format('event %s', e.id), e.payload
    from ledger.tenants as t
    cross join lateral (
      select e.id, e.created_at, e.payload
      from ledger.events as e
      where e.tenant_id = t.tenant_id
        and e.event_type = upcaster_samples.event_type
        and e.schema_version = upcaster_samples.schema_version
      order by e.created_at desc
      limit 100
    ) as e
    where t.tenant_id = any((select ledger.permitted_tenants('read'))::text[])
      or (select ledger.permitted_tenants('read')) = '{*}'
    order by e.created_at desc
    limit 100
  )
$$;

comment on function ledger.upcaster_samples(text, int) is
  'Part of register_upcaster(): payloads of a version, from its examples and its newest events that '
  'the caller may read.';
