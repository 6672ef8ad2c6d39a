-- $1 schedule  $2 with its seats. One row a seat, or one without.
SELECT s.id, s.concert_id, s.show_at, s.sale_opens_at, s.status, c.queue_manage_required_yn = 'Y',
    t.seat_no, t.grade, t.section, t.price
FROM schedule s
JOIN concert c ON c.id = s.concert_id
LEFT JOIN LATERAL (SELECT * FROM seat x WHERE x.schedule_id = s.id AND $2::boolean OFFSET 0) AS t ON true
WHERE s.id = $1::bigint
ORDER BY t.id
