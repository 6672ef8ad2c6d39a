"""A checker that never turns red proves nothing: here the data is broken on purpose, without any daemon."""
import json

import pytest

from support import invariants
from support.stack import MISSING, uuid7

A, B = 7, 8


def red(world, number, words):
    """The check of that number whose sentence has these words is among the broken ones."""
    broken = invariants.broken_sql(world.sql)
    assert [b for b in broken if b[0] == number and words in b[1]], f"not seen: {words}; seen: {broken}"


@pytest.fixture
def w(fresh_world):
    return fresh_world(topics=False)


def paid(w, user, seat, schedule=2, reserve=True, pay=True, inbox=True):
    """A bought seat as the daemons would leave it."""
    order, event = w.order_row(user, schedule, seat, status="PAID"), uuid7()
    if pay:
        w.sql("INSERT INTO payment (id, order_no, user_id, schedule_id, seat_no, amount, method, status, event_id) "
              "SELECT %s, order_no, user_id, schedule_id, seat_no, amount, 'CARD', 'APPROVED', %s FROM payment_order WHERE order_no = %s",
              uuid7(), event, order)
    if reserve:
        w.sql("INSERT INTO reservation (id, user_id, schedule_id, seat_no, status, active, order_no) "
              "VALUES (%s, %s, %s, %s, 'CONFIRMED', 1, %s)", uuid7(), user, schedule, seat, order)
    if inbox:
        w.sql("INSERT INTO inbox (event_id, order_no, outcome) VALUES (%s, %s, 'CONFIRMED')", event, order)
    return order


def refund(w, order, amount="amount"):
    w.sql(f"INSERT INTO refund (id, payment_id, order_no, user_id, amount, reason, status) "
          f"SELECT %s, id, order_no, user_id, {amount}, 'LATE_PAYMENT', 'DONE' FROM payment WHERE order_no = %s",
          uuid7(), order)


def test_fresh_data_and_a_bought_seat_break_nothing(w):
    assert invariants.broken_sql(w.sql) == []
    paid(w, A, "A-1")
    assert invariants.broken_sql(w.sql) == []


def test_a_late_payment_given_back_breaks_nothing_and_without_its_refund_turns_red(w):
    order = paid(w, A, "A-1", reserve=False)
    w.sql("UPDATE payment_order SET status = 'CANCELLED', fail_reason = 'LATE_PAYMENT' WHERE order_no = %s", order)
    w.sql("UPDATE inbox SET outcome = 'REJECTED'")
    red(w, 3, "money kept")
    refund(w, order)
    w.sql("UPDATE payment SET status = 'REFUNDED' WHERE order_no = %s", order)
    assert invariants.broken_sql(w.sql) == []
    w.sql("UPDATE refund SET amount = amount - 1")
    red(w, 3, "of its amount")


def test_a_second_refund_turns_red(w):
    order = paid(w, A, "A-1", reserve=False)
    w.sql("UPDATE payment_order SET status = 'CANCELLED' WHERE order_no = %s", order)
    w.sql("UPDATE payment SET status = 'REFUNDED'")
    w.sql("ALTER TABLE refund DROP CONSTRAINT refund_once")
    refund(w, order)
    refund(w, order)
    red(w, 3, "at most one refund")


def test_a_double_sale_without_the_unique_index_turns_red(w):
    w.sql("ALTER TABLE reservation DROP CONSTRAINT reservation_seat_live")
    red(w, 1, "unique index")
    paid(w, A, "A-1")
    paid(w, B, "A-1")
    red(w, 1, "at most one live reservation")
    red(w, 2, "never two PAID")


def test_an_invalid_unique_index_turns_red(w):
    w.sql("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'reservation_seat_live'::regclass")
    red(w, 1, "unique index")


def test_a_paid_order_without_a_seat_turns_red(w):
    paid(w, A, "A-1", reserve=False)
    red(w, 2, "PAID order has exactly one")


def test_a_paid_order_with_another_users_seat_turns_red(w):
    paid(w, A, "A-1")
    w.sql("UPDATE reservation SET user_id = %s", B)
    red(w, 2, "PAID order has exactly one")
    red(w, 2, "CONFIRMED reservation has its PAID order")


def test_a_seat_without_an_order_turns_red(w):
    w.sql("INSERT INTO reservation (id, user_id, schedule_id, seat_no, status, active) "
          "VALUES (%s, %s, 2, 'A-1', 'CONFIRMED', 1)", uuid7(), A)
    red(w, 2, "CONFIRMED reservation has its PAID order")


