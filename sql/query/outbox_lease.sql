-- $1 how many  $2 lease in ms. The event says what the order and its approval say.
WITH due AS MATERIALIZED (
    SELECT event_id FROM outbox WHERE next_try_at <= now() ORDER BY next_try_at LIMIT $1::int FOR UPDATE SKIP LOCKED
), leased AS (
    UPDATE outbox SET next_try_at = now() + $2::bigint * interval '1 millisecond', attempts = attempts + 1
    WHERE event_id = ANY (ARRAY (SELECT event_id FROM due))
    RETURNING event_id, order_no, created_at
)
SELECT l.event_id, l.order_no, coalesce(o.approved_at, p.created_at, l.created_at), o.user_id, o.schedule_id, o.seat_no,
    o.amount, coalesce(p.method, 'CARD'), p.traceparent
FROM leased l
JOIN LATERAL (SELECT * FROM payment_order t WHERE t.order_no = l.order_no LIMIT 1) AS o ON true
LEFT JOIN LATERAL (
    SELECT * FROM payment t WHERE t.order_no = l.order_no AND t.status <> 'FAILED' LIMIT 1) AS p ON true
