-- Notes the ids of events whose order had been decided before. A row in the result: noted now; none: noted by someone
-- else, for whichever order: look again.
WITH event AS (
    SELECT * FROM unnest($1::uuid[], $2::uuid[]) WITH ORDINALITY AS e (event_id, order_no, place)
), noted AS (
    INSERT INTO inbox AS i (event_id, order_no, outcome)
    SELECT event_id, order_no, 'DUPLICATE' FROM event ORDER BY event_id
    ON CONFLICT (event_id) DO NOTHING
    RETURNING i.event_id, i.order_no
)
SELECT e.place FROM event e JOIN noted n ON n.event_id = e.event_id AND n.order_no = e.order_no
