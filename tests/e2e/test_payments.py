"""POST /payment/ready, mock-success, mock-fail, GET /payment/orders/{orderNo}, the job that ends orders."""
import json
import re
import threading
import time
from datetime import datetime, timezone

import pytest

from support.expect import is_time, is_uuid7, ok, problem, schedule_bits
from support.kafka import murmur2
from support.stack import PARTITIONS, eventually, together, uuid7


def when(text):
    return datetime.strptime(is_time(text), "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc).timestamp()


def key(schedule, seat):
    return f"seat:lock:{{{schedule}}}:{seat}"


def events_of(world, order):
    return [m for m in world.kafka.read(world.topic) if json.loads(m.value)["orderNo"] == order]


# --- ready ---

def test_an_order_says_its_number_amount_and_end(world, api):
    buyer, seat = world.buyer(api), world.seat(2, "R")
    buyer.must_hold(2, seat)
    r = ok(buyer.ready(2, seat), 201)
    assert (r["amount"], r["status"]) == (120000, "READY")
    assert schedule_bits(is_uuid7(r["orderNo"])) == 2
    row = world.order(r["orderNo"])
    assert (row["user_id"], row["schedule_id"], row["seat_no"], row["amount"], row["status"]) == (
        buyer.user, 2, seat, 120000, "READY")
    assert abs(row["expires_at"].timestamp() - when(r["expiresAt"])) < 0.01


def test_ready_again_is_200_and_the_same_order(world, api):
    buyer, seat = world.buyer(api), world.seat()
    buyer.must_hold(2, seat)
    first = ok(buyer.ready(2, seat), 201)
    assert ok(buyer.ready(2, seat), 200) == first
    assert world.sql.one("SELECT count(*) FROM payment_order WHERE schedule_id = 2 AND seat_no = %s", seat) == 1


def test_ready_at_the_same_moment_makes_one_order(world, api):
    buyer, seat = world.buyer(api), world.seat()
    buyer.must_hold(2, seat)
    got = together([lambda: buyer.ready(2, seat) for _ in range(20)])
    assert sorted(a.status for a in got) == [200] * 19 + [201], got
    assert len({a.json["orderNo"] for a in got}) == 1
    assert world.sql.one("SELECT count(*) FROM payment_order WHERE schedule_id = 2 AND seat_no = %s", seat) == 1


def test_who_does_not_hold_can_not_order(world, api):
    a, b, seat = world.buyer(api), world.buyer(api), world.seat()
    problem(a.ready(2, seat), 409, "HOLD_NOT_OWNED")
    b.must_hold(2, seat)
    problem(a.ready(2, seat), 409, ("HOLD_NOT_OWNED", "SEAT_HELD"))
    assert world.sql("SELECT 1 FROM payment_order WHERE user_id = %s", a.user) == []


def test_unknown_schedule_and_seat(world, api):
    problem(world.buyer(api).ready(999_999, "A-1"), 404, "SCHEDULE_NOT_FOUND")
    problem(world.buyer(api).ready(2, "NOPE-1"), 404, "SEAT_NOT_FOUND")


def test_after_a_failed_order_a_new_hold_makes_a_new_one(world, api):
    buyer, seat = world.buyer(api), world.seat()
    first = buyer.must_ready(2, seat)
    ok(buyer.fail(first))
    assert buyer.must_ready(2, seat) != first


def test_an_order_waits_at_least_the_payment_time_and_is_prolonged_once(world):
    api = world.api(hold_ttl_s=5, payment_ttl_s=60)
    buyer, seat = world.buyer(api), world.seat()
    buyer.must_hold(2, seat)
    assert world.redis.pttl(key(2, seat)) <= 5000
    r = ok(buyer.ready(2, seat), 201)
    left = world.redis.pttl(key(2, seat))
    assert 50_000 < left <= 60_500
    world.redis.pexpire(key(2, seat), 20_000)
    assert ok(buyer.ready(2, seat), 200)["orderNo"] == r["orderNo"]
    assert world.redis.pttl(key(2, seat)) <= 20_000, "prolonged a second time"
    api.stop()


def test_a_hold_with_enough_time_left_is_not_prolonged(world, api):
    buyer, seat = world.buyer(api), world.seat()
    buyer.must_hold(2, seat)
    world.redis.pexpire(key(2, seat), 120_000)
    r = ok(buyer.ready(2, seat), 201)
    assert world.redis.pttl(key(2, seat)) <= 120_000
    assert world.sql.one("SELECT %s::timestamptz <= now() + interval '121 s'", r["expiresAt"])


def test_a_payment_time_of_zero_never_prolongs(world):
    api = world.api(hold_ttl_s=30, payment_ttl_s=0)
    buyer, seat = world.buyer(api), world.seat()
    buyer.must_ready(2, seat)
    assert world.redis.pttl(key(2, seat)) <= 30_000
    api.stop()


def test_the_database_refuses_a_seat_that_someone_else_has_although_redis_forgot(world, api, consumer):
    a, b, c, seat, other = world.buyer(api), world.buyer(api), world.buyer(api), *world.seats(2)
    world.settled(a.must_pay(2, seat), "PAID")
    world.redis.set(key(2, seat), b.user, ex=100)  # as if the copy of sold seats did not know
    problem(b.ready(2, seat), 409, "SEAT_SOLD")
    world.redis.delete(key(2, seat))
    world.sql("INSERT INTO reservation (id, user_id, schedule_id, seat_no, status, active, expires_at) "
              "VALUES (%s, %s, 2, %s, 'HELD', 1, now() + interval '5 minutes')", uuid7(2), a.user, other)
    world.redis.set(key(2, other), c.user, ex=100)
    problem(c.ready(2, other), 409, "SEAT_HELD")
    assert world.sql("SELECT 1 FROM payment_order WHERE user_id IN (%s, %s)", b.user, c.user) == []
    world.redis.delete(key(2, other))
    world.sql("UPDATE reservation SET status = 'CANCELLED', active = NULL WHERE seat_no = %s AND schedule_id = 2", other)


def test_the_database_refuses_a_seat_with_someone_elses_approved_order(world, api, consumer):
    a, b, seat = world.buyer(api), world.buyer(api), world.seat()
    order = a.must_ready(2, seat)
    consumer.freeze()
    try:
        assert a.pay(order).status == 202
        world.redis.set(key(2, seat), b.user, ex=100)
        problem(b.ready(2, seat), 409, "SEAT_HELD")
    finally:
        consumer.thaw()
    world.settled(order, "PAID")


def test_the_database_knows_the_limit_per_user_although_redis_forgot(world, api, consumer):
    buyer, seats = world.buyer(api), world.seats(5)
    for s in seats[:4]:
        world.settled(buyer.must_pay(2, s), "PAID")
    world.redis.set(key(2, seats[4]), buyer.user, ex=100)
    problem(buyer.ready(2, seats[4]), 409, "HOLD_LIMIT_EXCEEDED")


# --- mock-success ---

def test_a_payment_is_accepted_becomes_an_event_and_ends_paid(world, api, consumer):
    buyer, seat = world.buyer(api), world.seat()
    order = buyer.must_ready(2, seat)
    p = buyer.pay(order)
    body = ok(p, 202)
    assert body["orderNo"] == order and body["status"] in ("READY", "PAID") and is_uuid7(body["eventId"])
    row = world.settled(order, "PAID")
    payments = world.payments(order)
    assert [(x["status"], x["method"], x["amount"], str(x["event_id"])) for x in payments] == [
        ("APPROVED", "CARD", 90000, body["eventId"])]
    seats = world.reservations(2, seat)
    assert [(r["status"], r["user_id"], str(r["order_no"])) for r in seats] == [("CONFIRMED", buyer.user, order)]
    assert row["reservation_id"] in (None, seats[0]["id"])
    again = ok(buyer.pay(order), 200)
    assert (again["status"], again["eventId"]) == ("PAID", body["eventId"])


def test_an_approved_payment_and_its_outbox_row_are_one(world, api, consumer):
    """While Kafka's answer is awaited the row is there; after the delivery it is gone."""
    buyer, seat = world.buyer(api), world.seat()
    order = buyer.must_ready(2, seat)
    assert buyer.pay(order).status == 202
    assert world.payments(order)[0]["status"] == "APPROVED"
    world.settled(order, "PAID")
    eventually(lambda: world.sql("SELECT 1 FROM outbox WHERE order_no = %s", order) == [], "the outbox row goes")


def test_paying_fifty_times_at_once_is_one_event(world, api, consumer):
    buyer, seat = world.buyer(api), world.seat()
    order = buyer.must_ready(2, seat)
    got = together([lambda: buyer.pay(order) for _ in range(50)])
    assert {a.status for a in got} <= {200, 202}, got
    assert len({a.json["eventId"] for a in got}) == 1
    world.settled(order, "PAID")
    world.consumed()
    assert len({json.loads(m.value)["eventId"] for m in events_of(world, order)}) == 1
    assert len(world.payments(order)) == 1


def test_an_unknown_order_and_one_that_is_no_uuid(world, api):
    buyer = world.buyer(api)
    problem(buyer.pay(uuid7()), 404, "ORDER_NOT_FOUND")
    problem(buyer.pay("A-1"), 400, "VALIDATION_FAILED", field="orderNo")
    problem(buyer.fail(uuid7()), 404, "ORDER_NOT_FOUND")
    problem(buyer.order(uuid7()), 404, "ORDER_NOT_FOUND")
    problem(buyer.order("not-a-uuid"), 400, "VALIDATION_FAILED")


def test_an_order_past_its_time_is_not_payable_and_nothing_is_taken(world, api):
    buyer, seat = world.buyer(api), world.seat()
    order = buyer.must_ready(2, seat)
    world.sql("UPDATE payment_order SET expires_at = now() WHERE order_no = %s", order)
    problem(buyer.pay(order), 409, "ORDER_NOT_PAYABLE")
    row = world.settled(order, "FAILED")
    assert row["fail_reason"] == "EXPIRED"
    assert [p for p in world.payments(order) if p["status"] != "FAILED"] == []
    assert events_of(world, order) == []


def test_the_event_is_what_the_contract_says(world, api, consumer):
    buyer, seat = world.buyer(api), world.seat(2, "VIP")
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    order = buyer.must_ready(2, seat)
    before = time.time()
    p = ok(api.http.post("/payment/mock-success", {"userId": buyer.user, "orderNo": order}, {"traceparent": trace}), 202)
    world.settled(order, "PAID")
    found = events_of(world, order)
    assert len(found) == 1
    m = found[0]
    assert m.key == f"2:{seat}".encode()
    assert m.partition == (murmur2(m.key) & 0x7FFFFFFF) % PARTITIONS, "partitioned as Java clients do"
    e = json.loads(m.value)
    at = e.pop("occurredAt")
    assert e == {"eventId": p["eventId"], "eventType": "PaymentCompletedEvent", "version": 1, "orderNo": order,
                 "userId": buyer.user, "scheduleId": 2, "seatNo": seat, "amount": 150000, "method": "CARD"}
    assert before - 2 <= when(at) <= time.time() + 2
    h = {k: v.decode() for k, v in m.headers}
    assert len(h) == len(m.headers), "a header twice"
    assert h["ce_id"] == p["eventId"] and h["ce_type"] == "PaymentCompletedEvent" and h["ce_specversion"] == "1.0"
    assert h["ce_source"] and h["ce_time"] == at and h["content-type"].startswith("application/json")
    assert re.fullmatch("00-4bf92f3577b34da6a3ce929d0e0e4736-[0-9a-f]{16}-[0-9a-f]{2}", h["traceparent"])


def test_a_user_in_the_body_who_is_not_the_owner_finds_no_order(world, api):
    a, b, seat = world.buyer(api), world.buyer(api), world.seat()
    order = a.must_ready(2, seat)
    # orders are open to all with TICKET_AUTH=off: reading is allowed
    assert ok(b.order(order))["userId"] == a.user


# --- mock-fail ---

def test_a_failed_payment_ends_the_order_and_frees_the_seat(world, api):
    a, b, seat = world.buyer(api), world.buyer(api), world.seat()
    order = a.must_ready(2, seat)
    o = ok(a.fail(order, "CARD_DECLINED"))
    assert o["orderNo"] == order and o["status"] == "FAILED"
    assert world.order(order)["fail_reason"] == "CARD_DECLINED"
    ok(b.hold(2, seat), 201)
    assert ok(a.fail(order))["status"] == "FAILED"
    assert world.redis.get(key(2, seat)) == str(b.user), "failing again let go of the next one's hold"
    problem(a.pay(order), 409, "ORDER_NOT_PAYABLE")


def test_after_the_approval_a_payment_can_not_fail(world, api, consumer):
    buyer, seat = world.buyer(api), world.seat()
    order = buyer.must_ready(2, seat)
    consumer.freeze()
    try:
        assert buyer.pay(order).status == 202
        problem(buyer.fail(order), 409, "ORDER_NOT_PAYABLE")
    finally:
        consumer.thaw()
    world.settled(order, "PAID")
    problem(buyer.fail(order), 409, "ORDER_NOT_PAYABLE")


def test_paying_and_failing_at_once_has_one_outcome(world, api, consumer):
    buyers = [world.buyer(api) for _ in range(10)]
    orders = [b.must_ready(2, world.seat()) for b in buyers]
    calls = [c for b, o in zip(buyers, orders) for c in (lambda b=b, o=o: b.pay(o), lambda b=b, o=o: b.fail(o))]
    got = together(calls)
    for i, order in enumerate(orders):
        paid, failed = got[2 * i], got[2 * i + 1]
        assert (paid.status, failed.status) in ((202, 409), (200, 409), (409, 200)), (paid, failed)
        row = world.settled(order)
        assert row["status"] == ("PAID" if paid.status in (200, 202) else "FAILED")


# --- orders ---

def test_an_order_tells_its_story(world, api, consumer):
    buyer, seat = world.buyer(api), world.seat()
    order = buyer.must_ready(2, seat)
    o = ok(buyer.order(order))
    assert {k: o[k] for k in ("orderNo", "userId", "scheduleId", "seatNo", "status", "amount", "failReason",
                              "reservationId", "payment")} == {
        "orderNo": order, "userId": buyer.user, "scheduleId": 2, "seatNo": seat, "status": "READY", "amount": 90000,
        "failReason": None, "reservationId": None, "payment": None}
    assert "method" in o and is_time(o["createdAt"]) <= is_time(o["updatedAt"])
    assert buyer.pay(order).status == 202
    world.settled(order, "PAID")
    o = ok(buyer.order(order))
    assert (o["status"], o["method"], o["payment"]["status"]) == ("PAID", "CARD", "APPROVED")
    reservation = world.reservations(2, seat)[0]["id"]
    assert is_uuid7(o["reservationId"]) == str(reservation)
    assert schedule_bits(o["reservationId"]) == 2
    assert o["updatedAt"] >= o["createdAt"]


def test_the_seat_map_follows_a_purchase(world, api, consumer):
    buyer, seat = world.buyer(api), world.seat()

    def status():
        seats = ok(api.http.get("/schedules/2/seats"))["seats"]
        return next(s["status"] for s in seats if s["seatNo"] == seat)
    assert status() == "AVAILABLE"
    order = buyer.must_ready(2, seat)
    eventually(lambda: status() == "HOLD", "HOLD is shown")
    assert buyer.pay(order).status == 202
    world.settled(order, "PAID")
    eventually(lambda: status() == "SOLD_OUT", "SOLD_OUT is shown")


# --- the job that ends orders ---

def test_a_ready_order_whose_time_ran_out_becomes_failed_and_its_seat_free(world, consumer):
    api = world.api(hold_ttl_s=1, payment_ttl_s=1)
    a, b, seat = world.buyer(api), world.buyer(api), world.seat()
    order = a.must_ready(2, seat)
    row = world.settled(order, "FAILED")
    assert row["fail_reason"] == "EXPIRED" and world.payments(order) == []
    assert world.sql.one("SELECT updated_at >= expires_at FROM payment_order WHERE order_no = %s", order), "too early"
    problem(a.pay(order), 409, "ORDER_NOT_PAYABLE")
    o = ok(a.order(order))
    assert (o["status"], o["failReason"], o["payment"]) == ("FAILED", "EXPIRED", None)
    eventually(lambda: b.hold(2, seat).status in (200, 201), "the seat is free")
    api.stop()


def test_an_approved_order_waits_however_long_its_confirmation_takes(world, consumer):
    api = world.api(hold_ttl_s=1, payment_ttl_s=1)
    a, b, seat = world.buyer(api), world.buyer(api), world.seat()
    consumer.freeze()
    try:
        order = a.must_pay(2, seat)
        assert eventually(lambda: world.sql.one("SELECT expires_at < now() - interval '2 s' OR expires_at = 'infinity' "
                                                "FROM payment_order WHERE order_no = %s", order), "its time is over")
        time.sleep(2.5)
        assert world.order(order)["status"] == "READY"
        problem(b.hold(2, seat), 409, "SEAT_HELD")
        assert ok(a.pay(order), 202)["status"] == "READY"
    finally:
        consumer.thaw()
    world.settled(order, "PAID")
    api.stop()


def test_two_daemons_end_each_order_once(world, consumer):
    first, second = world.api(hold_ttl_s=1, payment_ttl_s=1), world.api(hold_ttl_s=1, payment_ttl_s=1)
    orders = [world.buyer(first).must_ready(2, s) for s in world.seats(10)]
    for o in orders:
        assert world.settled(o, "FAILED")["fail_reason"] == "EXPIRED"
    ended = sum(d.metrics().get("ticket_orders_expired_total", 0) for d in (first, second, world.daemons[0]))
    assert ended >= 10
    first.stop()
    second.stop()


@pytest.mark.parametrize("round", range(3))
def test_paying_in_the_moment_of_expiry_is_paid_or_409_and_nothing_taken(world, consumer, round):
    api = world.api(hold_ttl_s=1, payment_ttl_s=1)
    buyers, seats = [world.buyer(api) for _ in range(12)], world.seats(12)
    orders = [b.must_ready(2, s) for b, s in zip(buyers, seats)]
    ends = [world.order(o)["expires_at"].timestamp() for o in orders]
    skew = time.time() - world.sql.one("SELECT extract(epoch FROM clock_timestamp())::float8")
    got = {}

    def pay(i):
        time.sleep(max(0, ends[i] + skew - time.time() + (i - 6) * 0.02))
        got[i] = buyers[i].pay(orders[i])
    threads = [threading.Thread(target=pay, args=(i,)) for i in range(12)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for i, order in enumerate(orders):
        row = world.settled(order)
        if got[i].status == 202:
            assert row["status"] == "PAID", (got[i], row)
        else:
            problem(got[i], 409, "ORDER_NOT_PAYABLE")
            assert (row["status"], row["fail_reason"]) == ("FAILED", "EXPIRED")
            assert [p for p in world.payments(order) if p["status"] != "FAILED"] == []
    api.stop()


def test_all_this_broke_nothing(everything_holds):
    pass
