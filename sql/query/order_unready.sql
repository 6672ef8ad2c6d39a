-- Before a release: the user's READY orders for the seat fail. Verdicts: enum unready_verdict.
-- $1 user  $2 schedule  $3 seat
WITH call AS MATERIALIZED (
    SELECT c.*
    FROM unnest($1::bigint[], $2::bigint[], $3::text[]) WITH ORDINALITY AS c (user_id, schedule_id, seat_no, n)
), found AS MATERIALIZED (
    SELECT DISTINCT o.order_no
    FROM call c
    JOIN LATERAL (
        SELECT t.order_no FROM payment_order t
        WHERE t.schedule_id = c.schedule_id AND t.user_id = c.user_id AND t.seat_no = c.seat_no AND t.status = 'READY'
        OFFSET 0) AS o ON true
), locked AS MATERIALIZED (
    SELECT order_no, user_id, schedule_id, seat_no, status, approved_at
    FROM payment_order WHERE order_no = ANY (ARRAY (SELECT order_no FROM found))
    ORDER BY order_no FOR UPDATE
), judged AS MATERIALIZED (
    SELECT c.*, CASE
        -- An order that was READY when this statement began and is PAID under its lock: the seat was sold meanwhile.
        WHEN r.id IS NOT NULL OR EXISTS (
            SELECT FROM locked l WHERE l.status = 'PAID' AND l.user_id = c.user_id
              AND l.schedule_id = c.schedule_id AND l.seat_no = c.seat_no) THEN 2
        WHEN EXISTS (
            SELECT FROM locked l WHERE l.status = 'READY' AND l.approved_at IS NOT NULL AND l.user_id = c.user_id
              AND l.schedule_id = c.schedule_id AND l.seat_no = c.seat_no) THEN 1
        ELSE 0 END AS verdict
    FROM call c
    LEFT JOIN LATERAL (
        SELECT t.id FROM reservation t
        WHERE t.schedule_id = c.schedule_id AND t.seat_no = c.seat_no AND t.active = 1 AND t.status = 'CONFIRMED'
        LIMIT 1) AS r ON true
), failed AS (
    UPDATE payment_order SET status = 'FAILED', fail_reason = 'RELEASED', updated_at = now()
    WHERE order_no = ANY (ARRAY (
        SELECT l.order_no FROM locked l JOIN judged j USING (user_id, schedule_id, seat_no)
        WHERE j.verdict = 0 AND l.status = 'READY' AND l.approved_at IS NULL))
)
SELECT n, verdict FROM judged
