-- The active holds that cover any of these events, or any event of this time: what must not be
-- erased or dropped. Events without event_ids: those created from from_time (included) to to_time
-- (not included). A hold on a person covers the events that still have private data about it. For
-- times it reads events until one is covered: at worst, those of the tenant in that time.
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
      when held_by.event_ids is null then exists (
        select
        from ledger.events as e
        where e.tenant_id = v_tenant_id
          and e.created_at >= coalesce(held_by.from_time, '-infinity')
          and e.created_at < coalesce(held_by.to_time, 'infinity')
          and ledger.covers(h, e.aggregate_type, e.aggregate_id, e.correlation_id, e.created_at)
          and (h.subject_id is null or ledger.is_about(v_tenant_id, e.id, h.subject_id))
      )
      else exists (
        select
        from unnest(held_by.event_ids) as wanted (id)
        join ledger.events as e
          on e.tenant_id = v_tenant_id
          and e.created_at = ledger.event_time(wanted.id)
          and e.id = wanted.id
        where ledger.covers(h, e.aggregate_type, e.aggregate_id, e.correlation_id, e.created_at)
          and (h.subject_id is null or ledger.is_about(v_tenant_id, e.id, h.subject_id))
      )
    end
  order by h.placed_at, h.id;
end
$$;

comment on function ledger.held_by(uuid[], timestamptz, timestamptz, text) is
  'The active legal holds that cover any of the events, given by their ids or by the time they '
  'were created in; none when they may be erased or dropped.';
