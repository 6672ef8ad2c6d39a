-- $1 schedule  $2 a seed, if there is none yet  $3 opens at. Its seed, and how many were drawn.
WITH known AS (
    SELECT seed, count FROM queue_draw WHERE schedule_id = $1::bigint
), made AS (
    INSERT INTO queue_draw AS d (schedule_id, seed, opens_at)
    SELECT $1::bigint, $2::bytea, $3::timestamptz WHERE NOT EXISTS (SELECT FROM known)
    -- Another was faster: its seed is read in its own transaction's wake, which a plain SELECT would not see.
    ON CONFLICT (schedule_id) DO UPDATE SET seed = d.seed
    RETURNING seed, count
)
SELECT seed, count FROM known UNION ALL SELECT seed, count FROM made
