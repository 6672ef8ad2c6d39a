-- $1 schedules, $2 how many are looked for at most. The places in $1 of those that have seats, and how many of these are
-- not sold: looked for is up to the last one wanted.
SELECT p.n, unsold.count
FROM unnest($1::bigint[]) WITH ORDINALITY AS p (id, n)
JOIN LATERAL (SELECT s.id FROM seat s WHERE s.schedule_id = p.id LIMIT 1) AS any_seat ON true
CROSS JOIN LATERAL (
    SELECT count(*)
    FROM (
        SELECT s.id
        FROM seat s
        LEFT JOIN LATERAL (
            SELECT r.id FROM reservation r
            WHERE r.schedule_id = s.schedule_id AND r.seat_no = s.seat_no AND r.active = 1 AND r.status = 'CONFIRMED'
            LIMIT 1) AS sold ON true
        WHERE s.schedule_id = p.id AND sold.id IS NULL
        LIMIT $2) AS wanted) AS unsold
