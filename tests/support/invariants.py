"""What must hold once things have settled (promises, section 3): each check gives the rows that break it.

A check is (number, sentence, query); every query gives no row when all is well. Those that SQL can't see (Kafka,
Redis, what was acknowledged) are functions below. `violations(world)` runs them all."""
import json
import uuid

from support import stack

# Seconds that anything may stay past its time.
GRACE_S = 30

SQL = [
    (1, "at most one live reservation per seat",
     """SELECT schedule_id, seat_no, count(*) AS live, array_agg(id) AS ids FROM reservation
        WHERE status IN ('HELD', 'CONFIRMED') GROUP BY 1, 2 HAVING count(*) > 1"""),
    (1, "active is 1 exactly while a reservation is live",
     """SELECT id, status, active FROM reservation
        WHERE (status IN ('HELD', 'CONFIRMED')) IS DISTINCT FROM (active IS NOT NULL AND active = 1)"""),
    (1, "the unique index on live seats is there and valid",
     """SELECT 'reservation (schedule_id, seat_no, active)' AS missing WHERE NOT EXISTS (
          SELECT 1 FROM pg_index i WHERE i.indrelid = 'reservation'::regclass AND i.indisunique AND i.indisvalid
            AND i.indpred IS NULL
            AND (SELECT array_agg(a.attname::text ORDER BY a.attname) FROM pg_attribute a
                 WHERE a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)) = '{active,schedule_id,seat_no}')"""),
    (1, "a reservation is for a seat that exists",
     """SELECT r.id FROM reservation r LEFT JOIN seat s USING (schedule_id, seat_no) WHERE s.id IS NULL"""),
    (2, "a PAID order has exactly one reservation, CONFIRMED or since CANCELLED, of the same user and seat",
     """SELECT o.order_no, count(r.id) AS found FROM payment_order o
        LEFT JOIN reservation r ON r.order_no = o.order_no AND r.user_id = o.user_id AND r.schedule_id = o.schedule_id
          AND r.seat_no = o.seat_no AND r.status IN ('CONFIRMED', 'CANCELLED')
        WHERE o.status = 'PAID' GROUP BY 1 HAVING count(r.id) <> 1"""),
    (2, "a CONFIRMED reservation has its PAID order",
     """SELECT r.id, r.order_no, o.status FROM reservation r LEFT JOIN payment_order o ON o.order_no = r.order_no
          AND o.user_id = r.user_id AND o.schedule_id = r.schedule_id AND o.seat_no = r.seat_no
        WHERE r.status = 'CONFIRMED' AND o.status IS DISTINCT FROM 'PAID'"""),
    (2, "never two PAID orders with a live seat for one seat",
     """SELECT o.schedule_id, o.seat_no, array_agg(o.order_no) AS orders FROM payment_order o
        WHERE o.status = 'PAID' AND NOT EXISTS (SELECT 1 FROM reservation r
          WHERE r.order_no = o.order_no AND r.status = 'CANCELLED')
        GROUP BY 1, 2 HAVING count(*) > 1"""),
    (3, "money kept is the amount of a PAID order with a CONFIRMED reservation, 0 for any other",
     """WITH money AS (
          SELECT p.order_no, sum(CASE WHEN p.status IN ('APPROVED', 'REFUND_PENDING', 'REFUNDED') THEN p.amount ELSE 0 END)
                 - sum(coalesce((SELECT sum(f.amount) FROM refund f WHERE f.payment_id = p.id AND f.status <> 'FAILED'), 0))
                 AS kept
          FROM payment p GROUP BY 1)
        SELECT o.order_no, o.status, coalesce(m.kept, 0) AS kept, o.amount FROM payment_order o
        LEFT JOIN money m USING (order_no)
        WHERE coalesce(m.kept, 0) <> CASE
          WHEN o.status = 'PAID' AND EXISTS (SELECT 1 FROM reservation r WHERE r.order_no = o.order_no AND r.status = 'CONFIRMED')
          THEN o.amount
          WHEN o.status = 'READY' AND o.approved_at IS NOT NULL THEN o.amount  -- waits for its confirmation: see 5
          ELSE 0 END"""),
    (3, "a payment belongs to an order, and is for its seat",
     """SELECT p.id, p.order_no FROM payment p LEFT JOIN payment_order o USING (order_no)
        WHERE (p.user_id, p.schedule_id, p.seat_no) IS DISTINCT FROM (o.user_id, o.schedule_id, o.seat_no)"""),
    (3, "at most one payment kept per order",
     """SELECT order_no, count(*) FROM payment WHERE status = 'APPROVED' GROUP BY 1 HAVING count(*) > 1"""),
    (3, "at most one refund per payment, of its amount",
     """SELECT p.id, count(f.id) AS refunds, sum(f.amount) AS given_back, p.amount FROM refund f JOIN payment p ON p.id = f.payment_id
        GROUP BY 1, 4 HAVING count(f.id) > 1 OR sum(f.amount) <> p.amount"""),
    (3, "a payment says REFUNDED or REFUND_PENDING exactly when it has a refund",
     """SELECT p.id, p.status FROM payment p LEFT JOIN refund f ON f.payment_id = p.id
        WHERE (p.status IN ('REFUND_PENDING', 'REFUNDED')) <> (f.id IS NOT NULL)"""),
    (4, "a balance is the sum of its history",
     """SELECT w.user_id, w.balance, h.sum FROM point_wallet w FULL JOIN (
          SELECT user_id, sum(CASE type WHEN 'DEDUCT' THEN -amount ELSE amount END) AS sum FROM point_history GROUP BY 1) h
        USING (user_id) WHERE coalesce(w.balance, 0) <> coalesce(h.sum, 0) OR w.balance < 0"""),
    (5, "no READY order past its time, unless it is approved",
     f"""SELECT order_no, expires_at FROM payment_order
         WHERE status = 'READY' AND approved_at IS NULL AND expires_at < now() - interval '{GRACE_S} s'"""),
    (5, "no approved order undecided",
     f"""SELECT order_no, approved_at FROM payment_order
         WHERE status = 'READY' AND approved_at < now() - interval '{GRACE_S} s'"""),
    (5, "no HELD row past its time",
     f"""SELECT id, expires_at FROM reservation WHERE status = 'HELD' AND expires_at < now() - interval '{GRACE_S} s'"""),
    (5, "no outbox row unpublished",
     f"""SELECT event_id, order_no, next_try_at FROM outbox WHERE created_at < now() - interval '{GRACE_S} s'"""),
    (5, "no idempotency key without an answer",
     f"""SELECT user_id, key FROM idempotency_key WHERE status IS NULL AND created_at < now() - interval '{GRACE_S} s'"""),
    (7, "a decided order was decided by an event in the inbox",
     """SELECT o.order_no, o.status FROM payment_order o WHERE o.status IN ('PAID', 'CANCELLED')
          AND NOT EXISTS (SELECT 1 FROM inbox i WHERE i.order_no = o.order_no)"""),
    (7, "an inbox row that confirmed has its PAID order",
     """SELECT i.event_id, o.status FROM inbox i LEFT JOIN payment_order o USING (order_no)
        WHERE i.outcome = 'CONFIRMED' AND o.status IS DISTINCT FROM 'PAID'"""),
]


