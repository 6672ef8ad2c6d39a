"""Kafka killed, frozen, without room, without its dead-letter topic."""
import json
import time

import pytest

from support import invariants
from support.expect import ok, problem
from support.stack import eventually
from support.traffic import Traffic


@pytest.fixture
def w(fresh_world):
    return fresh_world()


def buy(w, api, n=1):
    """n orders, accepted."""
    return [w.buyer(api).must_pay(5, w.seat(5)) for _ in range(n)]


def test_while_kafka_is_dead_payments_are_accepted_and_drain_when_it_is_back(w, servers):
    api, _ = w.api(), w.consumer()
    w.settled(buy(w, api)[0], "PAID")
    servers.kafka.kill()
    orders = buy(w, api, 30)
    assert w.sql.one("SELECT count(*) FROM outbox") == 30
    eventually(lambda: api.metrics().get("ticket_outbox_pending") == 30, "30 rows pending")
    ready = api.http.get("/readyz?verbose")
    assert ready.status == 200
    eventually(lambda: "kafka" in api.http.get("/readyz").body.decode().lower(), "readyz names Kafka and stays 200")
    servers.kafka.start()
    for o in orders:
        w.settled(o, "PAID")
    invariants.assert_all(w)
    assert w.sql.one("SELECT count(*) FROM outbox") == 0


def test_while_kafka_is_frozen_nobody_waits_for_it(w, servers):
    api, _ = w.api(), w.consumer()
    w.settled(buy(w, api)[0], "PAID")
    servers.kafka.freeze()
    start = time.monotonic()
    orders = buy(w, api, 30)
    took = time.monotonic() - start
    time.sleep(max(0, 11 - took))  # beyond the producer's own deadline
    orders += buy(w, api, 5)
    servers.kafka.thaw()
    assert took < 10, "payments waited for Kafka"
    for o in orders:
        w.settled(o, "PAID")
    invariants.assert_all(w)
    ids = {}
    for m in w.kafka.read(w.topic):
        e = json.loads(m.value)
        ids.setdefault(e["orderNo"], set()).add(e["eventId"])
    assert all(len(v) == 1 for v in ids.values()), "an order with two events"


def test_an_outbox_that_is_full_refuses_payments_and_drops_nothing(w, servers):
    api, _ = w.api(outbox_max=10), w.consumer()
    w.settled(buy(w, api)[0], "PAID")
    servers.kafka.kill()
    accepted, refused = [], []
    for _ in range(40):
        buyer, seat = w.buyer(api), w.seat(5)
        order = buyer.must_ready(5, seat)
        a = buyer.pay(order)
        if a.status == 202:
            accepted.append(order)
        else:
            problem(a, 503, "UNAVAILABLE")
            refused.append((buyer, order))
    assert refused, "the cap was never reached"
    assert len(accepted) >= 10 and w.sql.one("SELECT count(*) FROM outbox") == len(accepted)
    for _, order in refused:
        assert w.payments(order) == []
    servers.kafka.start()
    for o in accepted:
        w.settled(o, "PAID")
    for buyer, order in refused:
        eventually(lambda: buyer.pay(order).status == 202, "accepted again", every_s=0.2)
        w.settled(order, "PAID")
    invariants.assert_all(w)


def test_traffic_while_kafka_dies_and_comes_back(w, servers):
    api, _ = w.api(), w.consumer()
    with Traffic(w, [api]) as t:
        eventually(lambda: t.paid() > 20, "buyers buy")
        servers.kafka.kill()
        before = t.paid()
        eventually(lambda: t.paid() > before + 50, "they go on")
        servers.kafka.start()
        before = t.paid()
        eventually(lambda: t.paid() > before + 20, "they go on")
    assert not t.odd and t.count("pay", 503) == 0 and t.count("hold", 503) == 0, t.seen
    invariants.assert_all(w)


def test_without_the_dead_letter_topic_the_partition_waits(w):
    api, _ = w.api(), w.consumer()
    w.settled(buy(w, api)[0], "PAID")
    w.consumed()
    w.kafka.delete_topic(w.dlq)
    eventually(lambda: not w.kafka.partitions(w.dlq), "the topic is gone")
    seat, user = w.seat(5), w.user()
    order = w.order_row(user, 5, seat)
    w.kafka.produce(w.topic, b"poison", b"k", partition=3)
    before = w.kafka.committed(w.group, w.topic)
    w.kafka.produce(w.topic, json.dumps(w.event(order, user, 5, seat)).encode(), b"k", partition=3)
    time.sleep(5)
    assert w.kafka.committed(w.group, w.topic)[3] == before[3], "the offset moved over an event that was nowhere kept"
    w.kafka.create_topic(w.dlq, 1)
    w.kafka.topics_settle(w.dlq)
    w.settled(order, "PAID")
    w.consumed()
    assert [m.value for m in w.kafka.read(w.dlq)] == [b"poison"]
    invariants.assert_all(w)


def test_reads_and_holds_do_not_mind_a_dead_kafka_at_the_start(w, servers):
    servers.kafka.kill()
    api = w.api(ready=False)

    def serves():
        try:
            return api.http.get("/livez").status == 200
        except OSError:
            api.check()
            return False
    eventually(serves, "livez answers")
    servers.kafka.start()
    w.consumer()
    api.await_ready()
    ok(api.http.get("/concerts"))
    w.settled(buy(w, api)[0], "PAID")
