-- READY orders whose time ran out fail. An approval at the same moment has the row locked (skipped here, and seen as
-- approved next time) or finds it FAILED: the order's own row carries both. Two stretches of the orders are looked at,
-- each a bounded number of rows: the index on expires_at knows nothing of states (an index that did would make every
-- confirmation slower).
-- $1, $2 where each stretch begins (exclusive)  $3 rows of a stretch  $4 how many to fail
WITH fresh AS MATERIALIZED (
    SELECT order_no, expires_at, status, approved_at FROM payment_order
    WHERE expires_at > $1::timestamptz AND expires_at <= now()
    ORDER BY expires_at FETCH FIRST ($3::int) ROWS WITH TIES
), slow AS MATERIALIZED (
    SELECT order_no, expires_at, status, approved_at FROM payment_order
    WHERE expires_at > $2::timestamptz AND expires_at <= now()
    ORDER BY expires_at FETCH FIRST ($3::int) ROWS WITH TIES
), due AS MATERIALIZED (
    SELECT order_no FROM payment_order
    WHERE order_no = ANY (ARRAY (
        SELECT order_no FROM (SELECT * FROM fresh UNION ALL SELECT * FROM slow) AS s
        WHERE status = 'READY' AND approved_at IS NULL LIMIT $4::int))
      AND status = 'READY' AND approved_at IS NULL AND expires_at <= now()
    ORDER BY order_no FOR UPDATE SKIP LOCKED
), failed AS (
    UPDATE payment_order SET status = 'FAILED', fail_reason = 'EXPIRED', updated_at = now()
    WHERE order_no = ANY (ARRAY (SELECT order_no FROM due)) AND status = 'READY' AND approved_at IS NULL
    RETURNING 1
)
SELECT (SELECT count(*) FROM failed),
    (SELECT count(*) FROM fresh), (SELECT max(expires_at) FROM fresh),
    (SELECT count(*) FROM slow), (SELECT max(expires_at) FROM slow), now()
