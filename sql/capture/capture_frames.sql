-- Statements that have begun to change a tracked table with triggers of its own, and are not
-- captured yet: how deep they are nested, and what the inner ones changed. A row lives as long as
-- the outermost statement; unlogged, because no crash leaves one behind that counts.
create unlogged table ledger.capture_frames (
  xact_id xid8 not null default pg_current_xact_id(),
  event_prefix text not null,
  depth int not null default 1,
  old_rows jsonb[] not null default '{}',
  new_rows jsonb[] not null default '{}',
  primary key (xact_id, event_prefix)
);

comment on table ledger.capture_frames is
  'Statements under way on tracked tables that have triggers of their own.';
