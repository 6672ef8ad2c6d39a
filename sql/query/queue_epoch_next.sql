-- $1 schedule. The next epoch, 0 at first.
INSERT INTO queue_epoch AS e (schedule_id, epoch) VALUES ($1::bigint, 0)
ON CONFLICT (schedule_id) DO UPDATE SET epoch = e.epoch + 1
RETURNING epoch
