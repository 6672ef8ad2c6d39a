-- Sample data: something of every kind to look at, to buy and to measure with. Loading it again changes nothing.
-- Ids are given, so that documents and tests can name them; the sequences go on behind them.

INSERT INTO concert (id, title, description, queue_manage_required_yn) VALUES
    (1, '한강 여름밤 콘서트 (Summer Night by the Han)', 'A rush is expected: a waiting room stands before the seats.', 'Y'),
    (2, '서울 재즈 페스티벌 (Seoul Jazz Festival)', 'No waiting room: pick a seat at once.', 'N')
ON CONFLICT DO NOTHING;

INSERT INTO schedule (id, concert_id, show_at, sale_opens_at, status) VALUES
    (1, 1, '2035-07-20T10:00:00Z', NULL, 'ON_SALE'),
    (2, 2, '2035-05-18T10:00:00Z', NULL, 'ON_SALE'),
    (3, 2, '2035-05-19T10:00:00Z', NULL, 'CLOSED'),
    (4, 2, '2035-05-20T10:00:00Z', NULL, 'ON_SALE'),
    (5, 2, '2035-05-21T10:00:00Z', NULL, 'ON_SALE')
ON CONFLICT DO NOTHING;

INSERT INTO seat (schedule_id, seat_no, section, grade, price)
SELECT schedule_id, section || '-' || n, section, grade, price
FROM (VALUES ('A', 'VIP', 100, 150000), ('B', 'R', 300, 120000), ('C', 'S', 600, 90000)) AS s (section, grade, seats, price),
    generate_series(1, 4) AS schedule_id,
    generate_series(1, s.seats) AS n
ORDER BY schedule_id, section, n
ON CONFLICT DO NOTHING;

INSERT INTO seat (schedule_id, seat_no, section, grade, price)
SELECT 5, 'D-' || n, 'D', 'S', 90000 FROM generate_series(1, 50000) AS n
ON CONFLICT DO NOTHING;

INSERT INTO user_account (id, email, name)
SELECT n, 'user' || n || '@example.com', 'user' || n FROM generate_series(1, 100000) AS n
ON CONFLICT DO NOTHING;

-- A wallet's balance is the sum of its history, from the first row on.
WITH wallet AS (
    INSERT INTO point_wallet (user_id, balance)
    SELECT n, 10000000 FROM generate_series(1, 1000) AS n
    ON CONFLICT DO NOTHING
    RETURNING user_id, balance
)
INSERT INTO point_history (user_id, type, amount, balance_after)
SELECT user_id, 'CHARGE', balance, balance FROM wallet;

INSERT INTO events (id, title, vip_number, normal_number, strategy) VALUES
    (1, '선착순 팬미팅 (first come, by the database)', 100, 900, 'RDB'),
    (2, '선착순 쇼케이스 (first come, by Redis)', 100, 900, 'REDIS')
ON CONFLICT DO NOTHING;

INSERT INTO event_venue_association (id, event_id, venue_id) VALUES (1, 1, 1), (2, 2, 2) ON CONFLICT DO NOTHING;

INSERT INTO venue_seats (venue_id, id, type)
SELECT venue_id, n, CASE WHEN n <= 100 THEN 'VIP' ELSE 'NORMAL' END
FROM generate_series(1, 2) AS venue_id, generate_series(1, 1000) AS n
ON CONFLICT DO NOTHING;

SELECT setval(pg_get_serial_sequence('concert', 'id'), greatest((SELECT max(id) FROM concert), (SELECT last_value FROM concert_id_seq)));
SELECT setval(pg_get_serial_sequence('schedule', 'id'), greatest((SELECT max(id) FROM schedule), (SELECT last_value FROM schedule_id_seq)));
SELECT setval(pg_get_serial_sequence('user_account', 'id'), greatest((SELECT max(id) FROM user_account), (SELECT last_value FROM user_account_id_seq)));
SELECT setval(pg_get_serial_sequence('events', 'id'), greatest((SELECT max(id) FROM events), (SELECT last_value FROM events_id_seq)));
SELECT setval(pg_get_serial_sequence('event_venue_association', 'id'),
    greatest((SELECT max(id) FROM event_venue_association), (SELECT last_value FROM event_venue_association_id_seq)));

ANALYZE concert, schedule, seat, user_account, point_wallet, point_history, events, event_venue_association, venue_seats;
