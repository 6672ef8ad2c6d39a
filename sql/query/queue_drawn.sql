-- $1 schedule  $2 how many
UPDATE queue_draw SET count = $2::bigint, drawn_at = now() WHERE schedule_id = $1::bigint AND count IS NULL
