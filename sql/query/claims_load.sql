-- The latest truth of each seat of a schedule that was ever reserved or approved (enum seat_claim_kind): a live
-- reservation; else an approved undecided order; else free, since the last change. $1 schedule
SELECT DISTINCT ON (seat_no) seat_no, kind, rev, user_id
FROM (
    SELECT seat_no, user_id, rev,
        CASE status WHEN 'CONFIRMED' THEN 'S' WHEN 'HELD' THEN 'H' ELSE 'F' END AS kind,
        CASE WHEN active = 1 THEN 0 ELSE 2 END AS place
    FROM reservation WHERE schedule_id = $1::bigint
    UNION ALL
    SELECT o.seat_no, o.user_id, o.rev,
        CASE o.status WHEN 'READY' THEN 'P' ELSE 'F' END,
        CASE o.status WHEN 'READY' THEN 1 ELSE 2 END
    FROM payment p
    JOIN LATERAL (
        SELECT seat_no, user_id, status, approved_at, rev FROM payment_order WHERE order_no = p.order_no LIMIT 1) AS o ON true
    WHERE p.schedule_id = $1::bigint AND o.rev IS NOT NULL
      AND (o.status = 'CANCELLED' OR o.status = 'READY' AND o.approved_at IS NOT NULL)) AS known
ORDER BY seat_no, place, rev DESC
