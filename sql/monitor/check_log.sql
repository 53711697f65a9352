-- doctor(): whether the log can be sealed here, is being sealed, and stands where its last block
-- left it. Whether it is whole, ledger.verify() and `agent-events verify` say.
create or replace function ledger.check_log()
returns table (
  tenant_id text, severity text, kind text, object text, detail text, hint text
)
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select
    h.tenant_id,
    'error',
    'log of another cluster',
    format('log of tenant %s', h.tenant_id),
    format('It was sealed in the cluster %s; sealing refuses (LG012).', h.system_identifier),
    format('select ledger.rebase_log(%L);', h.tenant_id)
  from ledger.log_heads as h
  where h.system_identifier <> ledger.system_identifier()
  union all
  select
    h.tenant_id,
    'error',
    'wrong head',
    format('log of tenant %s', h.tenant_id),
    'It does not stand where its last block left it.',
    format('select * from ledger.verify(%L);', h.tenant_id)
  from ledger.log_heads as h
  left join ledger.log_blocks as b on b.tenant_id = h.tenant_id and b.block_no = h.block_no
  where h.block_no > 0 and (h.tree_size, h.root) is distinct from (b.tree_size, b.root)
  union all
  select
    e.tenant_id,
    'warning',
    'sealing stopped',
    format('log of tenant %s', e.tenant_id),
    format('%s events are older than 5 minutes and not sealed.', count(*)),
    'Call ledger.seal_all() on a schedule, say every second.'
  from ledger.log_sweep as s
  cross join lateral ledger.events_since(s.snapshot) as e
  left join ledger.log_heads as h on h.tenant_id = e.tenant_id
  where s.system_identifier = ledger.system_identifier()
    and e.created_at < clock_timestamp() - interval '5 minutes'
    and not pg_visible_in_snapshot(e.xact_id, coalesce(h.snapshot, s.snapshot))
    and not exists (
      select from ledger.log_entries as l
      where l.tenant_id = e.tenant_id and l.event_id = e.id
    )
  group by e.tenant_id
$$;

comment on function ledger.check_log() is 'The part of doctor() about the log and its sealing.';
