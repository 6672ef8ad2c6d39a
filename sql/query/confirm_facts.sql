-- What is known of payment events that the fast statement left undecided. Reads only; what is done about them holds
-- these facts to be so, under locks. LIMIT makes each look-up one of its own, by its key, whatever the planner expects.
-- The reservation is the seat's live one, or else the one that ended last: the truth for the copy in Redis.
SELECT e.place,
    i.order_no, o.status, o.matches, o.approved, o.reservation_id, o.fail_reason, o.updated_at,
    k.id, k.status, k.method,
    r.id, r.rev, r.user_id, r.status, r.order_no, r.outlived
FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::bigint[], $5::text[], $6::bigint[])
    WITH ORDINALITY AS e (event_id, order_no, user_id, schedule_id, seat_no, amount, place)
LEFT JOIN LATERAL (
    SELECT order_no FROM inbox WHERE event_id = e.event_id LIMIT 1) i ON true
LEFT JOIN LATERAL (
    SELECT status, approved_at IS NOT NULL AS approved, reservation_id, fail_reason, updated_at,
        (user_id, schedule_id, seat_no, amount) = (e.user_id, e.schedule_id, e.seat_no, e.amount) AS matches
    FROM payment_order WHERE order_no = e.order_no LIMIT 1) o ON true
LEFT JOIN LATERAL (
    SELECT id, status, method FROM payment WHERE order_no = e.order_no AND status <> 'FAILED' LIMIT 1) k ON true
LEFT JOIN LATERAL (
    SELECT id, rev, user_id, status, order_no, status = 'HELD' AND expires_at <= now() AS outlived
    FROM reservation WHERE schedule_id = e.schedule_id AND seat_no = e.seat_no
    ORDER BY active, rev DESC LIMIT 1) r ON true
