-- $1 order_no  $2 user, 0: anybody's. The payment is the one that was kept, else the latest that failed.
SELECT c.n, o.user_id, o.schedule_id, o.seat_no, o.amount, o.status, o.fail_reason, o.reservation_id,
    p.method, p.status, o.created_at, o.updated_at
FROM unnest($1::uuid[], $2::bigint[]) WITH ORDINALITY AS c (order_no, user_id, n)
JOIN LATERAL (
    SELECT * FROM payment_order t WHERE t.order_no = c.order_no AND c.user_id IN (0, t.user_id) LIMIT 1) AS o ON true
LEFT JOIN LATERAL (
    (SELECT k.method, k.status, 0 AS place FROM payment k WHERE k.order_no = o.order_no AND k.status <> 'FAILED')
    UNION ALL
    (SELECT f.method, f.status, 1 FROM payment f WHERE f.order_no = o.order_no AND f.status = 'FAILED'
     ORDER BY f.id DESC LIMIT 1)
    ORDER BY place LIMIT 1) AS p ON true
