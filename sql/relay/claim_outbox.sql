-- Hands out the next messages of one tenant to a worker and leases the relay's cursor to it: nobody
-- else delivers for that relay and tenant while the lease lasts, so that aggregates stay in order.
-- With a token it goes on under that lease, behind what it handed out before. What was committed is
-- sealed first, unless another session is at it. Reads no message: rows that travel to a client that
-- is slow, or gone, must not do so under the locks that are taken here. These are the sweep's, those
-- of the logs that are sealed, and the cursor, until the transaction ends: commit at once.
create or replace function ledger.claim_outbox(
  relay text,
  batch_size int default 1000,
  lease interval default interval '30 seconds',
  tenant_id text default null,
  token bigint default null
)
returns setof ledger.outbox_claim
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_tenants text[] := ledger.permitted_tenants('relay');
  v_token bigint;
  v_cursor ledger.relay_cursors;
  v_after bigint;
  v_through bigint;
  v_retries bigint[];
begin
  perform ledger.refuse_claim(
    claim_outbox.relay, claim_outbox.batch_size, claim_outbox.lease, claim_outbox.token,
    claim_outbox.tenant_id
  );
  perform ledger.require_read_committed('claiming messages');
  if claim_outbox.tenant_id is not null then
    perform ledger.require_tenant(claim_outbox.tenant_id, 'relay');
    v_tenants := array[claim_outbox.tenant_id];
  elsif v_tenants = '{}' then
    perform ledger.require_tenant('*', 'relay');
  end if;
  perform ledger.ensure_relay(claim_outbox.relay, v_tenants = '{*}');
  perform ledger.sweep_log(wait => false);

  if claim_outbox.token is null then
    v_cursor := ledger.find_cursor(claim_outbox.relay, v_tenants);
    v_after := v_cursor.position;
  else
    v_cursor := ledger.require_lease(
      claim_outbox.relay, claim_outbox.token, claim_outbox.tenant_id
    );
    v_after := v_cursor.claimed_position;
  end if;
  if v_cursor.tenant_id is null then
    return;
  end if;

  v_token := coalesce(claim_outbox.token, pg_current_xact_id()::text::bigint);
  select least(v_after + claim_outbox.batch_size, greatest(h.tree_size - 1, v_after))
  into strict v_through
  from ledger.log_heads as h
  where h.tenant_id = v_cursor.tenant_id;
  perform ledger.park_followers(claim_outbox.relay, v_cursor.tenant_id, v_after, v_through);
  v_retries := ledger.take_retries(
    claim_outbox.relay, v_cursor.tenant_id, v_token, claim_outbox.batch_size
  );
  update ledger.relay_cursors as c
  set
    claimed_position = v_through,
    token = v_token,
    lease = claim_outbox.lease,
    leased_until = clock_timestamp() + claim_outbox.lease,
    leased_by = coalesce(nullif(current_setting('application_name'), ''), ledger.caller()),
    claimed_at = clock_timestamp()
  where c.tenant_id = v_cursor.tenant_id and c.relay = claim_outbox.relay;
  if v_through > v_after or v_retries <> '{}' then
    return next row(
      claim_outbox.relay, v_cursor.tenant_id, v_token, v_after, v_through, v_retries
    )::ledger.outbox_claim;
  end if;
end
$$;

comment on function ledger.claim_outbox(text, int, interval, text, bigint) is
  'Leases the next messages of one tenant to a worker of a relay: one row, or none when nothing is '
  'due. Then: select * from ledger.read_outbox(claim), deliver, ledger.confirm_outbox(). token (with '
  'its tenant_id) goes on under a lease that you hold; LG014 when it is lost. The relay is made with '
  'its first claim, and begins with the oldest message.';
