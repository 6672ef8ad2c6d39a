-- A seat can have two live reservations only where the unique index is not there: its rows are counted only then.
SELECT x.pending, coalesce(extract(epoch FROM now() - x.oldest) * 1000, 0)::bigint,
    (SELECT count(*) FROM refund WHERE status IN ('PENDING', 'FAILED')),
    CASE WHEN EXISTS (
        SELECT FROM pg_index i
        WHERE i.indrelid = 'reservation'::regclass AND i.indisunique AND i.indisvalid AND i.indpred IS NULL
          AND i.indnkeyatts = 3 AND 3 = (
            SELECT count(*) FROM pg_attribute a
            WHERE a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey::int2[])
              AND a.attname IN ('schedule_id', 'seat_no', 'active')))
    THEN 0
    ELSE (SELECT count(*) FROM (
        SELECT FROM reservation WHERE active = 1 GROUP BY schedule_id, seat_no HAVING count(*) > 1) AS s)
    END
FROM (SELECT count(*) AS pending, min(created_at) AS oldest FROM outbox) AS x
