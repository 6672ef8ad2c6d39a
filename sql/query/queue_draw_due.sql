-- $1 at most so many. The schedules that have opened and whose draw is still to be made.
SELECT d.schedule_id
FROM queue_draw d
JOIN LATERAL (SELECT s.sale_opens_at FROM schedule s WHERE s.id = d.schedule_id OFFSET 0) AS s
    ON s.sale_opens_at <= now()
WHERE d.count IS NULL
LIMIT $1::bigint
