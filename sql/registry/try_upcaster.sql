-- Raises LG011 when an upcaster makes something that the next version would refuse.
create or replace function ledger.try_upcaster(event_type text, from_version int, upcaster text)
returns void
language plpgsql
stable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_sample record;
  v_reasons text;
begin
  for v_sample in select * from ledger.upcaster_samples(event_type, from_version) loop
    select string_agg(
      format('%s: %s', coalesce(nullif(m.pointer, ''), 'payload'), m.reason),
      '; ' order by m.pointer, m.reason
    )
    into v_reasons
    from ledger.stored_mismatches(
      event_type,
      from_version + 1,
      ledger.run_upcaster(
        upcaster,
        v_sample.payload,
        format('%s version %s, %s', event_type, from_version, v_sample.subject)
      )
    ) as m;
    if v_reasons is not null then
      raise exception using
        errcode = 'LG011',
        message = format(
          'what %s makes of %s version %s does not match version %s',
          upcaster, event_type, from_version, from_version + 1
        ),
        detail = format('%s: %s', v_sample.subject, v_reasons),
        hint = format(
          'See the schema: select ledger.event_schema(%L, %s);', event_type, from_version + 1
        );
    end if;
  end loop;
end
$$;

comment on function ledger.try_upcaster(text, int, text) is
  'Part of register_upcaster(): LG011 when the upcaster makes of an example, or of an event, what '
  'the next version would refuse.';
