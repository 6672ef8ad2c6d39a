-- One new READY order for each call, unless something stands in the way (enum ready_verdict): the careful statement, for
-- what order_ready_fast did not decide.
-- $1 order_no  $2 user  $3 schedule  $4 seat  $5 amount  $6 the hold's remaining ms  $7 limit
-- Calls for the same user and seat are one: the first makes the order, the others are told of it. Orders that are made
-- together count for the limit too: what goes beyond with them asks again, when they can be seen. A HELD row without an
-- end is live, as it is for the consumer.
WITH call AS MATERIALIZED (
    SELECT c.*, min(c.n) OVER (PARTITION BY c.user_id, c.schedule_id, c.seat_no) AS leader
    FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[])
        WITH ORDINALITY AS c (order_no, user_id, schedule_id, seat_no, amount, remaining_ms, seat_limit, n)
), judged AS MATERIALIZED (
    SELECT c.*, own.order_no AS own_order, own.amount AS own_amount, own.expires_at AS own_expires,
        CASE
            WHEN live.status = 'CONFIRMED' THEN 2
            WHEN live.user_id <> c.user_id AND coalesce(live.expires_at, 'infinity') > now() THEN 3
            WHEN EXISTS (
                SELECT FROM payment p
                JOIN LATERAL (
                    SELECT t.status, t.approved_at FROM payment_order t WHERE t.order_no = p.order_no LIMIT 1) AS o ON true
                WHERE p.schedule_id = c.schedule_id AND p.seat_no = c.seat_no AND p.user_id <> c.user_id
                  AND o.status = 'READY' AND o.approved_at IS NOT NULL) THEN 3
            WHEN own.order_no IS NOT NULL THEN 1
            WHEN c.seat_limit <= others.seats THEN 4
            ELSE 0
        END AS verdict, others.seats
    FROM call c
    LEFT JOIN LATERAL (
        SELECT r.status, r.user_id, r.expires_at, r.active FROM reservation r
        WHERE r.schedule_id = c.schedule_id AND r.seat_no = c.seat_no
        ORDER BY r.active LIMIT 1) AS live ON live.active = 1 -- live rows come first: see order_ready_fast
    LEFT JOIN LATERAL (
        SELECT o.order_no, o.amount, o.expires_at FROM payment_order o
        WHERE o.user_id = c.user_id AND o.schedule_id = c.schedule_id AND o.seat_no = c.seat_no
          AND o.status = 'READY' AND (o.approved_at IS NOT NULL OR o.expires_at > now())
        ORDER BY o.approved_at NULLS LAST, o.expires_at DESC LIMIT 1) AS own ON true
    LEFT JOIN LATERAL (
        SELECT count(*) AS seats FROM (
            SELECT o.seat_no FROM payment_order o
            WHERE o.user_id = c.user_id AND o.schedule_id = c.schedule_id AND o.seat_no <> c.seat_no
              AND o.status = 'READY' AND (o.approved_at IS NOT NULL OR o.expires_at > now())
            UNION
            SELECT r.seat_no FROM reservation r
            WHERE r.user_id = c.user_id AND r.schedule_id BETWEEN c.schedule_id AND c.schedule_id AND r.seat_no <> c.seat_no
              AND (r.status = 'CONFIRMED' OR r.status = 'HELD' AND coalesce(r.expires_at, 'infinity') > now())) AS s
        ) AS others ON own.order_no IS NULL
), fitting AS MATERIALIZED (
    -- A made order is not among `seats` of those made with it, or it would have been found as their own.
    SELECT *, row_number() OVER (PARTITION BY user_id, schedule_id ORDER BY n) + seats <= seat_limit AS fits
    FROM judged WHERE verdict = 0 AND n = leader
), made AS (
    -- In order: two batches that insert the same numbers wait for each other in one direction only.
    INSERT INTO payment_order (order_no, user_id, schedule_id, seat_no, amount, expires_at)
    SELECT order_no, user_id, schedule_id, seat_no, amount, now() + remaining_ms * interval '1 millisecond'
    FROM fitting WHERE fits ORDER BY user_id, order_no
    ON CONFLICT (order_no) DO NOTHING
    RETURNING order_no, user_id, schedule_id, seat_no, amount, expires_at
)
SELECT j.n,
    CASE
        WHEN j.verdict <> 0 THEN j.verdict
        WHEN m.order_no IS NOT NULL AND j.n = j.leader THEN 0
        WHEN m.order_no IS NOT NULL THEN 1
        -- The number exists: it has ended, or it was inserted after this statement began to read (6: ask again).
        WHEN j.n = j.leader AND EXISTS (SELECT FROM payment_order o WHERE o.order_no = j.order_no) THEN 5
        ELSE 6
    END AS verdict,
    coalesce(m.order_no, j.own_order) AS order_no,
    coalesce(m.amount, j.own_amount) AS amount,
    coalesce(m.expires_at, j.own_expires) AS expires_at
FROM judged j
LEFT JOIN made m USING (user_id, schedule_id, seat_no)
