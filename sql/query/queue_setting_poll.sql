-- $1 schedules. The first column is the place in $1; schedules without a row of their own are left out.
SELECT p.n, q.max_active, q.admit_per_s, q.paused
FROM unnest($1::bigint[]) WITH ORDINALITY AS p (id, n)
JOIN queue_setting q ON q.schedule_id = p.id
