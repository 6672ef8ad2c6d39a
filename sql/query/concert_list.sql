-- $1 after this id  $2 how many
SELECT id, title, description, queue_manage_required_yn = 'Y'
FROM concert
WHERE id > $1::bigint ORDER BY id LIMIT $2::int
