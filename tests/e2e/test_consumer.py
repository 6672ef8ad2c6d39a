"""The consumer daemon: every row of contract section 6 with raw events, poison of every kind, what it says afterwards."""
import json

import pytest

from support import invariants
from support.expect import is_time, is_uuid7, ok, problem
from support.stack import MISSING, eventually, uuid7

PAYMENT_DONE = ("REFUND_PENDING", "REFUNDED")


class Case:
    """An order for a fresh seat, made by SQL alone."""

    def __init__(self, world, status="READY", expires="5 minutes", schedule=2):
        self.w, self.schedule, self.seat, self.user = world, schedule, world.seat(schedule), world.user()
        self.order_no = world.order_row(self.user, schedule, self.seat, status, expires=expires)

    def event(self, **more):
        return self.w.event(self.order_no, self.user, self.schedule, self.seat, **more)

    def send(self, **more):
        e = self.event(**more)
        self.w.publish(e)
        return e

    def row(self):
        return self.w.order(self.order_no)

    def confirmed(self):
        row = self.w.settled(self.order_no, "PAID")
        live = self.w.reservations(self.schedule, self.seat)
        assert [(r["status"], r["user_id"], str(r["order_no"])) for r in live] == [("CONFIRMED", self.user, self.order_no)]
        assert [(p["status"], p["amount"]) for p in self.w.payments(self.order_no)] == [("APPROVED", row["amount"])]
        return live[0]

    def given_back(self, reason):
        row = self.w.settled(self.order_no, "CANCELLED")
        assert row["fail_reason"] == reason
        assert [f["amount"] for f in self.w.refunds(self.order_no)] == [row["amount"]]
        assert [p["status"] in PAYMENT_DONE for p in self.w.payments(self.order_no) if p["status"] != "FAILED"] == [True]
        assert not [r for r in self.w.reservations(self.schedule, self.seat) if r["user_id"] == self.user]


@pytest.fixture
def case(world, consumer):
    return Case(world)


def inbox(world, event_id):
    return world.sql("SELECT * FROM inbox WHERE event_id = %s", event_id)


def said(world, order_no):
    """What is on reservation.events about an order: (message, value), in order."""
    found = [(m, json.loads(m.value)) for m in world.kafka.read(world.events)]
    return [(m, v) for m, v in found if v["orderNo"] == order_no]


def heard(world, order_no):
    return eventually(lambda: said(world, order_no), "an event on reservation.events", every_s=0.1)


# --- the decision table ---

def test_a_ready_order_for_a_free_seat_is_confirmed_and_its_card_payment_recorded(world, case):
    e = case.send()
    r = case.confirmed()
    p = world.payments(case.order_no)[0]
    assert (p["method"], p["status"], p["user_id"]) == ("CARD", "APPROVED", case.user)
    assert is_uuid7(str(r["id"])) and r["active"] == 1
    assert [i["outcome"] for i in inbox(world, e["eventId"])] == ["CONFIRMED"]


def test_whatever_expires_at_says(world, consumer):
    case = Case(world, expires="-1 hour")
    world.sql("UPDATE payment_order SET status = 'READY', fail_reason = NULL WHERE order_no = %s", case.order_no)
    case.send()
    case.confirmed()


def test_the_buyers_own_held_row_is_the_one_that_is_confirmed(world, case):
    rid = uuid7(2)
    world.sql("INSERT INTO reservation (id, user_id, schedule_id, seat_no, status, active, expires_at) "
              "VALUES (%s, %s, 2, %s, 'HELD', 1, now() + interval '1 minute')", rid, case.user, case.seat)
    case.send()
    assert str(case.confirmed()["id"]) == rid


def test_the_buyers_own_held_row_although_its_time_is_over(world, case):
    world.sql("INSERT INTO reservation (id, user_id, schedule_id, seat_no, status, active, expires_at) "
              "VALUES (%s, %s, 2, %s, 'HELD', 1, now() - interval '1 minute')", uuid7(2), case.user, case.seat)
    case.send()
    case.confirmed()


def test_someone_elses_held_row_whose_time_is_over_gives_way(world, case):
    rid, other = uuid7(2), world.user()
    world.sql("INSERT INTO reservation (id, user_id, schedule_id, seat_no, status, active, expires_at) "
              "VALUES (%s, %s, 2, %s, 'HELD', 1, now() - interval '1 s')", rid, other, case.seat)
    case.send()
    case.confirmed()
    assert world.sql("SELECT status, active FROM reservation WHERE id = %s", rid) == [{"status": "EXPIRED", "active": None}]


