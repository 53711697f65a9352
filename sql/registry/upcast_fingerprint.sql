-- What upcast_event() depends on, as text: it changes when what upcasting yields may change. A state
-- that was folded from lifted payloads holds as long as it stays the same.
create or replace function ledger.upcast_fingerprint()
returns text
language sql
stable
set search_path = pg_catalog, pg_temp
return (
  select coalesce(
    encode(
      sha256(convert_to(
        jsonb_agg(
          jsonb_build_array(
            u.event_type,
            u.from_version,
            ledger.function_fingerprint(
              ledger.find_function(u.upcaster, array['jsonb'::regtype])
            )
          )
          order by u.event_type, u.from_version
        )::text,
        'UTF8'
      )),
      'hex'
    ),
    ''
  )
  from ledger.upcasters as u
);

comment on function ledger.upcast_fingerprint() is
  'Changes when what upcasting yields may change.';
