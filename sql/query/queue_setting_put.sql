-- $1 schedule  $2 max active  $3 admitted per second  $4 paused. No row: there is no such schedule.
INSERT INTO queue_setting (schedule_id, max_active, admit_per_s, paused)
SELECT s.id, $2::bigint, $3::bigint, $4::boolean FROM schedule s WHERE s.id = $1::bigint
ON CONFLICT (schedule_id) DO UPDATE
SET max_active = EXCLUDED.max_active, admit_per_s = EXCLUDED.admit_per_s, paused = EXCLUDED.paused, updated_at = now()
RETURNING schedule_id
