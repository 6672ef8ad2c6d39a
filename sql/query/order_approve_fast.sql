-- Approves, in one go, those orders that nothing stands in the way of: READY, unapproved, in time, the user's, and no live
-- reservation on the seat. Whatever differs in any way, or is locked, is not returned and is decided with care
-- (order_approve).
-- $1 order_no  $2 user, 0: anybody's  $3 payment id  $4 event id  $5 traceparent
-- The plain INSERT of the payment is a guard: where an order comes twice, all of the batch is decided with care.
-- CASE keeps the comparisons away from the indexes: an order is found by its number. ORDER BY is only had from the seats'
-- index, in which live rows come first.
WITH payable AS MATERIALIZED (
    SELECT c.n, c.order_no, c.payment_id, c.event_id, c.traceparent, o.*, nextval('seat_rev') AS rev
    FROM unnest($1::uuid[], $2::bigint[], $3::uuid[], $4::uuid[], $5::text[])
        WITH ORDINALITY AS c (order_no, asker, payment_id, event_id, traceparent, n)
    CROSS JOIN LATERAL (
        SELECT o.user_id, o.schedule_id, o.seat_no, o.amount FROM payment_order o
        WHERE o.order_no = c.order_no
            AND CASE WHEN o.status = 'READY' AND o.approved_at IS NULL AND o.expires_at > now()
                          AND c.asker IN (0, o.user_id)
                          AND (SELECT r.active FROM reservation r WHERE r.schedule_id = o.schedule_id
                               AND r.seat_no = o.seat_no ORDER BY r.active LIMIT 1) IS NULL
                     THEN true END
        FOR NO KEY UPDATE SKIP LOCKED) AS o
), approved AS (
    -- CASE: the planner expects one row, and finds its order by the number, whatever it knew of the table.
    UPDATE payment_order o SET approved_at = now(), updated_at = now(), rev = p.rev
    FROM payable p WHERE o.order_no = p.order_no AND CASE WHEN p.n > 0 THEN 1 END = 1
), paid AS (
    INSERT INTO payment (id, order_no, user_id, schedule_id, seat_no, amount, method, status, event_id, traceparent)
    SELECT payment_id, order_no, user_id, schedule_id, seat_no, amount, 'CARD', 'APPROVED', event_id,
        nullif(traceparent, '')
    FROM payable
), posted AS (
    -- Later than any delivery report of the event that goes out now.
    INSERT INTO outbox (event_id, order_no, next_try_at)
    SELECT event_id, order_no, now() + interval '15 seconds' FROM payable
)
SELECT n, 0::bigint AS verdict, event_id, user_id, schedule_id, seat_no, amount, now() AS approved_at, rev FROM payable
