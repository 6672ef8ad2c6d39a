-- Approvals with care, where nothing is waited for: what order_approve_fast did not decide. What someone else has locked
-- is answered 5. See order_approve_wait.sql.
-- Whether an order is approved is said by its own row (approved_at), read under its lock; what is read of other tables
-- may be older than that lock. Verdicts: enum approve_verdict; 5: locked by someone, or the payment is not visible yet.
-- $1 order_no  $2 user, 0: anybody's  $3 payment id  $4 event id  $5 traceparent
WITH call AS MATERIALIZED (
    SELECT c.*
    FROM unnest($1::uuid[], $2::bigint[], $3::uuid[], $4::uuid[], $5::text[])
        WITH ORDINALITY AS c (order_no, user_id, payment_id, event_id, traceparent, n)
), locked AS MATERIALIZED (
    SELECT order_no, user_id, schedule_id, seat_no, status, approved_at, expires_at, amount, rev
    FROM payment_order WHERE order_no = ANY ($1::uuid[])
    -- As text, which is the same order: else a plan made while the table is empty reads the whole index for its order.
    ORDER BY order_no::text FOR UPDATE SKIP LOCKED
), chosen AS MATERIALIZED (
    SELECT DISTINCT ON (l.order_no) l.*, c.n, c.payment_id, c.event_id, c.traceparent
    FROM locked l JOIN call c USING (order_no)
    WHERE l.status = 'READY' AND l.approved_at IS NULL AND l.expires_at > now() AND c.user_id IN (0, l.user_id)
    ORDER BY l.order_no, c.n
), hold AS MATERIALIZED (
    -- The buyer's HELD row, if the hold lives in the database.
    SELECT r.id, h.order_no
    FROM chosen h
    JOIN LATERAL (
        SELECT * FROM reservation r
        WHERE r.schedule_id = h.schedule_id AND r.seat_no = h.seat_no
        ORDER BY r.active LIMIT 1) AS r ON true -- live rows come first: see order_ready_fast
    WHERE r.status = 'HELD' AND r.user_id = h.user_id
), kept AS MATERIALIZED (
    SELECT id FROM reservation WHERE id = ANY (ARRAY (SELECT id FROM hold)) AND status = 'HELD'
    ORDER BY schedule_id + 0, seat_no FOR UPDATE SKIP LOCKED -- + 0: as above
), prolonged AS (
    -- Not given away while the approval waits for its confirmation.
    UPDATE reservation SET expires_at = 'infinity', updated_at = now() WHERE id = ANY (ARRAY (SELECT id FROM kept))
), blocked AS MATERIALIZED (
    SELECT order_no FROM hold WHERE id NOT IN (SELECT id FROM kept)
), changed AS (
    UPDATE payment_order SET approved_at = now(), updated_at = now(), rev = nextval('seat_rev')
    WHERE order_no = ANY (ARRAY (SELECT order_no FROM chosen WHERE order_no NOT IN (SELECT order_no FROM blocked)))
    RETURNING order_no, rev
), approved AS MATERIALIZED (
    SELECT h.order_no, h.n, h.user_id, h.schedule_id, h.seat_no, h.amount, h.payment_id, h.event_id, h.traceparent, c.rev,
        now() AS now
    FROM changed c JOIN chosen h USING (order_no)
), paid AS (
    INSERT INTO payment (id, order_no, user_id, schedule_id, seat_no, amount, method, status, event_id, traceparent)
    SELECT payment_id, order_no, user_id, schedule_id, seat_no, amount, 'CARD', 'APPROVED', event_id,
        nullif(traceparent, '')
    FROM approved
), posted AS (
    -- Later than any delivery report of the event that goes out now.
    INSERT INTO outbox (event_id, order_no, next_try_at)
    SELECT event_id, order_no, now() + interval '15 seconds' FROM approved
), answer AS (
    SELECT c.n, c.order_no, a.n AS winner, l.user_id, l.schedule_id, l.seat_no, l.amount,
        coalesce(a.now, l.approved_at) AS approved_at, coalesce(a.rev, l.rev) AS rev,
        CASE
            WHEN l.order_no IS NULL THEN coalesce(
                (SELECT CASE WHEN c.user_id IN (0, o.user_id) THEN 5 ELSE 4 END
                 FROM payment_order o WHERE o.order_no = c.order_no), 4)
            WHEN c.user_id NOT IN (0, l.user_id) THEN 4
            WHEN a.n = c.n THEN 0
            WHEN a.n IS NOT NULL THEN 1
            WHEN l.status = 'PAID' THEN 2
            WHEN l.status = 'READY' AND l.approved_at IS NOT NULL THEN 1
            WHEN h.order_no IS NOT NULL THEN 5
            ELSE 3
        END AS verdict,
        a.event_id AS winner_event, l.status, l.approved_at AS was_approved_at
    FROM call c
    LEFT JOIN locked l USING (order_no)
    LEFT JOIN chosen h USING (order_no)
    LEFT JOIN approved a USING (order_no)
), told AS (
    SELECT *, CASE
        WHEN winner IS NOT NULL THEN winner_event
        WHEN verdict IN (1, 2) THEN
            (SELECT p.event_id FROM payment p WHERE p.order_no = answer.order_no AND p.status <> 'FAILED')
        END AS event_id
    FROM answer
)
SELECT n,
    CASE
        WHEN verdict IN (1, 2) AND event_id IS NULL AND NOT EXISTS (
            SELECT FROM payment_order o
            WHERE o.order_no = told.order_no AND o.status = told.status
              AND o.approved_at IS NOT DISTINCT FROM told.was_approved_at) THEN 5
        ELSE verdict
    END AS verdict,
    event_id, user_id, schedule_id, seat_no, amount, approved_at, rev
FROM told
