-- Makes, in one go, those READY orders that nothing stands in the way of: the seat has no live reservation and nobody has
-- paid for it, and the user has no READY order for it and stays within the limit. Calls are sorted by user, and only the
-- first of each user is looked at.
-- Whatever differs in any way is not returned, and is decided with care (order_ready).
-- $1 order_no  $2 user  $3 schedule  $4 seat  $5 amount  $6 the hold's remaining ms  $7 limit
-- The plain INSERT is a guard: where a number exists, all of the batch is decided with care. It inserts in the order of
-- the arrays, so that two batches with the same numbers wait for each other in one direction only.
-- A plan made while the tables are empty must stay good, and read no more than a seat's or a user's rows: ORDER BY is only
-- had from the seats' index, in which live rows come first; BETWEEN is of use to an index only behind the user, and keeps
-- the user's count away from that one, without a bitmap for each call.
WITH free AS MATERIALIZED (
    SELECT c.*, now() + c.remaining_ms * interval '1 millisecond' AS expires_at
    FROM unnest($1::uuid[], $2::bigint[], $3::bigint[], $4::text[], $5::bigint[], $6::bigint[], $7::bigint[])
        WITH ORDINALITY AS c (order_no, user_id, schedule_id, seat_no, amount, remaining_ms, seat_limit, n)
    WHERE c.user_id IS DISTINCT FROM ($2::bigint[])[c.n - 1]
      AND (SELECT r.active FROM reservation r
           WHERE r.schedule_id = c.schedule_id AND r.seat_no = c.seat_no ORDER BY r.active LIMIT 1) IS NULL
      AND NOT EXISTS (
          SELECT FROM payment p
          WHERE p.schedule_id = c.schedule_id AND p.seat_no = c.seat_no AND p.status IN ('PENDING', 'APPROVED') OFFSET 0)
      -- At least as many as count: some may have run out, or be of one seat. NULL, which is never less: one is of this seat.
      AND c.seat_limit > (
          SELECT CASE WHEN bool_or(o.seat_no = c.seat_no) THEN NULL ELSE count(*) END FROM payment_order o
          WHERE o.user_id = c.user_id AND o.schedule_id = c.schedule_id AND o.status = 'READY') + (
          SELECT count(*) FROM reservation r
          WHERE r.user_id = c.user_id AND r.schedule_id BETWEEN c.schedule_id AND c.schedule_id AND r.active = 1)
), made AS (
    INSERT INTO payment_order (order_no, user_id, schedule_id, seat_no, amount, expires_at)
    SELECT order_no, user_id, schedule_id, seat_no, amount, expires_at FROM free
)
SELECT n, expires_at FROM free
