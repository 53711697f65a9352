-- Writes one event and its outbox row in the caller's transaction. The hot path: one lookup, one
-- UPDATE of the stream's head (only with an aggregate), two inserts. Everything rare stands in
-- functions of its own. Locks the stream's row until the transaction ends, nothing else.
--
-- PostgreSQL sets every expression up again in every call, at about 3,000 instructions per operator
-- or function, half of that per IS NULL, nothing per constant: hence their form. Generic plans,
-- and never a sequential scan, so that a plan made while a table was small does not outlive its
-- smallness. Arguments are variables in plpgsql: defaults, masks and the like are written back into
-- them.
create or replace function ledger.emit_event(
  event_type text,
  payload jsonb default '{}',
  tenant_id text default null,
  run_id uuid default null,
  trace_id uuid default null,
  correlation_id uuid default null,
  causation_id uuid default null,
  schema_version int default null,
  deal_id uuid default null,
  action_id uuid default null,
  aggregate_type text default null,
  aggregate_id text default null,
  expected_sequence bigint default null,
  actor_type text default null,
  actor_id text default null,
  outcome text default null,
  proof jsonb default null,
  metadata jsonb default null,
  private jsonb default null,
  subject_id text default null,
  occurred_at timestamptz default null,
  idempotency_key text default null,
  publish boolean default null,
  headers jsonb default null
)
returns ledger.receipt
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
set plan_cache_mode = force_generic_plan
set enable_seqscan = off
as $$
#variable_conflict use_column
declare
  v_created_at timestamptz := clock_timestamp();
  v_random uuid := gen_random_uuid();
  v_id uuid := ledger.uuid_v7(v_created_at, v_random);
  v_caller name := ledger.caller();
  v_payload text := emit_event.payload::text;
  v_text text := lower((v_payload || coalesce(emit_event.metadata::text, '')) collate "C");
  v_head_time timestamptz;
  v_sequence bigint;
  v_hash bytea;
  v_prev_hash bytea;
  v_run_id uuid;
  v_run_correlation_id uuid;
  v_is_permitted boolean;
  v_is_simple boolean;
  v_is_plain boolean;
  v_is_special boolean := false;
  v_event_type varchar(100);
  v_salt bytea;
  v_private_hash bytea;
  v_receipt ledger.receipt;
