-- $1 schedules. The first column is the place in $1.
SELECT p.n, s.id, s.concert_id, s.show_at, s.sale_opens_at, s.status, c.queue_manage_required_yn = 'Y'
FROM unnest($1::bigint[]) WITH ORDINALITY AS p (id, n)
JOIN schedule s ON s.id = p.id
JOIN concert c ON c.id = s.concert_id
