-- A worker says what it has delivered: everything that was handed out up to a position, and retries
-- by theirs. Renews the lease, or gives it back. Locks the cursor.
create or replace function ledger.confirm_outbox(
  relay text,
  token bigint,
  through_position bigint default null,
  retried bigint[] default '{}',
  release boolean default false,
  tenant_id text default null
)
returns void
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_tenant_id text := coalesce(confirm_outbox.tenant_id, ledger.setting('tenant_id'), 'default');
  v_cursor ledger.relay_cursors;
  v_through bigint;
begin
  perform ledger.require_tenant(v_tenant_id, 'relay');
  v_cursor := ledger.require_lease(confirm_outbox.relay, confirm_outbox.token, v_tenant_id);
  v_through := greatest(confirm_outbox.through_position, v_cursor.position);
  if v_through > v_cursor.claimed_position then
    raise exception using
      errcode = 'LG009',
      message = format('position %s was not handed out', confirm_outbox.through_position),
      detail = format(
        'Relay %s claimed up to %s for tenant %s.',
        confirm_outbox.relay, v_cursor.claimed_position, v_tenant_id
      ),
      hint = 'Confirm positions that claim_outbox() returned.';
  end if;

  if confirm_outbox.retried <> '{}' then
    perform ledger.settle_retries(
      confirm_outbox.relay, v_tenant_id, confirm_outbox.token, confirm_outbox.retried
    );
  end if;
  if v_through > v_cursor.position then
    insert into ledger.relay_confirmations (tenant_id, relay, through_position, confirmed_at)
    values (v_tenant_id, confirm_outbox.relay, v_through, clock_timestamp());
  end if;
  update ledger.relay_cursors as c
  set
    position = v_through,
    leased_until = case
      when confirm_outbox.release is not true then clock_timestamp() + c.lease
    end,
    confirmed_at = case
      when v_through > c.position or confirm_outbox.retried <> '{}' then clock_timestamp()
      else c.confirmed_at
    end
  where c.tenant_id = v_tenant_id and c.relay = confirm_outbox.relay;
end
$$;

comment on function ledger.confirm_outbox(text, bigint, bigint, bigint[], boolean, text) is
  'Everything handed out up to through_position is delivered (or parked by fail_outbox()), and so are '
  'the retries at the positions retried. Renews the lease of the token; release => true gives it '
  'back. LG014 when the lease is lost: nothing is confirmed.';
