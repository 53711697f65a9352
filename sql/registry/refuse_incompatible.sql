-- Raises LG011 when the new schema might refuse what the old one accepts, or opens what the old one
-- kept private.
create or replace function ledger.refuse_incompatible(
  event_type text,
  old_schema jsonb,
  new_schema jsonb
)
returns void
language plpgsql
immutable
set search_path = pg_catalog, pg_temp
as $$
declare
  v_old jsonb := ledger.expand_references(old_schema, old_schema -> '$defs');
  v_new jsonb := ledger.expand_references(new_schema, new_schema -> '$defs');
  v_reasons text;
begin
  select string_agg(
    format('%s: %s', coalesce(nullif(i.pointer, ''), 'schema'), i.reason),
    '; ' order by i.pointer, i.reason
  )
  into v_reasons
  from (
    select c.pointer, c.reason from ledger.incompatibilities(v_old, v_new, '') as c
    union all
    select p, format('is no longer marked "%s"', m.mark)
    from unnest(array['x-private', 'x-secret']) as m (mark)
    cross join lateral (
      select ledger.marked_pointers(v_old, m.mark)
      except
      select ledger.marked_pointers(v_new, m.mark)
    ) as lost (p)
  ) as i;
  if v_reasons is not null then
    raise exception using
      errcode = 'LG011',
      message = format('the schema of %s is not backward compatible', event_type),
      detail = v_reasons,
      hint = 'Keep accepting what the current version accepts, or say compatibility => ''none'' if '
        'no old payload matters.';
  end if;
end
$$;

comment on function ledger.refuse_incompatible(text, jsonb, jsonb) is
  'Part of register_event_type(): LG011 unless the new schema accepts everything that the old '
  'one accepts.';
