-- The schedules of a concert; one row without a schedule when it has none that fit.
-- $1 concert  $2 after this id  $3 show from  $4 to (exclusive)  $5 status; NULL: any  $6 how many
SELECT s.id, c.id, s.show_at, s.sale_opens_at, s.status, c.queue_manage_required_yn = 'Y'
FROM concert c
LEFT JOIN LATERAL (
    SELECT * FROM schedule t
    WHERE t.concert_id = c.id AND t.id > $2::bigint
      AND ($3::timestamptz IS NULL OR t.show_at >= $3::timestamptz)
      AND ($4::timestamptz IS NULL OR t.show_at < $4::timestamptz)
      AND ($5::text IS NULL OR t.status = $5::text)
    ORDER BY t.id LIMIT $6::int) AS s ON true
WHERE c.id = $1::bigint
