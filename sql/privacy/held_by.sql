-- The active holds that cover any of these events, or any event of this time: what must not be
-- erased or dropped. Without event_ids it means the events created from from_time (included) to
-- to_time (not included). A hold on a person covers the events that still have private data about
-- it. Of an event in a cold file only time and person are known: a hold on a stream or correlation
-- counts as covering it. For a time, each hold not on a person reads the tenant's events until one is covered (2 us an
-- event). Locks nothing.
create or replace function ledger.held_by(
  event_ids uuid[] default null,
  from_time timestamptz default null,
  to_time timestamptz default null,
  tenant_id text default null
)
returns setof ledger.legal_holds
language plpgsql
stable
security definer
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  v_tenant_id text := coalesce(held_by.tenant_id, ledger.setting('tenant_id'), 'default');
begin
  perform ledger.require_any(v_tenant_id, '{operate,privacy,audit}');
  return query
  select h.*
  from ledger.active_holds as a
  join ledger.legal_holds as h on h.tenant_id = a.tenant_id and h.id = a.id
  where a.tenant_id = v_tenant_id
    and case
      when held_by.event_ids is not null then exists (
        select
        from unnest(held_by.event_ids) as wanted (id)
        left join ledger.events as e
          on e.tenant_id = v_tenant_id
          and e.created_at = ledger.event_time(wanted.id)
          and e.id = wanted.id
        left join ledger.event_private as p
          on p.tenant_id = v_tenant_id and p.event_id = wanted.id
        where case
            when e.id is not null then ledger.covers(
              h, e.aggregate_type, e.aggregate_id, e.correlation_id, e.created_at
            )
            else ledger.covers(
              h, h.aggregate_type, h.aggregate_id, h.correlation_id, ledger.event_time(wanted.id)
            ) and ledger.is_cold(v_tenant_id, wanted.id)
          end
          and coalesce(h.subject_id = p.subject_id, h.subject_id is null)
      )
      when h.subject_id is not null then exists (
        select
        from ledger.event_private as p
        join ledger.events as e
          on e.tenant_id = p.tenant_id
          and e.created_at = ledger.event_time(p.event_id)
          and e.id = p.event_id
        where p.tenant_id = v_tenant_id
          and p.subject_id = h.subject_id
          and e.created_at >= coalesce(held_by.from_time, '-infinity')
          and e.created_at < coalesce(held_by.to_time, 'infinity')
          and ledger.covers(h, e.aggregate_type, e.aggregate_id, e.correlation_id, e.created_at)
      )
      else exists (
        select
        from ledger.events as e
        where e.tenant_id = v_tenant_id
          and e.created_at >= coalesce(held_by.from_time, '-infinity')
          and e.created_at < coalesce(held_by.to_time, 'infinity')
          and ledger.covers(h, e.aggregate_type, e.aggregate_id, e.correlation_id, e.created_at)
      )
    end
  order by h.placed_at, h.id;
end
$$;

comment on function ledger.held_by(uuid[], timestamptz, timestamptz, text) is
  'The active legal holds that cover any of the events, given by their ids or by the time they '
  'were created in; none when they may be erased or dropped.';
