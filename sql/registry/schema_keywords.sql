-- The JSON Schema keywords that are supported, in the order in which they are checked: cheap ones
-- first. value_kind: what the keyword's value must be. applies_to: the only JSON type the keyword
-- says anything about. rank is NULL for a keyword that checks nothing by itself. No SET clause: the
-- planner inlines it.
create or replace function ledger.schema_keywords()
returns table (rank int, keyword text, value_kind text, applies_to text)
language sql
immutable
parallel safe
rows 50
as $$
values
  (1, 'type', 'types', null),
  (2, 'const', 'any', null),
  (3, 'enum', 'values', null),
  (4, 'required', 'names', 'object'),
  (5, 'minProperties', 'zero or one', 'object'),
  (6, 'maxProperties', 'zero', 'object'),
  (7, 'minItems', 'count', 'array'),
  (8, 'maxItems', 'count', 'array'),
  (9, 'minimum', 'number', 'number'),
  (10, 'maximum', 'number', 'number'),
  (11, 'exclusiveMinimum', 'number', 'number'),
  (12, 'exclusiveMaximum', 'number', 'number'),
  (13, 'multipleOf', 'positive number', 'number'),
  (14, 'minLength', 'length', 'string'),
  (15, 'dependentRequired', 'names map', 'object'),
  (16, 'properties', 'schema map', 'object'),
  (17, 'prefixItems', 'schemas', 'array'),
  (18, 'items', 'schema', 'array'),
  (19, 'contains', 'schema', 'array'),
  (20, 'allOf', 'schemas', null),
  (21, 'anyOf', 'schemas', null),
  (22, 'oneOf', 'schemas', null),
  (23, 'not', 'schema', null),
  (24, 'if', 'schema', null),
  (25, 'pattern', 'pattern', 'string'),
  (26, 'maxLength', 'length', 'string'),
  (27, 'patternProperties', 'pattern map', 'object'),
  (28, 'propertyNames', 'schema', 'object'),
  (29, 'additionalProperties', 'schema', 'object'),
  (null, 'then', 'schema', null),
  (null, 'else', 'schema', null),
  (null, '$ref', 'reference', null),
  (null, '$defs', 'schema map', null),
  (null, '$schema', 'dialect', null),
  (null, '$id', 'text', null),
  (null, '$comment', 'text', null),
  (null, 'title', 'text', null),
  (null, 'description', 'text', null),
  (null, 'default', 'any', null),
  (null, 'examples', 'array', null),
  (null, 'deprecated', 'boolean', null),
  (null, 'readOnly', 'boolean', null),
  (null, 'writeOnly', 'boolean', null),
  (null, 'format', 'text', null),
  (null, 'contentEncoding', 'text', null),
  (null, 'contentMediaType', 'text', null),
  (null, 'x-private', 'boolean', null),
  (null, 'x-secret', 'boolean', null)
$$;

comment on function ledger.schema_keywords() is
  'The JSON Schema keywords that register_event_type() supports; every other keyword, save '
  'x-..., is refused.';