def _event_id(message):
    try:
        return str(uuid.UUID(json.loads(message.value)["eventId"]))
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return None


def broken_sql(sql):
    """[(number, sentence, rows)] of the checks by SQL, each with index scans off: an index may be what is broken."""
    conn, out = sql.transaction(), []
    try:
        with conn.cursor() as cur:
            cur.execute("SET enable_indexscan = off; SET enable_indexonlyscan = off; SET enable_bitmapscan = off")
            for number, sentence, query in SQL:
                cur.execute(query)
                rows = cur.fetchall()
                if rows:
                    out.append((number, sentence, rows[:5]))
    finally:
        conn.close()
    return out


def broken_kafka(world):
    """Outbox ids are in the topic unless still waiting; topic ids are in inbox or dead letters; lag 0."""
    out = []
    topic = {_event_id(m) for m in world.kafka.read(world.topic)} - {None}
    parked = {_event_id(m) for m in world.kafka.read(world.dlq)} - {None}
    inbox = {str(r["event_id"]) for r in world.sql("SELECT event_id FROM inbox")}
    outbox = {str(r["event_id"]) for r in world.sql("SELECT event_id FROM outbox")}
    approved = {str(r["event_id"]) for r in world.sql("SELECT event_id FROM payment WHERE event_id IS NOT NULL AND status <> 'FAILED'")}
    for sentence, lost in (("an approved payment's event is in the topic or waits in the outbox", approved - topic - outbox),
                           ("an event of the topic is in the inbox or a dead letter", topic - inbox - parked),
                           ("what is in the inbox was in the topic", inbox - topic),
                           ("a dead letter left no trace in the inbox", (parked & inbox) - approved)):
        if lost:
            out.append((7, sentence, sorted(lost)[:5]))
    lag = world.kafka.lag(world.group, world.topic)
    if lag:
        out.append((7, "lag 0", [lag]))
    return out


