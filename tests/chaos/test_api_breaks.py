"""The API killed before its commit, after it, after its 202; holds and orders survive it."""
import json
import socket

import pytest

from support import invariants
from support.expect import ok
from support.stack import eventually
from support.traffic import Traffic


@pytest.fixture
def w(fresh_world):
    return fresh_world()


def send_pay(api, buyer, order):
    """The request is sent, the answer not waited for."""
    s = socket.create_connection(("127.0.0.1", api.port), 30)
    body = json.dumps({"userId": buyer.user, "orderNo": order}).encode()
    s.sendall(b"POST /payment/mock-success HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
              % (len(body), body))
    return s


def test_killed_before_its_commit_leaves_no_trace_and_a_retry_succeeds(w):
    api, _ = w.api(database_timeout_ms=60000), w.consumer()
    buyer, seat = w.buyer(api), w.seat(5)
    order = buyer.must_ready(5, seat)
    lock = w.sql.transaction()
    with lock.cursor() as cur:
        cur.execute("SELECT 1 FROM payment_order WHERE order_no = %s FOR UPDATE", (order,))
    s = send_pay(api, buyer, order)
    eventually(w.waiting, "the approval waits for the lock")
    api.kill()
    s.close()
    w.end_waiting()
    lock.rollback()
    lock.close()
    assert w.order(order)["approved_at"] is None and w.payments(order) == []
    assert w.sql("SELECT 1 FROM outbox WHERE order_no = %s", order) == []
    api.start()
    assert buyer.pay(order).status == 202
    w.settled(order, "PAID")
    invariants.assert_all(w)


def test_killed_in_the_middle_of_its_commit_it_is_whole_or_not_at_all(w):
    api, _ = w.api(database_timeout_ms=60000), w.consumer()
    buyer, seat = w.buyer(api), w.seat(5)
    order = buyer.must_ready(5, seat)
    lock = w.sql.transaction()
    with lock.cursor() as cur:
        cur.execute("SELECT 1 FROM payment_order WHERE order_no = %s FOR UPDATE", (order,))
    s = send_pay(api, buyer, order)
    waiting = eventually(w.waiting, "the approval waits for the lock")
    api.kill()
    s.close()
    lock.rollback()
    lock.close()
    eventually(lambda: not w.sql("SELECT 1 FROM pg_stat_activity WHERE pid = ANY(%s)", waiting), "its connection is gone")
    approved = w.order(order)["approved_at"] is not None
    assert approved == bool(w.payments(order)) == bool(w.sql("SELECT 1 FROM outbox WHERE order_no = %s", order))
    api.start()
    assert buyer.pay(order).status in (200, 202)
    w.settled(order, "PAID")
    invariants.assert_all(w)


def test_killed_right_after_its_commit_the_order_is_final_without_a_retry(w):
    api, _ = w.api(), w.consumer()
    orders = []
    for _ in range(6):
        buyer, seat = w.buyer(api), w.seat(5)
        order = buyer.must_ready(5, seat)
        s = send_pay(api, buyer, order)
        eventually(lambda: w.order(order)["approved_at"], "committed", every_s=0.0005)
        api.kill()
        s.close()
        api.start()
        orders.append((buyer, order))
    for buyer, order in orders:
        w.settled(order, "PAID")
        assert buyer.pay(order).status == 200
    invariants.assert_all(w)


def test_killed_after_the_202_before_the_event_is_out_the_relay_publishes_it(w, servers):
    api, _ = w.api(), w.consumer()
    w.settled(w.buyer(api).must_pay(5, w.seat(5)), "PAID")
    servers.kafka.freeze()
    orders = [w.buyer(api).must_pay(5, w.seat(5)) for _ in range(10)]
    api.kill()
    servers.kafka.thaw()
    assert w.sql.one("SELECT count(*) FROM outbox") == 10
    api.start()
    for o in orders:
        w.settled(o, "PAID")
    eventually(lambda: api.metrics().get("ticket_payment_events_total", path="relay") >= 10, "by the relay")
    invariants.assert_all(w)


def test_another_daemon_publishes_what_the_dead_one_left(w, servers):
    first, second, _ = w.api(), w.api(), w.consumer()
    w.settled(w.buyer(first).must_pay(5, w.seat(5)), "PAID")
    servers.kafka.freeze()
    orders = [w.buyer(first).must_pay(5, w.seat(5)) for _ in range(5)]
    first.kill()
    servers.kafka.thaw()
    for o in orders:
        w.settled(o, "PAID")
    assert second.metrics().get("ticket_payment_events_total", path="relay") >= 5
    invariants.assert_all(w)


def test_holds_and_orders_survive_a_kill(w):
    api, _ = w.api(), w.consumer()
    a, b, seats = w.buyer(api), w.buyer(api), w.seats(2, 5)
    a.must_hold(5, seats[0])
    order = b.must_ready(5, seats[1])
    api.kill()
    api.start()
    ok(a.hold(5, seats[0]), 200)
    ok(b.ready(5, seats[1]), 200)
    assert b.pay(order).status == 202
    w.settled(order, "PAID")
    invariants.assert_all(w)


def test_killed_again_and_again_under_traffic(w):
    first, second, _ = w.api(), w.api(), w.consumer()
    with Traffic(w, [first, second]) as t:
        for i in range(8):
            before = t.paid()
            eventually(lambda: t.paid() > before + 5, "buyers buy")
            victim = (first, second)[i % 2]
            victim.kill()
            victim.start(ready=False)
        before = t.paid()
        eventually(lambda: t.paid() > before + 10, "buyers buy")
    assert not t.odd, t.odd[:3]
    invariants.assert_all(w)


def test_a_stop_under_traffic_loses_nothing(w):
    first, second, _ = w.api(), w.api(), w.consumer()
    with Traffic(w, [first, second]) as t:
        for i in range(4):
            before = t.paid()
            eventually(lambda: t.paid() > before + 10, "buyers buy")
            (first, second)[i % 2].restart()
    assert not t.odd, t.odd[:3]
    invariants.assert_all(w)
