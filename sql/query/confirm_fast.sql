-- Confirms, in one transaction, those payment events that need nothing but the plain writes: the order READY and just
-- as the event says, the seat free. Whatever differs in any way is not returned, and is decided with care
-- (confirm_facts, then confirm_settle, confirm_reject or confirm_note).
--
-- The update is the lock, the judge and the write in one: an order that someone else is changing is waited for and judged
-- as it is then; what is read of seats and payments may be older than that, so what may be written about them is said by
-- unique constraints. A violation undoes the statement, and the batch is repeated singly; so a batch should name a seat
-- once. Orders are taken in the order of the arrays (by number), a revision is drawn when its order is locked.
--
-- A seat with a live row is left alone even when that is just being given up: the INSERT would wait for that with a
-- revision drawn before, older than the row's end, and the copy in Redis would stay free.
-- The kept payment is looked up only where it decides: an approved order has one.
--
-- A plan made while the tables are empty must stay good: LIMIT has each order found by its number, and written where it
-- was found; the first CASE lets the planner expect one event, the second keeps the comparisons away from the indexes on
-- users and seats; ORDER BY is only had from the seats' index, in which live rows come first.
WITH event AS (
    SELECT *
    FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::bigint[], $5::text[], $6::bigint[], $7::bool[], $8::uuid[],
                $9::uuid[])
        WITH ORDINALITY AS e (event_id, order_no, user_id, schedule_id, seat_no, amount, by_points, reservation_id,
                              payment_id, place)
    WHERE CASE WHEN place > 0 THEN 1 END = 1
), paid AS (
    UPDATE payment_order o SET status = 'PAID', reservation_id = e.reservation_id, updated_at = now()
    FROM event e CROSS JOIN LATERAL (SELECT x.ctid AS at FROM payment_order x WHERE x.order_no = e.order_no LIMIT 1) x
    WHERE o.ctid = x.at
        AND CASE WHEN o.status = 'READY' AND o.user_id = e.user_id AND o.schedule_id = e.schedule_id
                      AND o.seat_no = e.seat_no AND o.amount = e.amount
                      AND (SELECT r.active FROM reservation r WHERE r.schedule_id = e.schedule_id
                           AND r.seat_no = e.seat_no ORDER BY r.active LIMIT 1) IS NULL
                 THEN CASE WHEN e.by_points
                           THEN (SELECT p.method || p.status FROM payment p
                                 WHERE p.order_no = o.order_no AND p.status <> 'FAILED') = 'POINTAPPROVED'
                           WHEN o.approved_at IS NULL
                           THEN (SELECT p.status FROM payment p
                                 WHERE p.order_no = o.order_no AND p.status <> 'FAILED') IS NULL
                           ELSE true END
            END
    RETURNING e.*, o.approved_at IS NULL AND NOT e.by_points AS to_charge, nextval('seat_rev') AS rev
), taken AS (
    INSERT INTO reservation (id, user_id, schedule_id, seat_no, status, active, order_no, rev)
    SELECT reservation_id, user_id, schedule_id, seat_no, 'CONFIRMED', 1, order_no, rev FROM paid
), noted AS (
    INSERT INTO inbox (event_id, order_no, outcome, reservation_id)
    SELECT event_id, order_no, 'CONFIRMED', reservation_id FROM paid
), charged AS (
    INSERT INTO payment (id, order_no, user_id, schedule_id, seat_no, amount, method, status, event_id)
    SELECT payment_id, order_no, user_id, schedule_id, seat_no, amount, 'CARD', 'APPROVED', event_id
    FROM paid WHERE to_charge
)
SELECT place, rev, now() FROM paid
