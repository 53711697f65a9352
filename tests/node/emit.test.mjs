// The ledger from Node: plain SQL through `pg`, in the application's own transaction.
// Run by tests/test_node_client.py, which gives the connection in PGHOST, PGPORT, PGUSER, PGDATABASE.
import assert from "node:assert/strict";
import { after, beforeEach, test } from "node:test";
import pg from "pg";

const client = new pg.Client();
await client.connect();
after(() => client.end());

const emit = (payload) =>
  client.query({
    name: "emit",
    text: `select * from ledger.emit_event('deal.created', $1,
             aggregate_type => 'deal', aggregate_id => $2, actor_type => 'user', actor_id => 'ada')`,
    values: [payload, payload.deal_id],
  });
const payload = (deal_id) => ({ deal_id, name: "Acme renewal" });
const find = async (aggregate_id) =>
  (
    await client.query(
      "select * from ledger.find_events(aggregate_type => 'deal', aggregate_id => $1)",
      [aggregate_id],
    )
  ).rows;

let deal;
beforeEach(() => {
  deal = crypto.randomUUID();
});

test("an event is emitted, found and numbered", async () => {
  const [first] = (await emit(payload(deal))).rows;
  const [second] = (await emit(payload(deal))).rows;
  assert.equal(first.sequence, "1");
  assert.equal(second.sequence, "2");
  assert.equal(first.duplicate, false);
  assert.equal(first.hash.length, 32);

  const [newest, oldest] = await find(deal);
  assert.equal(newest.id, second.id);
  assert.deepEqual(newest.prev_hash, first.hash);
  assert.deepEqual(oldest.payload, payload(deal));
  assert.equal(oldest.actor_id, "ada");
});

test("a rollback takes event and outbox row with it", async () => {
  await client.query("begin");
  const [{ id }] = (await emit(payload(deal))).rows;
  await client.query("rollback");
  assert.deepEqual(await find(deal), []);
  const { rows } = await client.query("select from ledger.outbox where id = $1", [id]);
  assert.equal(rows.length, 0);
});

test("what the ledger refuses has a SQLSTATE, a detail and a hint", async () => {
  await assert.rejects(client.query("select * from ledger.emit_event('no.such_type')"), {
    code: "LG002",
  });
  await assert.rejects(emit({ deal_id: deal, name: 7 }), (error) => {
    assert.equal(error.code, "LG003");
    assert.match(error.detail, /\/name/);
    return true;
  });
  await emit(payload(deal));
  await assert.rejects(client.query("update ledger.agent_events set payload = '{}'"), {
    code: "LG001",
  });
});