begin
  if current_setting('ledger.context', true) = 'on' then
    run_id := coalesce(emit_event.run_id, ledger.setting('run_id')::uuid);
    trace_id := coalesce(emit_event.trace_id, ledger.setting('trace_id')::uuid);
    correlation_id := coalesce(emit_event.correlation_id, ledger.setting('correlation_id')::uuid);
    causation_id := coalesce(emit_event.causation_id, ledger.setting('causation_id')::uuid);
    actor_type := coalesce(emit_event.actor_type, ledger.setting('actor_type'));
    actor_id := coalesce(emit_event.actor_id, ledger.setting('actor_id'));
  end if;
  if emit_event.tenant_id is null then
    tenant_id := coalesce(ledger.setting('tenant_id'), 'default');
  end if;

  -- Rules, run and permission in one lookup. What is not simple or not plain gets a closer look;
  -- NULL counts as neither.
  select
    t.event_type,
    r.id,
    coalesce(emit_event.trace_id, r.trace_id, v_random),
    coalesce(
      emit_event.deal_id,
      emit_event.correlation_id,
      case
        when emit_event.causation_id is null
          then coalesce(r.correlation_id, emit_event.trace_id, r.trace_id, v_random)
      end
    ),
    r.correlation_id,
    coalesce(emit_event.schema_version, t.current_version),
    coalesce(emit_event.publish, t.publish),
    'write' = any(g.privileges),
    emit_event.expected_sequence is null
    and emit_event.proof is null
    and emit_event.occurred_at is null
    and emit_event.idempotency_key is null
    and emit_event.headers is null
    and (emit_event.aggregate_type is null or emit_event.aggregate_id is not null)
    and coalesce(emit_event.actor_type = any('{user,agent,system,webhook}'), true)
    and coalesce(int4range(1, 256) @> length(emit_event.actor_id), true)
    and coalesce(emit_event.outcome = any('{success,failure,partial,pending}'), true)
    and coalesce(jsonb_typeof(emit_event.metadata) = 'object', true)
    and octet_length(v_text) <= 1048576, -- as jsonb at most four times that
    emit_event.payload @@ t.predicate
    and coalesce(emit_event.schema_version = t.current_version, true)
    and t.private_paths is null
    and t.secret_paths is null
    and emit_event.private is null
    and emit_event.subject_id is null
    and emit_event.proof is null
    and not ledger.may_have_secrets(v_text)
  into
    v_event_type, v_run_id, emit_event.trace_id, emit_event.correlation_id, v_run_correlation_id,
    emit_event.schema_version, emit_event.publish, v_is_permitted, v_is_simple, v_is_plain
  from (values (true)) as always
  left join ledger.event_types as t on t.event_type = emit_event.event_type
  left join ledger.agent_runs as r
    on r.tenant_id = emit_event.tenant_id
    and r.id = coalesce(emit_event.run_id, '00000000-0000-0000-0000-000000000000')
  left join ledger.tenant_grants as g
    on g.tenant_id = emit_event.tenant_id and g.role_name = v_caller;

  if (v_is_permitted and v_is_simple and v_is_plain and v_run_id is not null) is not true then
    v_is_special := true;
    if (v_is_permitted or emit_event.event_type like 'ledger.%') is not true
      and not ledger.has_emit_permit()
    then
      perform ledger.require_tenant(emit_event.tenant_id, 'write');
    end if;
    perform ledger.refuse_arguments(
      emit_event.payload, emit_event.aggregate_type, emit_event.aggregate_id,
      emit_event.expected_sequence, emit_event.actor_type, emit_event.actor_id, emit_event.outcome,
      emit_event.proof, emit_event.metadata, emit_event.private, emit_event.subject_id,
      emit_event.occurred_at, emit_event.idempotency_key, emit_event.headers
    );
    v_run_id := coalesce(v_run_id, ledger.require_run(emit_event.tenant_id, emit_event.run_id));
    if v_is_plain is not true then
      select
        e.schema_version, coalesce(emit_event.publish, e.publish), e.payload, e.proof, e.metadata,
        e.private, e.salt, ledger.private_hash(e.salt, e.private)
      into
        emit_event.schema_version, emit_event.publish, emit_event.payload, emit_event.proof,
        emit_event.metadata, emit_event.private, v_salt, v_private_hash
      from ledger.prepare_event(
        emit_event.event_type, emit_event.tenant_id, emit_event.schema_version,
        emit_event.payload, emit_event.proof, emit_event.metadata, emit_event.private,
        emit_event.subject_id
      ) as e;
      v_payload := emit_event.payload::text;
      v_event_type := emit_event.event_type;
    end if;
    if emit_event.idempotency_key is not null then
      v_receipt := ledger.find_receipt(
        emit_event.tenant_id, emit_event.idempotency_key, emit_event.event_type
      );
      if v_receipt.id is not null then
        return v_receipt;
      end if;
    end if;
  end if;
  if emit_event.correlation_id is null then
    emit_event.correlation_id := coalesce(
      ledger.correlation_of(emit_event.tenant_id, emit_event.causation_id),
      v_run_correlation_id,
      emit_event.trace_id
    );
  end if;
  -- The common case by itself: a literal NULL is a constant, not a field to be set up.
  if emit_event.aggregate_id is null and not v_is_special then
    v_hash := ledger.event_hash(
      ledger.event_entry(
        emit_event.tenant_id, v_id, v_created_at, v_run_id, emit_event.trace_id,
        emit_event.correlation_id, emit_event.causation_id, emit_event.event_type,
        emit_event.schema_version, v_payload, emit_event.deal_id, emit_event.action_id, null, null,
        null, emit_event.actor_type, emit_event.actor_id, emit_event.outcome, null,
        emit_event.metadata, null, null
      ),
      null
    );
  else
    loop
      if emit_event.aggregate_id is not null then
        update ledger.streams as s
        set
          sequence = s.sequence + 1,
          created_at = greatest(v_created_at, s.created_at + interval '1 microsecond'),
          prev_hash = s.hash,
          hash = ledger.event_hash(
            ledger.event_entry(
              emit_event.tenant_id,
              case
                when s.created_at < v_created_at then v_id
                else ledger.event_id(s.created_at + interval '1 microsecond', v_random)
              end,
              greatest(v_created_at, s.created_at + interval '1 microsecond'),
              v_run_id, emit_event.trace_id, emit_event.correlation_id,
              emit_event.causation_id, emit_event.event_type, emit_event.schema_version,
              v_payload, emit_event.deal_id, emit_event.action_id,
              emit_event.aggregate_type, emit_event.aggregate_id, s.sequence + 1,
              emit_event.actor_type, emit_event.actor_id, emit_event.outcome, emit_event.proof,
              emit_event.metadata, emit_event.occurred_at, v_private_hash
            ),
            s.hash
          )
        where s.tenant_id = emit_event.tenant_id
          and s.aggregate_type = emit_event.aggregate_type
          and s.aggregate_id = emit_event.aggregate_id
          and s.sequence = coalesce(emit_event.expected_sequence, s.sequence)
        returning s.created_at, s.sequence, s.hash, s.prev_hash
        into v_head_time, v_sequence, v_hash, v_prev_hash;
        if found then
          if v_head_time <> v_created_at then
            v_created_at := v_head_time;
            v_id := ledger.event_id(v_created_at, v_random);
          end if;
          exit;
        end if;
        v_sequence := 1;
      end if;

      v_hash := ledger.event_hash(
        ledger.event_entry(
          emit_event.tenant_id, v_id, v_created_at, v_run_id, emit_event.trace_id,
          emit_event.correlation_id, emit_event.causation_id, emit_event.event_type,
          emit_event.schema_version, v_payload, emit_event.deal_id, emit_event.action_id,
          emit_event.aggregate_type, emit_event.aggregate_id, v_sequence, emit_event.actor_type,
          emit_event.actor_id, emit_event.outcome, emit_event.proof, emit_event.metadata,
          emit_event.occurred_at, v_private_hash
        ),
        null
      );
      exit when emit_event.aggregate_id is null;
      exit when ledger.begin_stream(
        emit_event.tenant_id, emit_event.aggregate_type, emit_event.aggregate_id,
        emit_event.expected_sequence, v_created_at, v_hash
      );
    end loop;
  end if;

  if not ledger.covered_period() @> v_created_at then
    perform ledger.ensure_partition(v_created_at);
  end if;
  insert into ledger.agent_events (
    tenant_id, id, created_at, run_id, trace_id, correlation_id, causation_id, event_type,
    schema_version, payload, deal_id, action_id, aggregate_type, aggregate_id, sequence,
    actor_type, actor_id, outcome, proof, metadata, occurred_at, private_hash, prev_hash, hash
  )
  values (
    emit_event.tenant_id, v_id, v_created_at, v_run_id, emit_event.trace_id,
    emit_event.correlation_id, emit_event.causation_id, v_event_type,
    emit_event.schema_version, emit_event.payload, emit_event.deal_id, emit_event.action_id,
    emit_event.aggregate_type, emit_event.aggregate_id, v_sequence, emit_event.actor_type,
    emit_event.actor_id, emit_event.outcome, emit_event.proof, emit_event.metadata,
    emit_event.occurred_at, v_private_hash, v_prev_hash, v_hash
  );
  if emit_event.publish then
    insert into ledger.outbox (
      tenant_id, id, aggregate_type, aggregate_id, event_type, schema_version, payload, trace_id,
      correlation_id, created_at, headers
    )
    values (
      emit_event.tenant_id, v_id, emit_event.aggregate_type, emit_event.aggregate_id,
      v_event_type, emit_event.schema_version, emit_event.payload, emit_event.trace_id,
      emit_event.correlation_id, v_created_at, emit_event.headers
    );
  end if;
  if v_is_special then
    if emit_event.private is not null then
      insert into ledger.event_private (tenant_id, event_id, subject_id, salt, private)
      values (emit_event.tenant_id, v_id, emit_event.subject_id, v_salt, emit_event.private);
    end if;
    if emit_event.idempotency_key is not null then
      perform ledger.keep_receipt(
        emit_event.tenant_id, emit_event.idempotency_key, v_id, v_created_at
      );
    end if;
  end if;
  return (v_id, v_created_at, v_sequence, v_hash, false);
end
$$;

comment on function ledger.emit_event is
  'Writes one immutable event and its outbox row in the caller''s transaction and returns its '
  'receipt. Name the arguments: select * from ledger.emit_event(''deal.created'', '
  '''{"name": "Acme"}'', aggregate_type => ''deal'', aggregate_id => ''42''). A retry with the '
  'same idempotency_key gets the first receipt back (duplicate = true). expected_sequence is the '
  'sequence that the stream must be at, 0 for a new one. Errors: LG002 unknown type, LG003 '
  'payload, LG004 sequence, LG005 tenant, LG006 run, LG009 argument.';
