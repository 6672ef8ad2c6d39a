-- $1 schedules. The places in $1 of those whose seats are all sold: looked for is one that is not, up to the first.
SELECT p.n
FROM unnest($1::bigint[]) WITH ORDINALITY AS p (id, n)
JOIN LATERAL (SELECT s.id FROM seat s WHERE s.schedule_id = p.id LIMIT 1) AS any_seat ON true
LEFT JOIN LATERAL (
    SELECT s.id
    FROM seat s
    LEFT JOIN LATERAL (
        SELECT r.id FROM reservation r
        WHERE r.schedule_id = s.schedule_id AND r.seat_no = s.seat_no AND r.active = 1 AND r.status = 'CONFIRMED'
        LIMIT 1) AS sold ON true
    WHERE s.schedule_id = p.id AND sold.id IS NULL
    LIMIT 1) AS unsold ON true
WHERE unsold.id IS NULL
