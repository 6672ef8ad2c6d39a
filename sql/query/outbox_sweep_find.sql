-- Approved orders that are still undecided go onto the list that outbox_sweep_restore works on. Two stretches of the
-- payments are looked at, each a bounded number of rows, so that a round costs the same however many there are.
-- $1, $2 where each stretch begins (exclusive)  $3 approved for at least so many ms  $4 rows of a stretch
WITH fresh AS MATERIALIZED (
    SELECT order_no, created_at FROM payment
    WHERE created_at > $1::timestamptz AND created_at <= now() - $3::bigint * interval '1 millisecond'
    ORDER BY created_at FETCH FIRST ($4::int) ROWS WITH TIES
), slow AS MATERIALIZED (
    SELECT order_no, created_at FROM payment
    WHERE created_at > $2::timestamptz AND created_at <= now() - $3::bigint * interval '1 millisecond'
    ORDER BY created_at FETCH FIRST ($4::int) ROWS WITH TIES
), listed AS (
    INSERT INTO outbox_sweep (order_no)
    SELECT DISTINCT o.order_no
    FROM (SELECT order_no FROM fresh UNION ALL SELECT order_no FROM slow) AS s
    JOIN LATERAL (SELECT * FROM payment_order t WHERE t.order_no = s.order_no LIMIT 1) AS o ON true
    WHERE o.status = 'READY' AND o.approved_at <= now() - $3::bigint * interval '1 millisecond'
    ORDER BY o.order_no
    ON CONFLICT (order_no) DO NOTHING
)
SELECT (SELECT count(*) FROM fresh), (SELECT max(created_at) FROM fresh),
    (SELECT count(*) FROM slow), (SELECT max(created_at) FROM slow), now()