def test_someone_elses_live_held_row_wins_and_the_money_goes_back(world, case):
    rid = uuid7(2)
    world.sql("INSERT INTO reservation (id, user_id, schedule_id, seat_no, status, active, expires_at) "
              "VALUES (%s, %s, 2, %s, 'HELD', 1, now() + interval '1 hour')", rid, world.user(), case.seat)
    case.send()
    case.given_back("SEAT_TAKEN")
    assert world.sql.one("SELECT status FROM reservation WHERE id = %s", rid) == "HELD"
    world.sql("UPDATE reservation SET status = 'CANCELLED', active = NULL WHERE id = %s", rid)


def test_a_seat_that_is_confirmed_for_someone_else_stays_and_the_money_goes_back(world, case):
    case.send()
    case.confirmed()
    late = Case(world)
    late.seat = case.seat
    world.sql("UPDATE payment_order SET seat_no = %s WHERE order_no = %s", case.seat, late.order_no)
    e = late.send()
    late.given_back("SEAT_TAKEN")
    assert [i["outcome"] for i in inbox(world, e["eventId"])] == ["REJECTED"]
    case.confirmed()


def test_a_failed_orders_money_is_recorded_and_given_back_although_the_seat_is_free(world, consumer):
    case = Case(world, status="FAILED")
    case.send()
    case.given_back("LATE_PAYMENT")
    assert world.reservations(2, case.seat) == []


def test_a_seat_that_was_given_back_can_be_confirmed_again(world, case):
    case.send()
    case.confirmed()
    world.sql("UPDATE reservation SET status = 'CANCELLED', active = NULL WHERE order_no = %s", case.order_no)
    world.sql("INSERT INTO refund (id, payment_id, order_no, user_id, amount, reason, status) "
              "SELECT %s, id, order_no, user_id, amount, 'CANCELLED', 'DONE' FROM payment WHERE order_no = %s", uuid7(), case.order_no)
    world.sql("UPDATE payment SET status = 'REFUNDED' WHERE order_no = %s", case.order_no)
    again = Case(world)
    again.seat = case.seat
    world.sql("UPDATE payment_order SET seat_no = %s WHERE order_no = %s", case.seat, again.order_no)
    again.send()
    again.confirmed()


@pytest.mark.parametrize("status", ["READY", "FAILED"])
def test_the_same_event_a_hundred_times_is_one_effect(world, consumer, status):
    case = Case(world, status=status)
    e = case.event()
    value, key = json.dumps(e).encode(), f"2:{case.seat}".encode()
    for _ in range(100):
        world.kafka.enqueue(world.topic, value, key)
    world.kafka.flush()
    world.consumed()
    case.confirmed() if status == "READY" else case.given_back("LATE_PAYMENT")
    assert len(inbox(world, e["eventId"])) == 1
    assert len({v["eventId"] for _, v in heard(world, case.order_no)}) == 1
    world.kafka.produce(world.topic, value, key, partition=0)
    world.kafka.produce(world.topic, value, key, partition=1)
    world.consumed()
    case.confirmed() if status == "READY" else case.given_back("LATE_PAYMENT")


@pytest.mark.parametrize("status, done", [("READY", "PAID"), ("FAILED", "CANCELLED")])
def test_another_event_for_a_decided_order_changes_nothing(world, consumer, status, done):
    case = Case(world, status=status)
    case.send()
    world.settled(case.order_no, done)
    before = case.row()
    other = case.send()
    world.consumed()
    case.confirmed() if done == "PAID" else case.given_back("LATE_PAYMENT")
    assert case.row()["updated_at"] == before["updated_at"]
    assert not [m for m in world.kafka.read(world.dlq) if other["eventId"].encode() in (m.value or b"")], "parked"


def test_an_events_repetition_repairs_what_had_to_follow(world, api, case):
    """The mark in Redis is lost; the event comes again: the seat is sold in Redis too."""
    e = case.send()
    case.confirmed()
    world.consumed()
    for k in world.redis.scan_iter("seat:*"):
        world.redis.delete(k)
    world.publish(e)
    world.consumed()
    problem(world.buyer(api).hold(2, case.seat), 409, "SEAT_SOLD")