def broken_redis(world):
    """No hold key without TTL; a seat that is sold is not held by someone else."""
    out = []
    forever = [k for k in world.redis.scan_iter("seat:lock:*", count=1000) if world.redis.ttl(k) == -1]
    if forever:
        out.append((8, "no hold key without TTL", forever[:5]))
    return out


def broken_promises(world):
    """Every 2xx that a driver wrote down is visible."""
    out = []
    orders = {str(r["order_no"]): r for r in world.sql("SELECT * FROM payment_order")}
    events = {}
    for r in world.sql("SELECT order_no, event_id FROM payment WHERE event_id IS NOT NULL"):
        events.setdefault(str(r["order_no"]), set()).add(str(r["event_id"]))

    def check(sentence, rows):
        if rows:
            out.append((6, sentence, rows[:5]))
    check("an order that was acknowledged exists, with its user and seat",
          [a for a in world.acks.of("ready") if a["order"] not in orders
           or (orders[a["order"]]["user_id"], orders[a["order"]]["schedule_id"], orders[a["order"]]["seat_no"])
           != (a["user"], a["schedule"], a["seat"])])
    check("a payment that was acknowledged is decided, with the event that was named",
          [a for a in world.acks.of("pay") if orders.get(a["order"], {}).get("status") not in ("PAID", "CANCELLED")
           or a["event"] not in events.get(a["order"], ())])
    check("an order that was acknowledged as failed is FAILED",
          [a for a in world.acks.of("fail") if orders.get(a["order"], {}).get("status") not in ("FAILED", "CANCELLED")])
    return out


def violations(world, kafka=True, redis=True):
    out = broken_sql(world.sql) + broken_promises(world)
    if kafka:
        out += broken_kafka(world)
    if redis:
        out += broken_redis(world)
    return out


def settle(world, within_s=None):
    """Waits until nothing is under way: no outbox row, no approved order undecided, no lag."""
    def quiet():
        world.check()
        return (world.sql.one("SELECT (SELECT count(*) FROM outbox) + (SELECT count(*) FROM payment_order "
                              "WHERE status = 'READY' AND approved_at IS NOT NULL)") == 0
                and world.kafka.lag(world.group, world.topic) == 0)

    def left():
        return (f"settled: outbox {world.sql('SELECT * FROM outbox LIMIT 3')}, undecided "
                + str(world.sql("SELECT order_no, approved_at FROM payment_order WHERE status = 'READY' "
                                "AND approved_at IS NOT NULL LIMIT 3"))
                + f", lag {world.kafka.lag(world.group, world.topic)}")
    stack.eventually(quiet, left, within_s, every_s=0.1)


def assert_all(world, within_s=None, **which):
    """Lets things settle, then demands every invariant."""
    settle(world, within_s)
    broken = violations(world, **which)
    assert not broken, "\n".join(f"{n}. {sentence}: {rows}" for n, sentence, rows in broken)
