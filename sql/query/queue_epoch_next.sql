-- $1 schedule  $2 birth. The epoch: 0 at first, the next one with another birth than the last.
INSERT INTO queue_epoch AS e (schedule_id, epoch, birth) VALUES ($1::bigint, 0, $2::bigint)
ON CONFLICT (schedule_id) DO UPDATE
SET epoch = e.epoch + (e.birth IS DISTINCT FROM EXCLUDED.birth)::int, birth = EXCLUDED.birth
RETURNING epoch