def test_a_sold_seat_is_refused_after_an_event_from_elsewhere(world, api, case):
    case.send()
    case.confirmed()
    eventually(lambda: world.buyer(api).hold(2, case.seat).code == "SEAT_SOLD", "SEAT_SOLD")


def test_unknown_fields_headers_and_order_of_keys_do_not_matter(world, case):
    e = {"zzz": {"deep": [1, None, {"a": "좌석"}]}, **dict(reversed(list(case.event().items()))), "note": "x" * 5000}
    world.publish(e, headers=[("anything", b"\x00\xff"), ("ce_id", b"not a uuid"), ("traceparent", b"nonsense")])
    case.confirmed()


def test_an_event_without_a_key_or_with_another_is_decided_by_its_content(world, case):
    world.kafka.produce(world.topic, json.dumps(case.event()).encode(), None)
    case.confirmed()


def test_many_events_in_one_batch_each_get_their_own_decision(world, consumer):
    free = [Case(world) for _ in range(20)]
    failed = [Case(world, status="FAILED") for _ in range(10)]
    rivals = []
    for c in free[:10]:
        r = Case(world)
        r.seat = c.seat
        world.sql("UPDATE payment_order SET seat_no = %s WHERE order_no = %s", c.seat, r.order_no)
        rivals.append(r)
    consumer.freeze()
    try:
        for i, c in enumerate(free + failed + rivals):
            for k in range(1 + i % 3):
                world.kafka.enqueue(world.topic, json.dumps(c.event(event_id=c.__dict__.setdefault("eid", uuid7()))).encode(),
                                    f"2:{c.seat}".encode())
            world.kafka.enqueue(world.topic, b"poison %d" % i, f"2:{c.seat}".encode())
        world.kafka.flush()
    finally:
        consumer.thaw()
    world.consumed()
    for c in free:
        c.confirmed()
    for c in failed:
        c.given_back("LATE_PAYMENT")
    for c in rivals:
        c.given_back("SEAT_TAKEN")


# --- poison ---

def poisons(case, world):
    e = case.event()
    other = Case(world)
    used = other.send()
    other.confirmed()
    text = json.dumps(e)

    def without(name):
        return case.event(**{name: MISSING})
    return {
        "not JSON": b"{ no json",
        "empty": b"",
        "null": None,
        "a list": b"[]",
        "a word": b'"x"',
        "binary": bytes(range(256)),
        "cut short": text[:-20].encode(),
        "two objects": (text + text).encode(),
        "trailing NUL": text.encode() + b"\0",
        "invalid UTF-8": text.replace("CARD", "CA\udcff").encode("utf-8", "surrogateescape"),
        "a field twice": (text[:-1] + f', "orderNo": "{uuid7()}"}}').encode(),
        "too deep": (text[:-1] + ', "x": ' + "[" * 5000 + "]" * 5000 + "}").encode(),
        "900 kB": (text[:-1] + ', "method": "' + "C" * 900000 + '"}').encode(),
        **{f"no {name}": without(name) for name in e if name != "occurredAt"},
        "no occurredAt": without("occurredAt"),
        "null orderNo": {**e, "orderNo": None},
        "another type of event": {**e, "eventType": "PaymentFailedEvent"},
        "version 2": {**e, "version": 2},
        "version as text": {**e, "version": "1"},
        "an unknown order": {**e, "orderNo": uuid7()},
        "an order that is no uuid": {**e, "orderNo": "A-1"},
        "an event that is no uuid": {**e, "eventId": "A-1"},
        "another seat": {**e, "seatNo": world.seat()},
        "a seat that does not exist": {**e, "seatNo": "NOPE"},
        "a seat that can not be": {**e, "seatNo": "A-1\u0000"},
        "another schedule": {**e, "scheduleId": 4},
        "another user": {**e, "userId": e["userId"] + 1},
        "user 0": {**e, "userId": 0},
        "user as text": {**e, "userId": str(e["userId"])},
        "another amount": {**e, "amount": e["amount"] - 1},
        "a negative amount": {**e, "amount": -e["amount"]},
        "an amount with a fraction": {**e, "amount": e["amount"] + 0.5},
        "an amount beyond everything": text.replace(str(e["amount"]), "1e400").encode(),
        "an amount beyond bigint": {**e, "amount": 2**63},
        "amount true": {**e, "amount": True},
        "POINT without a debit": {**e, "method": "POINT"},
        "an unknown method": {**e, "method": "CASH"},
        "a time that is none": {**e, "occurredAt": "yesterday"},
        "an event id used for another order": {**e, "eventId": used["eventId"]},
    }


