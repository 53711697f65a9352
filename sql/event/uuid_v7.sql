-- A UUIDv7 whose time is exact to the microsecond: 48 bits of milliseconds, then the fraction of
-- the millisecond in the 12 bits of rand_a (RFC 9562, section 6.2, method 3). Seconds * 65536000
-- are milliseconds with 16 binary digits behind the point: as 16 hex digits, the first 15 are what
-- we want. The version goes between them; the variant and the rest come from a random UUID.
--
-- The planner inlines it (STABLE, not STRICT, each argument used once), and every function in it
-- costs each emit about 3,000 instructions: hence digits, not bits.
create or replace function ledger.uuid_v7(created_at timestamptz, random uuid)
returns uuid
language sql
stable
parallel safe
return overlay(
  overlay(
    encode(int8send(floor(extract(epoch from created_at) * 65536000)::bigint), 'hex'), '7', 13, 0
  ),
  substr(random::text, 20),
  17
)::uuid;

comment on function ledger.uuid_v7(timestamptz, uuid) is
  'UUIDv7 for that time (1970 or later) and a random UUID (version 4): what event_id() returns, as '
  'an expression that the planner inlines.';
