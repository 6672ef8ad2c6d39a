"""Redis flushed, killed, brought back from an old snapshot, frozen, full, read-only."""
import time

import pytest

from support import invariants
from support.expect import ok, problem
from support.stack import eventually
from support.traffic import Traffic


@pytest.fixture
def w(fresh_world):
    return fresh_world()


class Sale:
    """In the middle of a sale: a sold seat, one of an approved and undecided payment, one with a READY order, one held."""

    def __init__(self, w):
        self.w = w
        self.api, self.consumer = w.api(), w.consumer()
        self.start()

    def start(self):
        w = self.w
        self.sold, self.pending, self.ordered, self.held = w.seats(4, 5)
        self.a, self.b, self.c, self.d = (w.buyer(self.api) for _ in range(4))
        self.sold_order = self.a.must_pay(5, self.sold)
        w.settled(self.sold_order, "PAID")
        w.consumed()
        self.consumer.freeze()
        self.pending_order = self.b.must_pay(5, self.pending)
        self.ready_order = self.c.must_ready(5, self.ordered)
        self.d.must_hold(5, self.held)
        return self

    def sold_and_pending_stay_refused(self):
        for _ in range(3):
            problem(self.w.buyer(self.api).hold(5, self.sold), 409, "SEAT_SOLD")
            problem(self.w.buyer(self.api).hold(5, self.pending), 409, "SEAT_HELD")

    def ends_well(self):
        self.consumer.thaw()
        self.w.settled(self.pending_order, "PAID")
        assert self.c.pay(self.ready_order).status == 202, "the owner of an order can't pay"
        self.w.settled(self.ready_order, "PAID")
        self.w.settled(self.w.buyer(self.api).must_pay(5, self.w.seat(5)), "PAID")
        invariants.assert_all(self.w)


def back(sale):
    """Until Redis answers again: then the answer is never wrong."""
    def answers():
        a = sale.w.buyer(sale.api).hold(5, sale.sold)
        assert a.status in (409, 503), f"a sold seat was given away: {a}"
        return a.status == 409
    eventually(answers, "holds are answered again", every_s=0.05)


def test_flushed_in_mid_sale(w, servers):
    sale = Sale(w)
    servers.redis.flushall()
    back(sale)
    sale.sold_and_pending_stay_refused()
    sale.ends_well()


def test_flushed_under_traffic(w, servers):
    api, _ = w.api(), w.consumer()
    with Traffic(w, [api]) as t:
        for _ in range(5):
            before = t.paid()
            eventually(lambda: t.paid() > before + 10, "buyers buy")
            servers.redis.flushall()
        before = t.paid()
        eventually(lambda: t.paid() > before + 10, "buyers buy")
    assert not t.odd, t.odd[:3]
    for r in w.sql("SELECT seat_no FROM reservation WHERE status = 'CONFIRMED' LIMIT 40"):
        problem(w.buyer(api).hold(5, r["seat_no"]), 409, ("SEAT_SOLD", "SEAT_HELD"))
    invariants.assert_all(w)


def test_killed_and_started_again(w, servers):
    sale = Sale(w)
    servers.redis.kill()
    problem(w.buyer(sale.api).hold(5, w.seat(5)), 503, "UNAVAILABLE")
    problem(sale.d.release(5, sale.held), 503, "UNAVAILABLE")
    assert ok(sale.b.pay(sale.pending_order), 202)
    assert ok(sale.c.order(sale.ready_order))["status"] == "READY"
    other = sale.c.pay(sale.ready_order)
    assert other.status == 202, "mock-success goes on without Redis"
    eventually(lambda: sale.api.http.get("/readyz").status == 503, "not ready")
    assert "redis" in sale.api.http.get("/readyz").body.decode().lower()
    servers.redis.start()
    back(sale)
    eventually(lambda: sale.api.http.get("/readyz").status == 200, "ready again")
    sale.sold_and_pending_stay_refused()
    sale.consumer.thaw()
    w.settled(sale.pending_order, "PAID")
    w.settled(sale.ready_order, "PAID")
    invariants.assert_all(w)


