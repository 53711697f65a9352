create or replace function ledger.private_hash(salt bytea, private jsonb)
returns bytea
language sql
immutable
parallel safe
return sha256(
  '\x6167656e742d6576656e74732f707269766174652f763100'::bytea || salt
  || convert_to(private::text, 'UTF8')
);

comment on function ledger.private_hash(bytea, jsonb) is
  'SHA-256 commitment to private data: "agent-events/private/v1" 0x00, 32 bytes of salt, '
  'private::text as UTF-8.';
