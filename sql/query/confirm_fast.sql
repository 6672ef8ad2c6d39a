-- Confirms, in one transaction, those payment events that need nothing but the plain writes: the order READY and just
-- as the event says, the seat free. Whatever differs in any way is not returned, and is decided with care
-- (confirm_facts, then confirm_settle, confirm_reject or confirm_note).
--
-- Waits for no order (SKIP LOCKED). Leaves a seat alone whose live row is just being given up: the INSERT would wait for
-- that with a revision drawn before, older than the row's end, and the copy in Redis would stay free. Inserts in the
-- order of the arrays (by seat), so that two batches can't wait for each other in a ring.
-- The kept payment is looked up only where it decides: an approved order has one.
-- The plain inserts into payment and inbox are guards: a violation undoes the statement, the batch is repeated singly.
-- CASE keeps the comparisons away from the indexes on users and seats: an order is found by its number.
WITH event AS (
    SELECT *
    FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::bigint[], $5::text[], $6::bigint[], $7::bool[], $8::uuid[],
                $9::uuid[])
        WITH ORDINALITY AS e (event_id, order_no, user_id, schedule_id, seat_no, amount, by_points, reservation_id,
                              payment_id, place)
), payable AS MATERIALIZED (
    SELECT e.*, o.unpaid AND NOT e.by_points AS to_charge, nextval('seat_rev') AS rev
    FROM event e CROSS JOIN LATERAL (
        SELECT o.approved_at IS NULL AS unpaid
        FROM payment_order o
        WHERE o.order_no = e.order_no
            AND CASE WHEN o.status = 'READY' AND o.user_id = e.user_id AND o.schedule_id = e.schedule_id
                          AND o.seat_no = e.seat_no AND o.amount = e.amount
                          AND (SELECT r.active FROM reservation r WHERE r.schedule_id = e.schedule_id
                               AND r.seat_no = e.seat_no AND r.active = 1) IS NULL
                     THEN CASE WHEN e.by_points
                               THEN (SELECT p.method || p.status FROM payment p
                                     WHERE p.order_no = o.order_no AND p.status <> 'FAILED') = 'POINTAPPROVED'
                               WHEN o.approved_at IS NULL
                               THEN (SELECT p.status FROM payment p
                                     WHERE p.order_no = o.order_no AND p.status <> 'FAILED') IS NULL
                               ELSE true END
                END
        FOR NO KEY UPDATE SKIP LOCKED) o
), taken AS (
    INSERT INTO reservation AS r (id, user_id, schedule_id, seat_no, status, active, order_no, rev)
    SELECT reservation_id, user_id, schedule_id, seat_no, 'CONFIRMED', 1, order_no, rev FROM payable
    ON CONFLICT (schedule_id, seat_no, active) DO NOTHING
    RETURNING r.id
), won AS MATERIALIZED (
    -- Looked up in a hash, and expected to be one row, whose order is then found by the index: never by reading all.
    SELECT e.* FROM payable e WHERE CASE WHEN e.reservation_id IN (SELECT id FROM taken) THEN 1 END = 1
), paid AS (
    UPDATE payment_order o SET status = 'PAID', reservation_id = w.reservation_id, updated_at = now()
    FROM won w WHERE o.order_no = w.order_no
), noted AS (
    INSERT INTO inbox (event_id, order_no, outcome, reservation_id)
    SELECT event_id, order_no, 'CONFIRMED', reservation_id FROM won
), charged AS (
    INSERT INTO payment (id, order_no, user_id, amount, method, status, event_id)
    SELECT payment_id, order_no, user_id, amount, 'CARD', 'APPROVED', event_id FROM won WHERE to_charge
)
SELECT place, rev, now() FROM won
