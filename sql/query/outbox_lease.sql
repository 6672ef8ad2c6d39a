-- $1 how many  $2 lease in ms. The event says what the order and its approval say.
WITH due AS MATERIALIZED (
    SELECT event_id FROM outbox WHERE next_try_at <= now() ORDER BY next_try_at LIMIT $1::int FOR UPDATE SKIP LOCKED
), leased AS (
    UPDATE outbox x SET next_try_at = now() + $2::bigint * interval '1 millisecond', attempts = x.attempts + 1
    FROM due WHERE x.event_id = due.event_id
    RETURNING x.event_id, x.order_no, x.created_at
)
SELECT l.event_id, l.order_no, coalesce(o.approved_at, p.created_at, l.created_at), o.user_id, o.schedule_id, o.seat_no,
    o.amount, coalesce(p.method, 'CARD'), p.traceparent
FROM leased l
JOIN payment_order o USING (order_no)
LEFT JOIN payment p ON p.order_no = l.order_no AND p.status <> 'FAILED'
