-- Looks again at listed orders whose time has come: decided ones leave the list; undecided ones without an outbox row
-- get it back, with the same event, at most 5 times.
-- $1 ms until a listed order is looked at again  $2 how many
WITH due AS MATERIALIZED (
    SELECT order_no, times FROM outbox_sweep WHERE next_at <= now()
    ORDER BY next_at LIMIT $2::int FOR UPDATE SKIP LOCKED
), state AS MATERIALIZED (
    SELECT d.order_no, d.times, p.event_id, x.event_id IS NOT NULL AS queued,
        o.status IS NOT DISTINCT FROM 'READY' AND p.event_id IS NOT NULL AS undecided
    FROM due d
    LEFT JOIN LATERAL (SELECT * FROM payment_order t WHERE t.order_no = d.order_no LIMIT 1) AS o ON true
    LEFT JOIN LATERAL (
        SELECT * FROM payment t WHERE t.order_no = d.order_no AND t.status <> 'FAILED' LIMIT 1) AS p ON true
    LEFT JOIN LATERAL (SELECT * FROM outbox t WHERE t.event_id = p.event_id LIMIT 1) AS x ON true
), decided AS (
    DELETE FROM outbox_sweep WHERE order_no = ANY (ARRAY (SELECT order_no FROM state WHERE NOT undecided))
), looked AS (
    UPDATE outbox_sweep SET next_at = now() + $1::bigint * interval '1 millisecond', last_at = now()
    WHERE order_no = ANY (ARRAY (SELECT order_no FROM state WHERE undecided AND (queued OR times > 5)))
), counted AS (
    UPDATE outbox_sweep
    SET next_at = now() + $1::bigint * interval '1 millisecond', last_at = now(), times = times + 1
    WHERE order_no = ANY (ARRAY (SELECT order_no FROM state WHERE undecided AND NOT queued AND times <= 5))
), restored AS (
    INSERT INTO outbox (event_id, order_no, next_try_at)
    SELECT event_id, order_no, now() FROM state WHERE undecided AND NOT queued AND times < 5 ORDER BY event_id
    ON CONFLICT (event_id) DO NOTHING
    RETURNING 1
)
SELECT (SELECT count(*) FROM due), (SELECT count(*) FROM restored),
    (SELECT count(*) FROM (SELECT FROM outbox_sweep WHERE times > 5 LIMIT 10000) AS s)
