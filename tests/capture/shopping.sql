-- What the application of test_rebuild.py sends: one of these at a time, with random a and b.

insert into artist values (%(a)s, 'Artist ' || %(b)s) on conflict (artist_id) do update set name
= excluded.name || '!' where artist.name <> excluded.name;

insert into album select %(a)s, 'Album', artist_id from artist order by random() limit 1 on
conflict do nothing;

update album set title = title || %(b)s where album_id = %(a)s;

delete from album where album_id = %(a)s;

update artist set artist_id = artist_id + 100 where artist_id = %(a)s;

delete from artist where artist_id = %(a)s;

insert into track (name, album_id, milliseconds, unit_price, bytes) select 'Song ' || n, (select
album_id from album order by random() limit 1), 1000 * n, n * 0.99, null from generate_series(1,
%(b)s) as n;

update track set unit_price = unit_price + 0.10, composer = nullif(composer, 'x') || 'y' where
track_id %% 7 = %(b)s %% 7;

update track set bytes = %(b)s where track_id = %(a)s;

delete from track where track_id in (select track_id from track order by random() limit 3);

insert into employee values (%(a)s, 'Smith', null, null, now(), '\x00ff'::bytea) on conflict
(employee_id) do nothing;

update employee set reports_to = (select min(employee_id) from employee), title = 'boss' where
employee_id = %(a)s;

delete from employee where employee_id = %(a)s;

insert into customer values (%(a)s, 'Ann', %(a)s || '@' || %(b)s, (select min(employee_id) from
employee), array['x', null], '{"a": [1.50, null]}') on conflict do nothing;

update customer set customer_id = customer_id + 1000 where customer_id = %(a)s;

update customer set tags = tags || %(b)s::text, preferences = preferences || '{"b": 1}' where
customer_id >= %(a)s;

delete from customer where customer_id = %(a)s;

insert into invoice (customer_id, billing_country, total, weight) select customer_id, 'DE',
%(b)s, 'NaN' from customer order by random() limit 2;

with i as (insert into invoice (customer_id, total) select customer_id, 0 from customer where
customer_id %% 5 = %(b)s %% 5 returning invoice_id), u as (update playlist set name = name ||
'.' where playlist_id = %(a)s) insert into invoice_line (invoice_id, track_id, unit_price,
quantity) select i.invoice_id, t.track_id, t.unit_price, 1 from i cross join (select * from
track order by random() limit 2) as t;

update invoice set total = total * 1.0, weight = -0.1 where invoice_id %% 4 = %(b)s %% 4;

delete from invoice where invoice_id %% 11 = %(b)s %% 11;

insert into playlist values (%(a)s, null) on conflict (playlist_id) do update set name = 'again';

update playlist set playlist_id = playlist_id + 500 where playlist_id = %(a)s;

delete from playlist where playlist_id = %(a)s;

insert into playlist_track select p.playlist_id, t.track_id, 'me' from playlist as p cross join
track as t order by random() limit %(b)s on conflict do nothing;

merge into playlist_track as p using (select track_id from track order by random() limit 5) as t
on p.track_id = t.track_id when matched and p.added_by is null then delete when matched then
update set added_by = null;

insert into track (name, milliseconds, unit_price) values ('divided by', 0, 1);
