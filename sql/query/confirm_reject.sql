-- Rejects, and gives the money back: a FAILED order ($7, LATE_PAYMENT), or a READY one whose seat is live for someone
-- else ($10, SEAT_TAKEN). Only where the facts that were read still hold; an event without a row in the result was left
-- alone. Locks and plans as in confirm_settle, wallets last. Many may lose to one winner: the ORDER BY of `able` keeps its row from
-- being changed before all of them have locked it (who meets a row of its own making in FOR UPDATE gets none).
--
-- The kept payment ($9) is REFUNDED; money that came without one is recorded and REFUNDED at once. One refund a payment.
-- The winner's reservation gets a new rev: the copy in Redis may still show the seat as pending for the loser.
WITH event AS (
    SELECT DISTINCT ON (order_no) *
    FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::bigint[], $5::text[], $6::bigint[], $7::bool[], $8::bool[],
                $9::uuid[], $10::uuid[], $11::uuid[], $12::uuid[])
        WITH ORDINALITY AS e (event_id, order_no, user_id, schedule_id, seat_no, amount, late, approved, kept_id,
                              winner_id, payment_id, refund_id, place)
    ORDER BY order_no, place
), doomed AS MATERIALIZED (
    SELECT e.* FROM event e CROSS JOIN LATERAL (
        SELECT 1 FROM payment_order o
        WHERE o.order_no = e.order_no
            AND CASE WHEN o.status = CASE WHEN e.late THEN 'FAILED' ELSE 'READY' END
                          AND o.user_id = e.user_id AND o.schedule_id = e.schedule_id
                          AND o.seat_no = e.seat_no AND o.amount = e.amount
                          AND (o.approved_at IS NOT NULL) = e.approved THEN true END
        FOR UPDATE) o
), funded AS MATERIALIZED (
    SELECT e.*, p.status AS kept_status, p.method AS kept_method, COALESCE(p.amount, e.amount) AS money
    FROM (SELECT * FROM doomed ORDER BY order_no) e LEFT JOIN LATERAL (
        SELECT p.status, p.method, p.amount FROM payment p
        WHERE p.id = e.kept_id AND CASE WHEN p.status <> 'FAILED' THEN true END
        FOR UPDATE) p ON true
    WHERE e.kept_id IS NULL OR p.status IS NOT NULL
), able AS MATERIALIZED (
    SELECT e.* FROM (SELECT * FROM funded ORDER BY winner_id) e LEFT JOIN LATERAL (
        SELECT r.id FROM reservation r
        WHERE r.id = e.winner_id
            AND CASE WHEN r.active IS NULL THEN NULL
                     WHEN r.user_id = e.user_id THEN r.status = 'CONFIRMED' AND r.order_no <> e.order_no
                     ELSE r.status = 'CONFIRMED' OR r.expires_at IS NULL OR r.expires_at > now() END
        FOR UPDATE) r ON true
    WHERE e.late OR r.id IS NOT NULL
    ORDER BY place
), won AS (
    UPDATE reservation r SET rev = nextval('seat_rev')
    WHERE r.id = ANY (ARRAY (SELECT winner_id FROM able WHERE NOT late))
    RETURNING r.id, r.rev, r.user_id, r.status
), cancelled AS (
    UPDATE payment_order o SET status = 'CANCELLED', updated_at = now(),
        fail_reason = (SELECT CASE WHEN a.late THEN 'LATE_PAYMENT' ELSE 'SEAT_TAKEN' END
                       FROM able a WHERE a.order_no = o.order_no)
    WHERE o.order_no = ANY (ARRAY (SELECT order_no FROM able))
), owed AS MATERIALIZED (
    SELECT *, COALESCE(kept_id, payment_id) AS refunded_id FROM able
    WHERE kept_id IS NULL OR kept_status IN ('PENDING', 'APPROVED')
), recorded AS (
    INSERT INTO payment (id, order_no, user_id, schedule_id, seat_no, amount, method, status, event_id)
    SELECT payment_id, order_no, user_id, schedule_id, seat_no, amount, 'CARD', 'REFUNDED', event_id
    FROM owed WHERE kept_id IS NULL
), given_back AS (
    UPDATE payment p SET status = 'REFUNDED', updated_at = now(),
        event_id = COALESCE(p.event_id, (SELECT w.event_id FROM owed w WHERE w.kept_id = p.id))
    WHERE p.id = ANY (ARRAY (SELECT kept_id FROM owed))
), refunded AS (
    INSERT INTO refund (id, payment_id, order_no, user_id, amount, reason, status)
    SELECT refund_id, refunded_id, order_no, user_id, money, CASE WHEN late THEN 'LATE_PAYMENT' ELSE 'SEAT_TAKEN' END, 'DONE'
    FROM owed
), points AS MATERIALIZED (
    SELECT order_no, user_id, refunded_id, money, sum(money) OVER (PARTITION BY user_id) AS sum,
        sum(money) OVER (PARTITION BY user_id ORDER BY place ROWS UNBOUNDED PRECEDING) AS so_far
    FROM owed WHERE kept_method = 'POINT' AND money > 0
), wallet AS (
    INSERT INTO point_wallet AS w (user_id, balance)
    SELECT user_id, sum(money) FROM points GROUP BY user_id ORDER BY user_id
    ON CONFLICT (user_id) DO UPDATE SET balance = w.balance + EXCLUDED.balance, updated_at = now()
    RETURNING w.user_id, w.balance
), history AS (
    INSERT INTO point_history (user_id, type, amount, balance_after, order_no, payment_id)
    SELECT p.user_id, 'REFUND', p.money, w.balance - p.sum + p.so_far, p.order_no, p.refunded_id
    FROM points p JOIN wallet w ON w.user_id = p.user_id ORDER BY p.user_id, p.so_far
), noted AS (
    INSERT INTO inbox (event_id, order_no, outcome) SELECT event_id, order_no, 'REJECTED' FROM able
)
SELECT a.place, w.rev, w.user_id, w.status, now() FROM able a LEFT JOIN won w ON w.id = a.winner_id
