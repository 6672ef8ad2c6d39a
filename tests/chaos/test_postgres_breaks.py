"""PostgreSQL stopped, killed, frozen."""
import time

import pytest

from support import invariants
from support.expect import ok, problem
from support.stack import eventually
from support.traffic import Traffic


@pytest.fixture
def w(fresh_world):
    return fresh_world()


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_restarted_under_traffic(w, servers, how):
    api, _ = w.api(), w.consumer()
    with Traffic(w, [api]) as t:
        eventually(lambda: t.paid() > 20, "buyers buy")
        getattr(servers.postgres, how)()
        eventually(lambda: t.count("ready", 503) + t.count("pay", 503) > 0, "they hear 503")
        servers.postgres.start()
        before = t.paid()
        eventually(lambda: t.paid() > before + 20, "they go on buying")
    assert not t.odd, t.odd[:3]
    assert t.count("pay", "lost") == 0, "a request without an answer"
    invariants.assert_all(w)


def test_while_it_is_away_everything_that_needs_it_is_503_and_nothing_hangs(w, servers):
    api, consumer = w.api(), w.consumer()
    buyer, seat = w.buyer(api), w.seat(5)
    order = buyer.must_ready(5, seat)
    ready, other = w.buyer(api), w.seat(5)
    ready.must_hold(5, other)
    servers.postgres.kill()
    for call in (lambda: buyer.pay(order), lambda: ready.ready(5, other), lambda: buyer.order(order), lambda: buyer.fail(order),
                 lambda: api.http.get("/concerts")):
        problem(call(), 503, "UNAVAILABLE")
    eventually(lambda: api.http.get("/readyz").status == 503, "not ready")
    assert "postgres" in api.http.get("/readyz").body.decode().lower()
    assert api.http.get("/livez").status == 200 and consumer.http.get("/livez").status == 200
    servers.postgres.start()
    eventually(lambda: api.http.get("/readyz").status == 200, "ready again")
    assert buyer.pay(order).status == 202
    w.settled(order, "PAID")
    ok(ready.ready(5, other), 201)
    invariants.assert_all(w)


def test_frozen_the_answer_is_503_at_the_deadline_and_the_outcome_settles(w, servers):
    api, _ = w.api(database_timeout_ms=2000), w.consumer()
    buyers = [w.buyer(api) for _ in range(3)]
    orders = [b.must_ready(5, w.seat(5)) for b in buyers]
    servers.postgres.freeze()
    took = []
    for b, o in zip(buyers, orders):
        start = time.monotonic()
        problem(b.pay(o), 503, "UNAVAILABLE")
        took.append(time.monotonic() - start)
    servers.postgres.thaw()
    assert took[0] < 3.5 and max(took) < 10, f"not at the deadline of 2 s: {took}"
    for b, o in zip(buyers, orders):
        eventually(lambda: b.pay(o).status in (200, 202), "a retry settles it", every_s=0.2)
        w.settled(o, "PAID")
    invariants.assert_all(w)


def test_the_consumer_waits_for_it_and_never_parks_an_event(w, servers):
    api, consumer = w.api(), w.consumer()
    w.settled(w.buyer(api).must_pay(5, w.seat(5)), "PAID")
    w.consumed()
    cases = [(w.user(), s) for s in w.seats(10, 5)]
    orders = [w.order_row(u, 5, s) for u, s in cases]
    events = [w.event(o, u, 5, s) for o, (u, s) in zip(orders, cases)]
    w.sql.close()
    servers.postgres.kill()
    before = w.kafka.committed(w.group, w.topic)
    for e in events:
        w.publish(e)
    time.sleep(4)
    consumer.check()
    eventually(lambda: consumer.metrics().get("ticket_consumer_lag", 0) >= 10, "the lag is in the metrics")
    assert w.kafka.committed(w.group, w.topic) == before, "it skipped an event"
    assert w.kafka.read(w.dlq) == []
    servers.postgres.start()
    for o in orders:
        w.settled(o, "PAID")
    assert w.kafka.read(w.dlq) == []
    invariants.assert_all(w)


def test_connections_that_the_server_ends_are_replaced(w):
    api, _ = w.api(), w.consumer()
    w.settled(w.buyer(api).must_pay(5, w.seat(5)), "PAID")
    for _ in range(3):
        w.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
        buyer, seat = w.buyer(api), w.seat(5)
        assert buyer.hold(5, seat).status == 201
        eventually(lambda: buyer.ready(5, seat).status in (200, 201), "ready again", every_s=0.1)
        order = buyer.ready(5, seat).json["orderNo"]
        eventually(lambda: buyer.pay(order).status in (200, 202), "paid", every_s=0.1)
        w.settled(order, "PAID")
    invariants.assert_all(w)
