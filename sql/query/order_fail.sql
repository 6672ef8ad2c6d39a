-- READY orders without an approved payment fail. Verdicts: enum fail_verdict.
-- $1 order_no  $2 user, 0: anybody's  $3 reason
WITH call AS MATERIALIZED (
    SELECT c.* FROM unnest($1::uuid[], $2::bigint[], $3::text[]) WITH ORDINALITY AS c (order_no, user_id, reason, n)
), locked AS MATERIALIZED (
    SELECT order_no, user_id, schedule_id, seat_no, status, approved_at
    FROM payment_order WHERE order_no = ANY ($1::uuid[])
    ORDER BY order_no FOR UPDATE
), chosen AS MATERIALIZED (
    SELECT DISTINCT ON (l.order_no) l.order_no, c.n, c.reason
    FROM locked l JOIN call c USING (order_no)
    WHERE l.status = 'READY' AND l.approved_at IS NULL AND c.user_id IN (0, l.user_id)
    ORDER BY l.order_no, c.n
), failed AS (
    UPDATE payment_order o
    SET status = 'FAILED', updated_at = now(),
        fail_reason = (SELECT h.reason FROM chosen h WHERE h.order_no = o.order_no)
    WHERE order_no = ANY (ARRAY (SELECT order_no FROM chosen))
)
SELECT c.n,
    CASE
        WHEN l.order_no IS NULL OR c.user_id NOT IN (0, l.user_id) THEN 3
        WHEN h.n = c.n THEN 0
        WHEN h.n IS NOT NULL OR l.status = 'FAILED' THEN 1
        ELSE 2
    END AS verdict,
    l.user_id, l.schedule_id, l.seat_no
FROM call c
LEFT JOIN locked l USING (order_no)
LEFT JOIN chosen h USING (order_no)
