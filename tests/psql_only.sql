-- Everything from psql: what a user without any client library would type.
\set ON_ERROR_STOP on

begin;
select ledger.set_context(actor_type => 'user', actor_id => 'ada');
select sequence, length(hash), duplicate
from ledger.emit_event(
  'deal.created',
  '{"deal_id": "0f0e7d4e-6c1e-4e1c-9d0a-0d6d2f3a7b11", "name": "Acme renewal"}',
  aggregate_type => 'deal',
  aggregate_id => '42'
);
commit;

select event_type, sequence, actor_id, payload ->> 'name'
from ledger.find_events(aggregate_type => 'deal', aggregate_id => '42');

select count(*) from ledger.outbox;

\set ON_ERROR_STOP off
update ledger.agent_events set payload = '{}';
\echo :SQLSTATE
delete from ledger.agent_events;
\echo :SQLSTATE
truncate ledger.agent_events;
\echo :SQLSTATE
