-- Looks again at listed orders whose time has come: decided ones leave the list; undecided ones without an outbox row
-- get it back, with the same event, at most 5 times.
-- $1 ms until a listed order is looked at again  $2 how many
WITH due AS MATERIALIZED (
    SELECT order_no, times FROM outbox_sweep WHERE next_at <= now() ORDER BY next_at LIMIT $2::int FOR UPDATE SKIP LOCKED
), state AS MATERIALIZED (
    SELECT d.order_no, d.times, p.event_id, x.event_id IS NOT NULL AS queued,
        o.status IS NOT DISTINCT FROM 'READY' AND p.event_id IS NOT NULL AS undecided
    FROM due d
    LEFT JOIN payment_order o ON o.order_no = d.order_no
    LEFT JOIN payment p ON p.order_no = d.order_no AND p.status <> 'FAILED'
    LEFT JOIN outbox x ON x.event_id = p.event_id
), decided AS (
    DELETE FROM outbox_sweep s USING state t WHERE s.order_no = t.order_no AND NOT t.undecided
), looked AS (
    UPDATE outbox_sweep s
    SET times = s.times + CASE WHEN t.queued OR t.times >= 6 THEN 0 ELSE 1 END,
        next_at = now() + $1::bigint * interval '1 millisecond', last_at = now()
    FROM state t WHERE s.order_no = t.order_no AND t.undecided
), restored AS (
    INSERT INTO outbox (event_id, order_no, next_try_at)
    SELECT event_id, order_no, now() FROM state WHERE undecided AND NOT queued AND times < 5 ORDER BY event_id
    ON CONFLICT (event_id) DO NOTHING
    RETURNING 1
)
SELECT (SELECT count(*) FROM due), (SELECT count(*) FROM restored),
    (SELECT count(*) FROM (SELECT FROM outbox_sweep WHERE times > 5 LIMIT 10000) AS s)
