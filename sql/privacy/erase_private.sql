-- Erases the private data about a person, or of one event: salt and data are deleted for good, the
-- events and their hashes stay. Refuses under a legal hold on any of the events (LG008); then
-- nothing is erased. An event ledger.private_erased and ledger.erasures record it. Nothing to erase
-- (no such event, none of its own, erased before) gives a certificate of 0 events and no event.
-- Locks the tenant's holds until the transaction ends: one erasure at a time.
create or replace function ledger.erase_private(
  subject_id text default null,
  event_id uuid default null,
  reason text default null,
  tenant_id text default null
)
returns ledger.erasure_certificate
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_tenant_id text := coalesce(erase_private.tenant_id, ledger.setting('tenant_id'), 'default');
  v_ids uuid[];
  v_certificate ledger.erasure_certificate := row(null, 0, '{}', '{}', null);
begin
  perform ledger.require_tenant(v_tenant_id, 'privacy');
  perform ledger.require_reason('reason', erase_private.reason);
  perform ledger.lock_holds(v_tenant_id);
  v_ids := ledger.private_ids(v_tenant_id, erase_private.subject_id, erase_private.event_id);
  if v_ids = '{}' then
    return v_certificate;
  end if;
  perform ledger.require_no_hold(v_ids, tenant_id => v_tenant_id);

  select r.id, cardinality(v_ids), r.created_at
  into v_certificate.erasure_id, v_certificate.event_count, v_certificate.erased_at
  from ledger.emit_own_event(
    'ledger.private_erased',
    jsonb_strip_nulls(jsonb_build_object(
      'subject_hash',
      encode(ledger.subject_hash(erase_private.subject_id, v_tenant_id), 'hex'),
      'event_ids', ledger.listed_ids(v_ids),
      'event_count', cardinality(v_ids),
      'reason', erase_private.reason,
      'erased_by', ledger.caller()
    )),
    tenant_id => v_tenant_id
  ) as r;
  with erased as (
    delete from ledger.event_private as p
    where p.tenant_id = v_tenant_id and p.event_id = any(v_ids)
    returning p.event_id, p.subject_id, ledger.private_hash(p.salt, p.private) as private_hash
  ),
  recorded as (
    insert into ledger.erasures (
      tenant_id, event_id, erasure_id, private_hash, subject_hash, erased_at
    )
    select
      v_tenant_id, g.event_id, v_certificate.erasure_id, g.private_hash,
      ledger.subject_hash(g.subject_id, v_tenant_id), v_certificate.erased_at
    from erased as g
    returning event_id, private_hash
  )
  select array_agg(r.event_id order by r.event_id), array_agg(r.private_hash order by r.event_id)
  into v_certificate.event_ids, v_certificate.private_hashes
  from recorded as r;
  return v_certificate;
end
$$;

comment on function ledger.erase_private(text, uuid, text, text) is
  'Deletes the private data about a person (subject_id) or of one event (event_id) for good; the '
  'events and their hashes stay. LG008 under a legal hold. Returns the certificate. For privacy '
  'officers.';
