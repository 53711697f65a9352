-- Folds a tenant's log, whatever the aggregates, into one state: a projection that needs no table.
-- Give last_position and state back, as after_position and initial, to go on; where events of the
-- wanted types are at the end, last_position is the end of the log. Events in cold files are none that
-- it may pass over: LG016.
create or replace function ledger.replay_log(
  reducer text default null,
  initial jsonb default '{}',
  after_position bigint default -1,
  max_events int default 10000,
  event_types text[] default null,
  tenant_id text default null,
  out last_position bigint,
  out events bigint,
  out state jsonb
)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
  c_page constant int := 500;
  v_tenant_id text := coalesce(replay_log.tenant_id, ledger.setting('tenant_id'), 'default');
  v_reducer text := coalesce(replay_log.reducer, 'ledger.merge_event');
  v_size int;
  v_page record;
begin
  perform ledger.require_tenant(v_tenant_id, 'read');
  perform ledger.require_reducer(v_reducer);
  if replay_log.max_events between 1 and 1000000 is not true then
    raise exception using
      errcode = 'LG009',
      message = format(
        'max_events is %s, not 1 to 1000000', coalesce(replay_log.max_events::text, 'NULL')
      ),
      hint = 'Go on with after_position => last_position and initial => state.';
  end if;
  replay_log.last_position := coalesce(replay_log.after_position, -1);
  replay_log.events := 0;
  replay_log.state := replay_log.initial;
  loop
    v_size := least(c_page, replay_log.max_events - replay_log.events);
    exit when v_size = 0;
    select p.* into v_page
    from ledger.log_page(v_tenant_id, replay_log.last_position, v_size, replay_log.event_types) as p;
    perform ledger.refuse_cold(v_tenant_id, replay_log.last_position, v_page.last_position);
    replay_log.last_position := v_page.last_position;
    exit when v_page.events is null;
    replay_log.state := (
      select f.state
      from ledger.fold_events(v_reducer, replay_log.state, v_page.events) as f (state)
    );
    replay_log.events := replay_log.events + cardinality(v_page.events);
    exit when cardinality(v_page.events) < v_size;
  end loop;
end
$$;

comment on function ledger.replay_log(text, jsonb, bigint, int, text[], text) is
  'Folds up to max_events sealed events of a tenant, after a position, with a reducer (default: '
  'ledger.merge_event). Go on with after_position => last_position, initial => state. LG016 when '
  'events are in cold files.';
