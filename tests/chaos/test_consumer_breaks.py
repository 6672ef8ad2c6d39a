"""The consumer killed before its commit, after it, between commit and offset; frozen and woken after the rebalance.

Steps are held still from outside: a row lock in PostgreSQL keeps a batch before its commit, a frozen Kafka keeps it
between commit and offset, a frozen Redis between commit and what follows."""
import random
import time

import pytest

from support import invariants
from support.expect import problem
from support.stack import eventually


class Batch:
    """Paid orders whose confirmation waits for a row lock of ours."""

    def __init__(self, w, api, n=8):
        self.w, self.api = w, api
        self.buyers, self.seats = [w.buyer(api) for _ in range(n)], w.seats(n, 5)
        self.orders = [b.must_ready(5, s) for b, s in zip(self.buyers, self.seats)]
        self.lock = None

    def pay(self):
        for b, o in zip(self.buyers, self.orders):
            assert b.pay(o).status == 202
        return self

    def hold_before_commit(self):
        """Takes the lock on all orders, pays, and returns when the consumer waits for it."""
        self.lock = self.w.sql.transaction()
        # Approved first, for the approval wants the lock too; the consumer must be still meanwhile.
        with self.lock.cursor() as cur:
            cur.execute("SELECT 1 FROM payment_order WHERE order_no = ANY(%s::uuid[]) FOR UPDATE", (self.orders,))

    def consumer_waits(self):
        eventually(self.w.waiting, "the consumer waits")

    def let_go(self):
        if self.lock:
            self.lock.rollback()
            self.lock.close()
            self.lock = None

    def statuses(self):
        return {self.w.order(o)["status"] for o in self.orders}

    def all_paid_once(self):
        for o, s, b in zip(self.orders, self.seats, self.buyers):
            self.w.settled(o, "PAID")
            assert [r["user_id"] for r in self.w.reservations(5, s, live=False)] == [b.user]
            assert [p["status"] for p in self.w.payments(o)] == ["APPROVED"]


@pytest.fixture
def w(fresh_world):
    return fresh_world()


def stuck_before_commit(w, api, consumer):
    """A batch that the consumer has fetched and can't commit."""
    consumer.freeze()
    ends = sum(w.kafka.ends(w.topic))
    batch = Batch(w, api).pay()
    eventually(lambda: sum(w.kafka.ends(w.topic)) == ends + len(batch.orders), "all of them are in the topic")
    batch.hold_before_commit()
    consumer.thaw()
    batch.consumer_waits()
    return batch


def warm(w, api):
    """One order through everything, so that all connections stand."""
    w.settled(w.buyer(api).must_pay(5, w.seat(5)), "PAID")
    w.consumed()


def test_killed_before_its_commit(w):
    api, consumer = w.api(), w.consumer(database_timeout_ms=60000)
    warm(w, api)
    batch = stuck_before_commit(w, api, consumer)
    consumer.kill()
    # What PostgreSQL has been sent it would carry out, COMMIT included: the transaction ends with its connection.
    w.end_waiting()
    batch.let_go()
    assert batch.statuses() == {"READY"} and not any(w.reservations(5, s) for s in batch.seats)
    consumer.start()
    batch.all_paid_once()
    invariants.assert_all(w)


def test_killed_between_commit_and_offset(w, servers):
    api, consumer = w.api(), w.consumer(database_timeout_ms=60000)
    warm(w, api)
    before = w.kafka.committed(w.group, w.topic)
    batch = stuck_before_commit(w, api, consumer)
    servers.kafka.freeze()
    batch.let_go()
    for o in batch.orders:
        w.settled(o, "PAID")
    consumer.kill()
    servers.kafka.thaw()
    after = w.kafka.committed(w.group, w.topic)
    assert after == before, "the offset was committed although Kafka was frozen"
    consumer.start()
    w.consumed()
    batch.all_paid_once()
    invariants.assert_all(w)
    announced = {m.value for m in w.kafka.read(w.events)}
    for o in batch.orders:
        assert any(o.encode() in v for v in announced), "never announced on reservation.events"


def test_killed_between_commit_and_what_follows_in_redis(w, servers):
    api, consumer = w.api(), w.consumer(database_timeout_ms=60000)
    warm(w, api)
    batch = stuck_before_commit(w, api, consumer)
    servers.redis.freeze()
    batch.let_go()
    for o in batch.orders:
        w.settled(o, "PAID")
    consumer.kill()
    servers.redis.thaw()
    for s in batch.seats:
        w.redis.delete(f"seat:lock:{{5}}:{s}")
    consumer.start()
    w.consumed()
    batch.all_paid_once()
    for s in batch.seats:
        problem(w.buyer(api).hold(5, s), 409, ("SEAT_SOLD", "SEAT_HELD"))
    eventually(lambda: all(w.buyer(api).hold(5, s).code == "SEAT_SOLD" for s in batch.seats), "sold in Redis too", every_s=0.5)
    invariants.assert_all(w)


def test_killed_after_everything(w):
    api, consumer = w.api(), w.consumer()
    batch = Batch(w, api).pay()
    batch.all_paid_once()
    w.consumed()
    consumer.kill()
    consumer.start()
    batch.all_paid_once()
    invariants.assert_all(w)


def test_killed_at_random_moments_while_events_flow(w):
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    rng = random.Random(seed)
    api, consumer = w.api(), w.consumer()
    warm(w, api)
    batches = []
    for _ in range(6):
        batches.append(Batch(w, api, 12).pay())
        time.sleep(rng.uniform(0, 0.05))
        consumer.kill()
        consumer.start(ready=False)
    consumer.await_ready()
    for b in batches:
        b.all_paid_once()
    invariants.assert_all(w)


def test_frozen_with_a_batch_in_flight_and_woken_when_another_has_its_partitions(w):
    api, first = w.api(), w.consumer(database_timeout_ms=60000)
    warm(w, api)
    batch = stuck_before_commit(w, api, first)
    first.freeze()
    # Its transaction stands in PostgreSQL, waiting; the second one must not wait for it for ever.
    w.consumer(ready=False)
    batch.let_go()
    batch.all_paid_once()
    # Of all partitions, so the second has them all.
    more = Batch(w, api, 40).pay()
    more.all_paid_once()
    first.thaw()
    last = Batch(w, api).pay()
    last.all_paid_once()
    batch.all_paid_once()
    invariants.assert_all(w)


def test_while_it_is_away_seats_of_approved_payments_are_not_given_away(w):
    api, consumer = w.api(hold_ttl_s=1, payment_ttl_s=1), w.consumer()
    consumer.stop()
    batch = Batch(w, api, 4).pay()
    time.sleep(2.5)
    for s in batch.seats:
        problem(w.buyer(api).hold(5, s), 409, "SEAT_HELD")
    consumer.start()
    batch.all_paid_once()
    invariants.assert_all(w)
