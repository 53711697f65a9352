-- The same table six times: untracked, with two audit triggers as people write them by hand, and
-- tracked; tracked without a message for each event; and deferred. Rows come after the triggers, so that
-- each has a history, as in a table that was tracked from the beginning.
create schema shop;

-- The barest: both rows whole, user and time, one lookup.
create table shop.bare_audit (
  id bigint generated always as identity primary key,
  table_name text not null,
  row_id text not null,
  operation text not null,
  old_row jsonb,
  new_row jsonb,
  changed_at timestamptz not null,
  changed_by name not null
);
create index bare_audit_row on shop.bare_audit (table_name, row_id, changed_at);

create function shop.bare_audit() returns trigger language plpgsql security definer as $$
begin
  insert into shop.bare_audit (
    table_name, row_id, operation, old_row, new_row, changed_at, changed_by
  )
  values (
    tg_table_name, coalesce(new.id, old.id)::text, tg_op, to_jsonb(old), to_jsonb(new), now(),
    session_user
  );
  return null;
end
$$;

-- The usual: what https://wiki.postgresql.org/wiki/Audit_trigger_91plus made common, with jsonb for
-- its hstore. Of an update the columns that changed, nothing where none did; who, from where, in
-- which transaction; a search_path of its own; indexes for the history of a row and for a time.
create table shop.audit (
  id bigint generated always as identity primary key,
  schema_name text not null,
  table_name text not null,
  row_id text not null,
  operation text not null check (operation in ('INSERT', 'UPDATE', 'DELETE')),
  old_columns jsonb,
  new_columns jsonb,
  transaction_at timestamptz not null,
  changed_at timestamptz not null,
  transaction_id xid8 not null,
  changed_by name not null,
  application_name text not null,
  client_address inet
);
create index audit_row on shop.audit (schema_name, table_name, row_id);
create index audit_time on shop.audit (changed_at);

create function shop.audit() returns trigger language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
  v_old jsonb := to_jsonb(old);
  v_new jsonb := to_jsonb(new);
begin
  if tg_op = 'UPDATE' then
    select jsonb_object_agg(o.key, o.value), jsonb_object_agg(o.key, v_new -> o.key)
    into v_old, v_new
    from jsonb_each(v_old) as o
    where o.value is distinct from v_new -> o.key;
    if v_old is null then
      return null;
    end if;
  end if;
  insert into shop.audit (
    schema_name, table_name, row_id, operation, old_columns, new_columns, transaction_at,
    changed_at, transaction_id, changed_by, application_name, client_address
  )
  values (
    tg_table_schema, tg_table_name, coalesce(new.id, old.id)::text, tg_op, v_old, v_new,
    transaction_timestamp(), clock_timestamp(), pg_current_xact_id(), session_user,
    current_setting('application_name'), inet_client_addr()
  );
  return null;
end
$$;

do $$
declare
  v_table text;
begin
  foreach v_table in array array['untracked', 'bare', 'audited', 'tracked', 'unpublished', 'deferred'] loop
    execute format(
      'create table shop.%I (
        id bigint generated always as identity primary key, customer_id int not null,
        status text not null, note text, quantity int not null, price numeric(12, 2) not null,
        ordered_at timestamptz not null default now(), updated_at timestamptz not null default now()
      )', v_table
    );
  end loop;
end
$$;

create trigger audit after insert or update or delete on shop.bare
for each row execute function shop.bare_audit();
create trigger audit after insert or update or delete on shop.audited
for each row execute function shop.audit();
select ledger.grant_access(current_user, 'acme', '{write}');
set ledger.tenant_id = 'acme';
select ledger.track_table('shop.tracked');
select ledger.track_table('shop.unpublished', publish => false);
select ledger.track_table('shop.deferred', deferred => true);

do $$
declare
  v_table text;
begin
  foreach v_table in array array['untracked', 'bare', 'audited', 'tracked', 'unpublished', 'deferred'] loop
    execute format(
      'insert into shop.%I (customer_id, status, note, quantity, price)
      select n, ''open'', ''Deliver to the back entrance.'', 1 + n %% 9, n * 1.5
      from generate_series(1, 20000) as n', v_table
    );
  end loop;
end
$$;
