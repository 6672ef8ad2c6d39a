-- Confirms with care, where the facts that were read still hold: the order READY and approved or not as before ($9), the
-- kept payment ($10) and the live reservation ($11) the same. An event without a row in the result was left alone.
--
-- Everything is locked before anything is written, orders first, each kind in one order: each ORDER BY also keeps what
-- follows from starting before the step above has ended. What follows the locks can't fail but for the unique
-- constraints; a violation undoes the statement, is repeated singly and looked at again.
--
-- A plan made while the tables are empty must stay good: rows are found by one key and judged by a CASE, which no index
-- can answer, and written by arrays of their keys instead of joins.
WITH event AS (
    SELECT DISTINCT ON (order_no) *
    FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::bigint[], $5::text[], $6::bigint[], $7::uuid[], $8::uuid[],
                $9::bool[], $10::uuid[], $11::uuid[])
        WITH ORDINALITY AS e (event_id, order_no, user_id, schedule_id, seat_no, amount, reservation_id, payment_id,
                              approved, kept_id, live_id, place)
    ORDER BY order_no, place
), ready AS MATERIALIZED (
    SELECT e.* FROM event e CROSS JOIN LATERAL (
        SELECT 1 FROM payment_order o
        WHERE o.order_no = e.order_no
            AND CASE WHEN o.status = 'READY' AND o.user_id = e.user_id AND o.schedule_id = e.schedule_id
                          AND o.seat_no = e.seat_no AND o.amount = e.amount
                          AND (o.approved_at IS NOT NULL) = e.approved THEN true END
        FOR UPDATE) o
), funded AS MATERIALIZED (
    SELECT e.* FROM (SELECT * FROM ready ORDER BY order_no) e LEFT JOIN LATERAL (
        SELECT p.id FROM payment p
        WHERE p.id = e.kept_id AND CASE WHEN p.status IN ('PENDING', 'APPROVED') THEN true END
        FOR UPDATE) p ON true
    WHERE e.kept_id IS NULL OR p.id IS NOT NULL
), able AS MATERIALIZED (
    SELECT e.*, r.own FROM (SELECT * FROM funded ORDER BY live_id) e LEFT JOIN LATERAL (
        SELECT r.user_id = e.user_id AS own FROM reservation r
        WHERE r.id = e.live_id
            AND CASE WHEN r.active IS NULL THEN NULL
                     WHEN r.user_id = e.user_id
                     THEN r.status = 'HELD' OR r.order_no IS NULL OR r.order_no = e.order_no
                     ELSE r.status = 'HELD' AND r.expires_at <= now() END
        FOR UPDATE) r ON true
    -- A live row that is being given up would be waited for by the INSERT, after its revision was drawn: look again.
    WHERE CASE WHEN e.live_id IS NULL
               THEN (SELECT s.active FROM reservation s WHERE s.schedule_id = e.schedule_id AND s.seat_no = e.seat_no
                     ORDER BY s.active LIMIT 1) IS NULL -- live rows come first: see confirm_fast
               ELSE r.own IS NOT NULL END
    ORDER BY place
), outlived AS (
    UPDATE reservation r SET status = 'EXPIRED', active = NULL, rev = nextval('seat_rev'), updated_at = now()
    WHERE r.id = ANY (ARRAY (SELECT live_id FROM able WHERE NOT own))
    RETURNING r.id
), held AS (
    UPDATE reservation r SET status = 'CONFIRMED', expires_at = NULL, rev = nextval('seat_rev'), updated_at = now(),
        order_no = (SELECT a.order_no FROM able a WHERE a.live_id = r.id ORDER BY a.place LIMIT 1)
    WHERE r.id = ANY (ARRAY (SELECT live_id FROM able WHERE own))
    RETURNING r.id, r.order_no, r.rev
), made AS (
    -- Reads `outlived`, or it would go before that: the seat would be nobody's.
    INSERT INTO reservation AS r (id, user_id, schedule_id, seat_no, status, active, order_no)
    SELECT reservation_id, user_id, schedule_id, seat_no, 'CONFIRMED', 1, order_no
    FROM able WHERE own IS NOT TRUE AND (SELECT count(*) FROM outlived) >= 0
    ORDER BY schedule_id, seat_no COLLATE "C"
    RETURNING r.id, r.rev
), won AS MATERIALIZED (
    SELECT a.*, h.id, h.rev FROM able a JOIN held h ON h.id = a.live_id AND h.order_no = a.order_no
    UNION ALL
    SELECT a.*, m.id, m.rev FROM able a JOIN made m ON m.id = a.reservation_id
), paid AS (
    UPDATE payment_order o SET status = 'PAID', updated_at = now(),
        reservation_id = (SELECT w.id FROM won w WHERE w.order_no = o.order_no)
    WHERE o.order_no = ANY (ARRAY (SELECT order_no FROM won))
), approved AS (
    UPDATE payment p SET status = 'APPROVED', updated_at = now(),
        event_id = COALESCE(p.event_id, (SELECT w.event_id FROM won w WHERE w.kept_id = p.id))
    WHERE p.id = ANY (ARRAY (SELECT kept_id FROM won)) AND CASE WHEN p.status = 'PENDING' THEN true END
), charged AS (
    INSERT INTO payment (id, order_no, user_id, schedule_id, seat_no, amount, method, status, event_id)
    SELECT payment_id, order_no, user_id, schedule_id, seat_no, amount, 'CARD', 'APPROVED', event_id
    FROM won WHERE kept_id IS NULL
), noted AS (
    INSERT INTO inbox (event_id, order_no, outcome, reservation_id)
    SELECT event_id, order_no, 'CONFIRMED', id FROM won
)
SELECT place, id, rev, now() FROM won