def test_the_consumer_goes_on_without_redis_and_redis_learns_it_later(w, servers):
    api, _ = w.api(), w.consumer()
    buyers, seats = [w.buyer(api) for _ in range(5)], w.seats(5, 5)
    orders = [b.must_ready(5, s) for b, s in zip(buyers, seats)]
    servers.redis.kill()
    for b, o in zip(buyers, orders):
        assert b.pay(o).status == 202
    for o in orders:
        w.settled(o, "PAID")
    w.consumed()
    servers.redis.start()

    def refused():
        got = [w.buyer(api).hold(5, s) for s in seats]
        assert not [a for a in got if a.status in (200, 201)], "a sold seat was given away"
        return all(a.code == "SEAT_SOLD" for a in got)
    eventually(refused, "Redis knows what was sold", every_s=0.3)
    invariants.assert_all(w)


def test_brought_back_from_an_old_snapshot(w, servers):
    """Its marker says that sold seats are loaded, and it has forgotten them."""
    sale = Sale(w)
    sale.consumer.thaw()
    w.settled(sale.pending_order, "PAID")
    snapshot = servers.redis.snapshot()
    first_sold = sale.sold
    sale.start()  # everything again with other seats, after the snapshot
    servers.redis.bring_back(snapshot)
    back(sale)
    sale.sold_and_pending_stay_refused()
    problem(w.buyer(sale.api).hold(5, first_sold), 409, "SEAT_SOLD")
    sale.ends_well()


def test_brought_back_from_an_old_snapshot_with_all_daemons_down_meanwhile(w, servers):
    api, consumer = w.api(), w.consumer()
    w.settled(w.buyer(api).must_pay(5, w.seat(5)), "PAID")
    snapshot = servers.redis.snapshot()
    seat = w.seat(5)
    w.settled(w.buyer(api).must_pay(5, seat), "PAID")
    api.stop()
    consumer.stop()
    servers.redis.bring_back(snapshot)
    api.start()
    consumer.start()
    problem(w.buyer(api).hold(5, seat), 409, "SEAT_SOLD")
    invariants.assert_all(w)


def test_frozen_the_answer_is_503_at_the_deadline_and_no_answer_is_mixed_up_after(w, servers):
    api, _ = w.api(), w.consumer()
    users, seats = [w.buyer(api) for _ in range(10)], w.seats(10, 5)
    w.buyer(api).must_hold(5, w.seat(5))
    servers.redis.freeze()
    start = time.monotonic()
    for b, s in zip(users, seats):
        problem(b.hold(5, s), 503, "UNAVAILABLE")
    took = time.monotonic() - start
    servers.redis.thaw()
    assert took < 20, f"{took:.1f} s for ten answers"
    eventually(lambda: w.buyer(api).holds(5).status == 200, "Redis answers")
    for b, s in zip(users, seats):
        def held():
            a = b.hold(5, s)
            assert a.status in (200, 201, 503), a
            return a.status != 503 and a.json["seatNo"] == s
        eventually(held, "its own seat")
        assert [i["seatNo"] for i in ok(b.holds(5))["items"]] == [s]


def test_full_and_read_only_are_503_and_heal(w, servers):
    api, _ = w.api(), w.consumer()
    r = servers.redis.client()
    w.buyer(api).must_hold(5, w.seat(5))
    r.config_set("maxmemory", 1)
    try:
        problem(w.buyer(api).hold(5, w.seat(5)), 503, "UNAVAILABLE")
    finally:
        r.config_set("maxmemory", 0)
    eventually(lambda: w.buyer(api).hold(5, w.seat(5)).status == 201, "holds go on")
    r.execute_command("REPLICAOF", "127.0.0.1", "1")
    try:
        problem(w.buyer(api).hold(5, w.seat(5)), 503, "UNAVAILABLE")
    finally:
        r.execute_command("REPLICAOF", "NO", "ONE")
    eventually(lambda: w.buyer(api).hold(5, w.seat(5)).status == 201, "holds go on")
    w.settled(w.buyer(api).must_pay(5, w.seat(5)), "PAID")
    invariants.assert_all(w)


def test_killed_under_traffic(w, servers):
    api, _ = w.api(), w.consumer()
    with Traffic(w, [api]) as t:
        for _ in range(2):
            before = t.paid()
            eventually(lambda: t.paid() > before + 15, "buyers buy")
            servers.redis.kill()
            time.sleep(0.5)
            servers.redis.start()
        before = t.paid()
        eventually(lambda: t.paid() > before + 15, "buyers buy")
    assert not t.odd, t.odd[:3]
    invariants.assert_all(w)
