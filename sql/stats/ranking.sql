-- What stats() says of types, outcomes or actors in a time: the 20 most frequent and their shares. Of
-- all time it asks the index, since actors may be many; `total` is then what the shares are of.
create or replace function ledger.ranking(
  tenant_id text,
  dimension text,
  from_time timestamptz,
  to_time timestamptz,
  tail ledger.event_counts[],
  total bigint
)
returns jsonb
language sql
stable
set search_path = pg_catalog, pg_temp
as $$
  select coalesce(
    jsonb_agg(
      jsonb_build_object('value', r.value, 'events', r.events, 'share', round(r.share, 4))
      order by r.events desc, r.value
    ),
    '[]'
  )
  from (
    select t.value, t.events, t.events / nullif(ranking.total, 0)::numeric as share
    from ledger.top_counts(ranking.tenant_id, ranking.dimension, ranking.tail) as t
    where num_nonnulls(ranking.from_time, ranking.to_time) = 0
    union all
    (
      select c.value, c.events, c.events / sum(c.events) over () as share
      from ledger.counts_between(
        ranking.tenant_id, ranking.dimension, ranking.from_time, ranking.to_time, ranking.tail
      ) as c
      where num_nonnulls(ranking.from_time, ranking.to_time) > 0
      order by c.events desc, c.value
      limit 20
    )
  ) as r
$$;

comment on function ledger.ranking(
  text, text, timestamptz, timestamptz, ledger.event_counts[], bigint
) is
  'Part of stats(): the 20 most frequent types, outcomes or actors of a tenant in a time, as JSON.';
