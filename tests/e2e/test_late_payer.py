"""A holds and orders, A's hold is lost or runs out, B holds, pays and is confirmed, then A pays; and every other order
of the two. Never two PAID, never money kept without a seat.

The steps of each story run in the order given. `A.pay` and `B.pay` are the approval by the API; `decide` lets the
consumer (frozen before) see what was published."""
import itertools

import pytest

from support import invariants
from support.expect import ok, problem
from support.stack import eventually, together


def key(seat):
    return f"seat:lock:{{2}}:{seat}"


class Late:
    """A with an order, whose hold is then gone."""

    def __init__(self, world, api):
        self.world, self.seat = world, world.seat()
        self.a, self.b = world.buyer(api), world.buyer(api)
        self.a_order = self.a.must_ready(2, self.seat)
        self.b_order = None

    def lose_hold(self):
        self.world.redis.delete(key(self.seat))

    def run_out(self):
        self.lose_hold()
        self.world.sql("UPDATE payment_order SET expires_at = now() - interval '1 ms' WHERE order_no = %s", self.a_order)

    def b_orders(self):
        self.b_order = self.b.must_ready(2, self.seat)

    def paid(self):
        """Whose order is PAID, after everything is decided."""
        rows = [r for r in (self.world.settled(o) for o in (self.a_order, self.b_order) if o) if r["status"] == "PAID"]
        assert len(rows) <= 1, "the seat was sold twice"
        assert len(self.world.reservations(2, self.seat)) == len(rows)
        return rows[0]["user_id"] if rows else None

    def given_back(self, order):
        row = self.world.order(order)
        assert row["status"] == "CANCELLED", row
        assert [f["amount"] for f in self.world.refunds(order)] == [row["amount"]]
        assert [p["status"] for p in self.world.payments(order)][-1] in ("REFUND_PENDING", "REFUNDED")
        return row["fail_reason"]

    def nothing_taken(self, order):
        assert [p for p in self.world.payments(order) if p["status"] != "FAILED"] == []
        assert self.world.refunds(order) == []


@pytest.fixture
def late(world, api, consumer):
    return Late(world, api)


def test_a_whose_hold_was_lost_pays_after_b_was_confirmed(late):
    late.lose_hold()
    late.b_orders()
    assert late.b.pay(late.b_order).status == 202
    late.world.settled(late.b_order, "PAID")
    answer = late.a.pay(late.a_order)
    assert late.paid() == late.b.user
    if answer.status == 202:
        assert late.given_back(late.a_order) == "SEAT_TAKEN"
        assert ok(late.a.order(late.a_order))["payment"]["status"] in ("REFUND_PENDING", "REFUNDED")
        problem(late.a.pay(late.a_order), 409, "ORDER_NOT_PAYABLE")
    else:
        problem(answer, 409, "ORDER_NOT_PAYABLE")
        late.nothing_taken(late.a_order)


def test_a_whose_time_ran_out_pays_after_b_was_confirmed(late):
    late.run_out()
    late.b_orders()
    assert late.b.pay(late.b_order).status == 202
    late.world.settled(late.b_order, "PAID")
    problem(late.a.pay(late.a_order), 409, "ORDER_NOT_PAYABLE")
    assert late.paid() == late.b.user
    assert late.world.order(late.a_order)["fail_reason"] == "EXPIRED"
    late.nothing_taken(late.a_order)


def test_a_whose_time_ran_out_pays_before_b_does(late):
    late.run_out()
    late.b_orders()
    problem(late.a.pay(late.a_order), 409, "ORDER_NOT_PAYABLE")
    assert late.b.pay(late.b_order).status == 202
    assert late.paid() == late.b.user
    late.nothing_taken(late.a_order)


