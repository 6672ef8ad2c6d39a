-- READY orders whose time ran out fail. An approval at the same moment has the row locked (skipped here, and seen as
-- approved next time) or finds it FAILED: the order's own row carries both. Two stretches of the orders are looked at,
-- each a bounded number of rows: the index on expires_at knows nothing of states (an index that did would make every
-- confirmation slower).
-- $1, $2 where each stretch begins (exclusive)  $3 rows of a stretch  $4 how many to fail
-- In the result: how many failed, how many should have; of each stretch its rows, the time of its last, and of the first
-- that should have failed and was locked.
WITH fresh AS MATERIALIZED (
    SELECT order_no, expires_at, status, approved_at FROM payment_order
    WHERE expires_at > $1::timestamptz AND expires_at <= now()
    ORDER BY expires_at FETCH FIRST ($3::int) ROWS WITH TIES
), slow AS MATERIALIZED (
    SELECT order_no, expires_at, status, approved_at FROM payment_order
    WHERE expires_at > $2::timestamptz AND expires_at <= now()
    ORDER BY expires_at FETCH FIRST ($3::int) ROWS WITH TIES
), wanted AS MATERIALIZED (
    SELECT order_no, expires_at FROM fresh WHERE status = 'READY' AND approved_at IS NULL
    UNION
    SELECT order_no, expires_at FROM slow WHERE status = 'READY' AND approved_at IS NULL
    LIMIT $4::int
), due AS MATERIALIZED (
    SELECT order_no FROM payment_order
    WHERE order_no = ANY (ARRAY (SELECT order_no FROM wanted))
      AND status = 'READY' AND approved_at IS NULL AND expires_at <= now()
    ORDER BY order_no FOR UPDATE SKIP LOCKED
), failed AS (
    UPDATE payment_order SET status = 'FAILED', fail_reason = 'EXPIRED', updated_at = now()
    WHERE order_no = ANY (ARRAY (SELECT order_no FROM due)) AND status = 'READY' AND approved_at IS NULL
    RETURNING order_no
), missed AS MATERIALIZED (
    SELECT expires_at FROM wanted WHERE order_no NOT IN (SELECT order_no FROM failed)
)
SELECT (SELECT count(*) FROM failed), (SELECT count(*) FROM wanted), now(),
    (SELECT count(*) FROM fresh), (SELECT max(expires_at) FROM fresh),
    (SELECT min(expires_at) FROM missed WHERE expires_at IN (SELECT expires_at FROM fresh)),
    (SELECT count(*) FROM slow), (SELECT max(expires_at) FROM slow),
    (SELECT min(expires_at) FROM missed WHERE expires_at IN (SELECT expires_at FROM slow))
