-- $1 event ids that Kafka has. A row that the relay has locked is being leased: published once more, then cleared.
WITH gone AS MATERIALIZED (
    SELECT event_id FROM outbox WHERE event_id = ANY ($1::uuid[]) ORDER BY event_id FOR UPDATE SKIP LOCKED
)
DELETE FROM outbox WHERE event_id = ANY (ARRAY (SELECT event_id FROM gone))
