-- Transaction ids tell what is sealed only in the cluster, and in the order, that they were given
-- in.
create or replace function ledger.refuse_other_cluster(
  object text,
  snapshot pg_snapshot,
  system_identifier bigint
)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
begin
  if refuse_other_cluster.system_identifier <> ledger.system_identifier() then
    raise exception using
      errcode = 'LG012',
      message = format('%s was sealed in another cluster', refuse_other_cluster.object),
      detail = format(
        'It comes from the cluster %s, this one is %s: a dump was restored, or pg_upgrade ran.',
        refuse_other_cluster.system_identifier, ledger.system_identifier()
      ),
      hint = 'Carry each log over, once: '
        'select ledger.rebase_log(t.tenant_id) from ledger.tenants as t;';
  elsif pg_snapshot_xmax(refuse_other_cluster.snapshot)
    > pg_snapshot_xmax(pg_current_snapshot())
  then
    raise exception using
      errcode = 'LG012',
      message = format('%s was sealed in the future', refuse_other_cluster.object),
      detail = format(
        'The last seal saw transaction %s over, the cluster is at %s: its transaction ids were '
        'set back.',
        pg_snapshot_xmax(refuse_other_cluster.snapshot), pg_snapshot_xmax(pg_current_snapshot())
      ),
      hint = 'Find out what happened to the cluster, then carry each log over: '
        'select ledger.rebase_log(t.tenant_id) from ledger.tenants as t;';
  end if;
end
$$;

comment on function ledger.refuse_other_cluster(text, pg_snapshot, bigint) is
  'Part of seal(): raises LG012 when a snapshot is not of this cluster''s past.';
