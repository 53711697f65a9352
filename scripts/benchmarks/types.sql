-- The same payload under a nested schema of ten constraints, and under one that checks nothing.
select ledger.register_event_type(
  event_type => 'bench.order_placed',
  schema => '{
    "type": "object",
    "required": ["order_id", "status", "customer", "lines", "total"],
    "properties": {
      "order_id": {"type": "string"},
      "status": {"enum": ["open", "paid", "shipped"]},
      "customer": {"type": "object", "properties": {"country": {"minLength": 2}}},
      "lines": {"type": "array", "items": {"properties": {"quantity": {"minimum": 1}}}},
      "total": {"type": "number", "minimum": 0}
    }
  }'
);
select ledger.register_event_type(event_type => 'bench.unchecked', schema => '{}');
