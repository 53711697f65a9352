-- The same table three times: untracked, with a hand-written audit trigger, and tracked; once more
-- tracked without a message for each event.
create schema shop;

create table shop.audit (
  id bigint generated always as identity primary key,
  table_name text not null,
  row_id text not null,
  operation text not null,
  old_row jsonb,
  new_row jsonb,
  changed_at timestamptz not null,
  changed_by name not null
);
create index audit_row on shop.audit (table_name, row_id, changed_at);

create function shop.audit() returns trigger language plpgsql security definer as $$
begin
  insert into shop.audit (
    table_name, row_id, operation, old_row, new_row, changed_at, changed_by
  )
  values (
    tg_table_name, coalesce(new.id, old.id)::text, tg_op, to_jsonb(old), to_jsonb(new), now(),
    session_user
  );
  return null;
end
$$;

do $$
declare
  v_table text;
begin
  foreach v_table in array array['untracked', 'audited', 'tracked', 'unpublished'] loop
    execute format(
      'create table shop.%I (
        id bigint generated always as identity primary key, customer_id int not null,
        status text not null, note text, quantity int not null, price numeric(12, 2) not null,
        ordered_at timestamptz not null default now(), updated_at timestamptz not null default now()
      )', v_table
    );
    execute format(
      'insert into shop.%I (customer_id, status, note, quantity, price)
      select n, ''open'', ''Deliver to the back entrance.'', 1 + n %% 9, n * 1.5
      from generate_series(1, 20000) as n', v_table
    );
  end loop;
end
$$;

create trigger audit after insert or update or delete on shop.audited
for each row execute function shop.audit();
select ledger.track_table('shop.tracked');
select ledger.track_table('shop.unpublished', publish => false);