def test_poison_of_every_kind_goes_to_the_dead_letters_and_the_next_event_flows(world, case):
    """Each in the same partition, each followed by a good event."""
    good, at = {}, {}
    kinds = poisons(case, world)
    for what, value in kinds.items():
        raw = json.dumps(value).encode() if isinstance(value, dict) else value
        key = None if what == "a list" else f"key of {what}".encode()
        headers = [("traceparent", b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"), ("x-own", what.encode())]
        at[what] = (world.kafka.produce(world.topic, raw, key, headers, partition=7), key, raw)
        good[what] = Case(world)
        world.kafka.produce(world.topic, json.dumps(good[what].event()).encode(), f"2:{good[what].seat}".encode(), partition=7)
    world.consumed()
    parked = {int(dict(m.headers)["dlq.offset"]): m for m in world.kafka.read(world.dlq)
              if dict(m.headers)["dlq.topic"] == world.topic.encode() and dict(m.headers)["dlq.partition"] == b"7"}
    wrong = []
    for what, ((partition, offset), key, raw) in at.items():
        m = parked.get(offset)
        if m is None:
            wrong.append(f"{what}: not parked")
            continue
        h = dict(m.headers)
        if (m.key, m.value) != (key, raw) and not (raw == b"" and m.value in (b"", None)):
            wrong.append(f"{what}: key or value differ: {m.key!r} {(m.value or b'')[:80]!r}")
        if not h["dlq.reason"].decode("ascii").strip():
            wrong.append(f"{what}: no reason")
        if h.get("x-own") != what.encode():
            wrong.append(f"{what}: its own headers are lost")
        try:
            event_id = json.loads(raw)["eventId"]
        except (ValueError, TypeError, KeyError, RecursionError):
            continue
        if isinstance(event_id, str) and len(event_id) == 36 and what != "an event id used for another order":
            if inbox(world, event_id):
                wrong.append(f"{what}: a trace in the inbox")
    assert not wrong, "\n".join(wrong)
    for what, c in good.items():
        assert c.row()["status"] == "PAID", f"the event after poison '{what}' was not decided"
    # None of them moved the order that they spoke of.
    assert case.row()["status"] == "READY" and world.payments(case.order_no) == []
    case.send()
    case.confirmed()


def test_points_with_a_debit_are_good(world, consumer):
    """As POST /payments will leave it: an approved POINT payment and its debit."""
    case = Case(world)
    pid, eid = uuid7(), uuid7()
    user = case.user
    world.sql("INSERT INTO point_wallet (user_id, balance) VALUES (%s, 10000) ON CONFLICT (user_id) DO UPDATE SET balance = 10000", user)
    world.sql("DELETE FROM point_history WHERE user_id = %s", user)
    amount = case.row()["amount"]
    world.sql("INSERT INTO point_history (user_id, type, amount, balance_after) VALUES (%s, 'CHARGE', %s, %s)", user, 10000 + amount, 10000 + amount)
    world.sql("INSERT INTO payment (id, order_no, user_id, schedule_id, seat_no, amount, method, status, event_id) "
              "SELECT %s, order_no, user_id, schedule_id, seat_no, amount, 'POINT', 'APPROVED', %s FROM payment_order WHERE order_no = %s",
              pid, eid, case.order_no)
    world.sql("INSERT INTO point_history (user_id, type, amount, balance_after, order_no, payment_id) VALUES (%s, 'DEDUCT', %s, 10000, %s, %s)",
              user, amount, case.order_no, pid)
    world.sql("UPDATE payment_order SET approved_at = now() WHERE order_no = %s", case.order_no)
    case.send(event_id=eid, method="POINT")
    case.confirmed()


# --- what it says ---

def test_a_confirmation_is_announced(world, case):
    trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    e = case.event()
    world.publish(e, headers=[("traceparent", trace.encode())])
    r = case.confirmed()
    m, v = heard(world, case.order_no)[0]
    assert m.key == f"2:{case.seat}".encode()
    assert (v["eventType"], v["version"], v["reservationId"], v["userId"], v["scheduleId"], v["seatNo"], v["amount"]) == (
        "ReservationConfirmedEvent", 1, str(r["id"]), case.user, 2, case.seat, e["amount"])
    assert v["reason"] is None and is_time(v["occurredAt"]) and v["eventId"] != e["eventId"]
    assert trace.split("-")[1].encode() in dict(m.headers)["traceparent"]


@pytest.mark.parametrize("reason", ["SEAT_TAKEN", "LATE_PAYMENT"])
def test_a_rejection_is_announced_with_its_reason(world, consumer, reason):
    case = Case(world, status="FAILED" if reason == "LATE_PAYMENT" else "READY")
    if reason == "SEAT_TAKEN":
        first = Case(world)
        first.send()
        first.confirmed()
        case.seat = first.seat
        world.sql("UPDATE payment_order SET seat_no = %s WHERE order_no = %s", first.seat, case.order_no)
    case.send()
    case.given_back(reason)
    _, v = heard(world, case.order_no)[0]
    assert (v["eventType"], v["reason"], v["reservationId"], v["amount"]) == ("ReservationRejectedEvent", reason, None, case.row()["amount"])


def test_the_announcements_id_is_derived_from_its_cause(world, case):
    e = case.send()
    case.confirmed()
    first = heard(world, case.order_no)[0][1]
    world.publish(e)
    world.consumed()
    again = eventually(lambda: said(world, case.order_no), "announced", every_s=0.1)
    assert {v["eventId"] for _, v in again} == {first["eventId"]}


# --- the daemon ---

def test_offsets_are_committed_and_lag_is_measured(world, consumer, case):
    case.send()
    case.confirmed()
    world.consumed()
    assert world.kafka.lag(world.group, world.topic) == 0
    eventually(lambda: consumer.metrics().get("ticket_consumer_lag") == 0, "lag 0 in the metrics")
    m = consumer.metrics()
    assert m.get("ticket_confirmations_total", result="confirmed") > 0
    assert m.get("ticket_confirmations_total", result="duplicate") > 0
    assert m.get("ticket_confirmations_total", result="rejected") > 0
    assert m.get("ticket_confirmations_total", result="dead_letter") > 0
    assert m.get("ticket_confirm_latency_seconds_count") > 0 and m.types["ticket_confirm_latency_seconds"] == "histogram"


def test_a_second_consumer_shares_the_work(world, consumer):
    second = world.consumer()
    eventually(lambda: {k: v for (n, k), v in second.metrics().samples.items() if n == "ticket_consumer_lag"},
               "the second has partitions", every_s=0.2)
    cases = [Case(world) for _ in range(60)]
    for c in cases:
        world.kafka.enqueue(world.topic, json.dumps(c.event()).encode(), f"2:{c.seat}".encode())
    world.kafka.flush()
    for c in cases:
        c.confirmed()
    second.stop()
    last = Case(world)
    last.send()
    last.confirmed()


def test_group_offsets_that_are_lost_change_nothing(fresh_world):
    w = fresh_world()
    consumer = w.consumer()
    cases = [Case(w) for _ in range(5)] + [Case(w, status="FAILED") for _ in range(5)]
    for c in cases:
        c.send()
    w.consumed()
    consumer.stop()
    before = w.sql("SELECT order_no, status, updated_at FROM payment_order ORDER BY order_no")
    w.kafka.delete_group(w.group)
    consumer.start()
    w.consumed()
    assert w.sql("SELECT order_no, status, updated_at FROM payment_order ORDER BY order_no") == before
    invariants.assert_all(w)


def test_a_fresh_group_starts_at_the_earliest_event(fresh_world):
    w = fresh_world()
    case = Case(w)
    case.send()
    w.consumer()
    case.confirmed()


def test_a_confirmed_seat_ends_the_hold_in_redis(world, api, consumer):
    buyer, seat = world.buyer(api), world.seat()
    world.settled(buyer.must_pay(2, seat), "PAID")
    eventually(lambda: not world.redis.exists(f"seat:lock:{{2}}:{seat}"), "the hold's key goes")
    assert ok(buyer.holds(2))["items"] == []


def test_all_this_broke_nothing(world, consumer):
    world.sql("DELETE FROM payment_order WHERE status = 'READY' AND approved_at IS NULL")
    invariants.assert_all(world)