def test_a_seat_without_money_turns_red(w):
    paid(w, A, "A-1", pay=False)
    red(w, 3, "money kept")


def test_a_decision_without_its_inbox_row_turns_red(w):
    paid(w, A, "A-1", inbox=False)
    red(w, 7, "decided by an event")


def test_a_wrong_balance_turns_red(w):
    w.sql("UPDATE point_wallet SET balance = balance - 1 WHERE user_id = 3")
    red(w, 4, "balance")


@pytest.mark.parametrize("words, statement", [
    ("READY order past", "INSERT INTO payment_order (order_no, user_id, schedule_id, seat_no, amount, expires_at) "
                         "VALUES (%s, 7, 2, 'A-1', 150000, now() - interval '31 s')"),
    ("approved order undecided", "INSERT INTO payment_order (order_no, user_id, schedule_id, seat_no, amount, approved_at) "
                                 "VALUES (%s, 7, 2, 'A-1', 150000, now() - interval '31 s')"),
    ("HELD row past", "INSERT INTO reservation (id, user_id, schedule_id, seat_no, status, active, expires_at) "
                      "VALUES (%s, 7, 2, 'A-1', 'HELD', 1, now() - interval '31 s')"),
    ("outbox row", "INSERT INTO outbox (event_id, order_no, next_try_at, created_at) "
                   "VALUES (%s, gen_random_uuid(), now(), now() - interval '31 s')"),
    ("idempotency key", "INSERT INTO idempotency_key (user_id, key, request_hash, created_at) "
                        "VALUES (7, %s, '', now() - interval '31 s')"),
])
def test_what_is_stuck_turns_red(w, words, statement):
    w.sql(statement, uuid7())
    red(w, 5, words)


def test_a_promise_that_was_not_kept_turns_red(w):
    order = paid(w, A, "A-1")
    event = str(w.sql.one("SELECT event_id FROM payment"))
    w.acks.rows += [{"what": "ready", "user": A, "schedule": 2, "seat": "A-1", "order": order},
                    {"what": "pay", "user": A, "order": order, "event": event}]
    assert invariants.broken_promises(w) == []
    w.acks.rows += [{"what": "pay", "user": A, "order": order, "event": uuid7()}]
    assert len(invariants.broken_promises(w)) == 1, "another event than the one that was named"
    w.acks.rows += [{"what": "ready", "user": A, "schedule": 2, "seat": "A-1", "order": uuid7()}]
    assert len(invariants.broken_promises(w)) == 2, "an order that is not there"
    w.sql("UPDATE payment_order SET status = 'READY'")
    assert "is decided" in str(invariants.broken_promises(w))


def test_without_the_inbox_and_with_lost_events_kafkas_checks_turn_red(fresh_world):
    w = fresh_world()
    order = paid(w, A, "A-1")
    event = str(w.sql.one("SELECT event_id FROM payment"))
    assert "is in the topic" in str(invariants.broken_kafka(w)), "the event was never published"
    w.publish(w.event(order, A, 2, "A-1", event_id=event))
    w.kafka.commit(w.group, w.topic, w.kafka.ends(w.topic))
    assert invariants.broken_kafka(w) == []
    w.sql("DELETE FROM inbox")
    assert "in the inbox or a dead letter" in str(invariants.broken_kafka(w))
    w.publish(b"{ no json", key=b"2:A-1")
    assert "lag 0" in str(invariants.broken_kafka(w))
    poison = w.event(order, A, 2, "A-1", event_id=uuid7())
    w.kafka.produce(w.dlq, json.dumps(poison).encode(), b"2:A-1")
    w.sql("INSERT INTO inbox (event_id, order_no, outcome) VALUES (%s, %s, 'DUPLICATE')", poison["eventId"], order)
    assert "no trace in the inbox" in str(invariants.broken_kafka(w))


def test_a_hold_without_an_end_turns_red(w):
    w.redis.set("seat:lock:{2}:A-1", "7", ex=100)
    assert invariants.broken_redis(w) == []
    w.redis.set("seat:lock:{2}:A-2", "7")
    assert "TTL" in str(invariants.broken_redis(w))


def test_an_event_field_can_be_left_out(w):
    assert "method" not in w.event(uuid7(), A, 2, "A-1", method=MISSING)