def test_a_whose_hold_runs_out_by_itself_and_b_who_comes_next(world, consumer):
    api = world.api(hold_ttl_s=1, payment_ttl_s=1)
    story = Late(world, api)
    eventually(lambda: story.b.hold(2, story.seat).status == 201, "the hold ends")
    b_order = ok(story.b.ready(2, story.seat), 201)["orderNo"]
    answers = together([lambda: story.a.pay(story.a_order), lambda: story.b.pay(b_order)])
    story.b_order = b_order
    assert answers[0].status == 409, answers[0]
    if answers[1].status == 202:
        assert story.paid() == story.b.user
    story.nothing_taken(story.a_order)
    api.stop()


def test_a_who_has_paid_keeps_the_seat_although_the_hold_is_lost(late, consumer):
    consumer.freeze()
    try:
        assert late.a.pay(late.a_order).status == 202
        late.lose_hold()
        problem(late.b.hold(2, late.seat), 409, "SEAT_HELD")
    finally:
        consumer.thaw()
    assert late.paid() == late.a.user


@pytest.mark.parametrize("first", ["A", "B", "both at once"])
@pytest.mark.parametrize("consumer_sees", ["each at once", "both together"])
def test_both_hold_an_order_and_both_pay(late, consumer, first, consumer_sees):
    late.lose_hold()
    late.b_orders()
    pays = {"A": lambda: late.a.pay(late.a_order), "B": lambda: late.b.pay(late.b_order)}
    if consumer_sees == "both together":
        consumer.freeze()
    try:
        if first == "both at once":
            got = dict(zip("AB", together([pays["A"], pays["B"]])))
        else:
            got = {who: pays[who]() for who in (first, "AB".replace(first, ""))}
    finally:
        consumer.thaw()
    assert set(a.status for a in got.values()) <= {202, 409} and any(a.status == 202 for a in got.values()), got
    winner = late.paid()
    assert winner is not None, "money was taken and nobody has the seat"
    for who, order, buyer in (("A", late.a_order, late.a), ("B", late.b_order, late.b)):
        if got[who].status == 409:
            problem(got[who], 409, "ORDER_NOT_PAYABLE")
            late.nothing_taken(order)
        elif winner != buyer.user:
            assert late.given_back(order) == "SEAT_TAKEN"


def test_money_for_a_failed_order_is_recorded_and_given_back_whoever_has_the_seat(late):
    """The event comes from elsewhere: the API itself would have refused."""
    late.run_out()
    late.world.settled(late.a_order, "FAILED")
    late.b_orders()
    late.world.publish(late.world.event(late.a_order, late.a.user, 2, late.seat))
    late.world.settled(late.a_order, "CANCELLED")
    assert late.given_back(late.a_order) == "LATE_PAYMENT"
    assert late.b.pay(late.b_order).status == 202
    assert late.paid() == late.b.user


@pytest.mark.parametrize("sequence", list(itertools.permutations(["A's event", "B's event", "A's order fails"])))
def test_events_of_both_in_every_order(late, consumer, sequence):
    """Both orders are READY; events are published by hand, the failing of A's order stands between them or not."""
    late.lose_hold()
    late.b_orders()
    w = late.world
    happenings = {
        "A's event": lambda: (w.publish(w.event(late.a_order, late.a.user, 2, late.seat)), w.consumed()),
        "B's event": lambda: (w.publish(w.event(late.b_order, late.b.user, 2, late.seat)), w.consumed()),
        "A's order fails": lambda: late.a.fail(late.a_order),
    }
    for step in sequence:
        happenings[step]()
    winner = late.paid()
    if sequence.index("A's event") < min(sequence.index("B's event"), sequence.index("A's order fails")):
        assert winner == late.a.user
        assert late.given_back(late.b_order) == "SEAT_TAKEN"
    else:
        assert winner == late.b.user
        reason = late.given_back(late.a_order)
        assert reason == ("LATE_PAYMENT" if sequence.index("A's order fails") < sequence.index("A's event") else "SEAT_TAKEN")


def test_after_every_order_of_the_two_all_invariants_hold(world, api, consumer):
    invariants.assert_all(world)
