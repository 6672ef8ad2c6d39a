"""The waiting room in a daemon of its own: the failure table cell by cell, and what each half answers for the other."""
import time

import pytest

from support.expect import ok, problem
from support.fake_queue import CUT, HANG, UP, FakeQueue
from support.stack import eventually, together
from support.waiting_room import Room, steer

# A verdict on a queue that may be dead is waited for 1.5 s; a loaded machine may take a while longer.
VERDICT_S, LOADED_S = 1.5, 4


@pytest.fixture(scope="module")
def world_settings():
    return {"queue_wait_grace_s": 0, "queue_claim_ttl_s": 60}


@pytest.fixture(scope="module")
def queue(world):
    return world.api(role="queue")


@pytest.fixture(scope="module")
def booking(world, queue):
    return world.api(role="booking", queue_url=f"http://127.0.0.1:{queue.port}", queue_timeout_ms=300)


@pytest.fixture
def room(world, queue, booking):
    """All halves awake again afterwards."""
    yield Room(world, [queue], booking=[booking])
    if queue.alive():
        queue.thaw()
    else:
        queue.start()
    eventually(lambda: world.buyer(booking).hold(1, "A-1").code == "QUEUE_TOKEN_REQUIRED", "the queue is known to live")


def admitted(room):
    guest = room.guest()
    guest.must_enter()
    guest.await_status("ACTIVE")
    return guest


def bypassed(booking):
    return booking.metrics().get("ticket_queue_bypass_total", 0)


def die(queue, how):
    {"killed": queue.kill, "hung": queue.freeze}[how]()


DEATHS = pytest.mark.parametrize("how", ["killed", "hung"])


# --- each half ---

def test_a_daemon_knows_nothing_of_the_other_half(queue, booking):
    for path in ("/queue/status?scheduleId=1&userId=1", "/queue/serving?scheduleId=1", "/queue/ping", "/queue/draw?scheduleId=1",
                 "/queue/events?scheduleId=1&userId=1", "/queue/tokens/verify?scheduleId=1", "/queues/ping", "/api/queue/ping"):
        problem(booking.http.get(path), 404, "NOT_FOUND")
    for path in ("/queue/enter", "/queue/leave", "/queue/tokens/expire"):
        problem(booking.http.post(path, {"userId": 1, "scheduleId": 1, "token": "x"}), 404, "NOT_FOUND")
    for path in ("/concerts", "/concerts/1/schedules", "/schedules/1", "/schedules/1/seats", "/schedules/1/seats/events",
                 "/tickets/holds?scheduleId=1&userId=1", "/payment/orders/01890000-0000-7000-8000-000000000000?userId=1"):
        problem(queue.http.get(path), 404, "NOT_FOUND")
    for path in ("/tickets/hold", "/tickets/release", "/payment/ready", "/payment/mock-success", "/payment/mock-fail"):
        problem(queue.http.post(path, {"userId": 1, "scheduleId": 2, "seatNo": "A-1"}), 404, "NOT_FOUND")
    for api in (queue, booking):
        for path in ("/livez", "/readyz", "/metrics"):
            assert api.http.get(path).status == 200


# --- the queue answers ---

def test_token_valid(room, booking):
    guest = admitted(room)
    ok(guest.hold("Z-1"), 201)
    ok(guest.hold("Z-1"), 200)


def test_token_invalid_or_not_admitted(room):
    good = admitted(room)
    problem(room.guest().hold("Z-2", token=good.token), 403, "QUEUE_TOKEN_INVALID")
    problem(good.hold("Z-2", token="nonsense"), 403, "QUEUE_TOKEN_INVALID")
    good.expire()
    problem(good.hold("Z-2"), 403, "QUEUE_TOKEN_INVALID")
    room.steer_everywhere(0)
    waiting = room.guest()
    waiting.must_enter()
    problem(waiting.hold("Z-2"), 403, "QUEUE_NOT_ADMITTED")


def test_no_token_and_the_queue_lives(room, booking):
    before = bypassed(booking)
    problem(room.guest().hold("Z-1"), 403, "QUEUE_TOKEN_REQUIRED")
    assert bypassed(booking) == before


def test_the_gate_comes_after_the_schedule_and_before_the_seat(room, world):
    guest = admitted(room)
    problem(room.guest().hold("NOPE-1"), 403, "QUEUE_TOKEN_REQUIRED")
    problem(guest.hold("NOPE-1"), 404, "SEAT_NOT_FOUND")
    problem(guest.buyer().hold(999999, "Z-1"), 404, "SCHEDULE_NOT_FOUND")
    closed = world.schedule(concert=1, status="CLOSED")
    problem(guest.buyer().hold(closed, "Z-1"), 409, "SCHEDULE_CLOSED")


# --- the queue does not answer ---

@DEATHS
def test_token_and_no_answer(room, queue, how):
    guest = admitted(room)
    die(queue, how)
    start = time.monotonic()
    problem(guest.hold("Z-1"), 503, "QUEUE_UNAVAILABLE")
    assert time.monotonic() - start < 0.3 + LOADED_S
    # It stays so however long it is dead: whoever has a token waits for the queue's word.
    time.sleep(VERDICT_S)
    problem(guest.hold("Z-1"), 503, "QUEUE_UNAVAILABLE")


@DEATHS
def test_no_token_and_a_dead_queue(room, queue, booking, how):
    before = bypassed(booking)
    die(queue, how)
    passer = room.guest()
    start = time.monotonic()
    ok(passer.hold("Z-1"), 201)
    assert time.monotonic() - start < VERDICT_S + LOADED_S
    assert bypassed(booking) == before + 1
    assert [line for line in booking.log_lines() if line["event"] == "queue_bypassed"]
    problem(room.guest().hold("NOPE-1"), 404, "SEAT_NOT_FOUND")
    problem(room.guest().hold("Z-1"), 409, "SEAT_HELD")
    ok(passer.buyer().ready(room.schedule, "Z-1"), 201)


@DEATHS
def test_what_needs_no_token_goes_on_while_the_queue_is_dead(room, world, queue, how):
    first, second = admitted(room), admitted(room)
    ok(first.hold("Z-1"), 201)
    ok(second.hold("Z-2"), 201)
    die(queue, how)
    order = ok(first.buyer(token=False).ready(room.schedule, "Z-1"), 201)["orderNo"]
    assert first.buyer(token=False).pay(order).status == 202
    assert second.buyer(token=False).release(room.schedule, "Z-2").status == 204
    start = time.monotonic()
    ok(world.buyer(room.booking[0]).hold(2, world.seat(2)), 201)
    assert time.monotonic() - start < LOADED_S, "a concert without a queue waited for it"


@DEATHS
def test_back_again(room, queue, booking, world, how):
    guest = admitted(room)
    die(queue, how)
    ok(room.guest().hold("Z-1"), 201)
    if how == "killed":
        queue.start()
    else:
        queue.thaw()
    eventually(lambda: room.guest().hold("Z-2").code == "QUEUE_TOKEN_REQUIRED", "it is known to live")
    ok(guest.hold("Z-3"), 201)
    assert guest.place()["status"] == "ACTIVE"


def test_no_bypass_before_the_sale_opens(room, world, queue, booking):
    early = Room(world, [queue], opens="1 hour", booking=[booking])
    problem(early.guest().hold("Z-1"), 403, "QUEUE_TOKEN_REQUIRED")
    before = bypassed(booking)
    queue.kill()
    for seat in ("Z-1", "NOPE-1"):
        problem(early.guest().hold(seat), 503, "QUEUE_UNAVAILABLE")
    ok(room.guest().hold("Z-1"), 201)
    assert bypassed(booking) == before + 1


def test_no_bypass_while_the_operator_has_paused(room, world, queue, booking):
    room.steer(100, paused=True)
    before = bypassed(booking)
    queue.kill()
    for _ in range(3):
        problem(room.guest().hold("Z-1"), 503, "QUEUE_UNAVAILABLE")
    assert bypassed(booking) == before
    steer(booking, room.schedule, 100)  # either half takes the order
    eventually(lambda: room.guest().hold("Z-1").status == 201, "going on")


def test_no_bypass_when_it_is_switched_off(room, world, queue):
    strict = world.api(role="booking", queue_url=f"http://127.0.0.1:{queue.port}", queue_bypass="off")
    problem(room.guest().hold("Z-1", api=strict), 403, "QUEUE_TOKEN_REQUIRED")
    queue.kill()
    for _ in range(2):
        problem(room.guest().hold("Z-1", api=strict), 503, "QUEUE_UNAVAILABLE")
    assert bypassed(strict) == 0
    ok(world.buyer(strict).hold(2, world.seat(2)), 201)
    strict.stop()


def test_no_more_pass_than_may(room, world, queue):
    narrow = world.api(role="booking", queue_url=f"http://127.0.0.1:{queue.port}", queue_bypass_per_s=3)
    queue.kill()
    ok(room.guest().hold("Z-1", api=narrow), 201)
    time.sleep(1.1)
    start = time.monotonic()
    got = together([lambda i=i: room.guest().hold(f"Z-{i}", api=narrow) for i in range(2, 32)])
    seconds = time.monotonic() - start
    passed = [a for a in got if a.status == 201]
    for a in got:
        if a.status != 201:
            problem(a, 503, "QUEUE_UNAVAILABLE")
    assert 3 <= len(passed) <= 3 * (int(seconds) + 2), f"{len(passed)} in {seconds:.1f} s"
    assert bypassed(narrow) == len(passed) + 1
    narrow.stop()


# --- a queue that says odd things ---

@pytest.fixture
def odd(world):
    """A booking daemon that asks a queue of the test's. `odd(fake)`"""
    made = []

    def make(fake):
        made.append(world.api(role="booking", queue_url=fake.url + "/", queue_timeout_ms=300))
        return Room(world, [], booking=[made[-1]])
    yield make
    for d in made:
        d.stop()


def real_token(world, queue, room, user):
    """Signed by a real queue daemon: the booking daemon reads it before it asks."""
    there = Room(world, [queue], schedule=room.schedule)
    guest = there.guest(user)
    return guest.must_enter()["token"]


@pytest.mark.parametrize("says, code", [
    (HANG, "QUEUE_UNAVAILABLE"), (CUT, "QUEUE_UNAVAILABLE"), ((500, {}), "QUEUE_UNAVAILABLE"), ((404, {}), "QUEUE_UNAVAILABLE"),
    ((503, {"code": "UNAVAILABLE"}), "QUEUE_UNAVAILABLE"), ((200, b"<html>"), "QUEUE_UNAVAILABLE"),
    ((200, b"x" * 5000), "QUEUE_UNAVAILABLE"), ((301, {}), "QUEUE_UNAVAILABLE"), ((401, {}), "QUEUE_UNAVAILABLE"),
    ((403, {"code": "QUEUE_TOKEN_INVALID"}), "QUEUE_TOKEN_INVALID"), ((403, {"code": "QUEUE_NOT_ADMITTED"}), "QUEUE_NOT_ADMITTED"),
    ((200, {"userId": 1, "scheduleId": 1}), "QUEUE_TOKEN_INVALID"), ((200, {}), "QUEUE_TOKEN_INVALID")],
    ids=lambda v: str(v)[:40])
def test_what_is_no_word_of_a_queue_admits_nobody(world, queue, odd, says, code):
    with FakeQueue(verify=says) as fake:
        room = odd(fake)
        guest = room.guest()
        token = real_token(world, queue, room, guest.user)
        problem(guest.hold("Z-1", token=token), 503 if code == "QUEUE_UNAVAILABLE" else 403, code)
        # libcurl asks again when a connection that it had kept was closed meanwhile.
        assert set(fake.headers) == {(f"/queue/tokens/verify?scheduleId={room.schedule}", token)}


def test_dead_is_who_failed_every_ping_of_the_last_second(world, odd):
    """One answer in a while is a sign of life, and nobody gets past."""
    turn = iter(range(10**9))
    with FakeQueue(ping=lambda: UP if next(turn) % 3 == 0 else (503, {})) as fake:
        room = odd(fake)
        for _ in range(6):
            a = room.guest().hold("Z-1")
            assert a.code in ("QUEUE_TOKEN_REQUIRED", "QUEUE_UNAVAILABLE"), a
        assert bypassed(room.booking[0]) == 0
        for dead in ((503, {}), HANG, CUT):
            fake.ping = dead
            eventually(lambda: (a := room.guest().hold("Z-1")).status in (201, 409), "dead")
            fake.ping = UP
            eventually(lambda: room.guest().hold("Z-1").code == "QUEUE_TOKEN_REQUIRED", "alive")
        time.sleep(0.5)
        problem(room.guest().hold("Z-1"), 403, "QUEUE_TOKEN_REQUIRED")


def test_who_comes_without_a_token_waits_for_the_verdict(world, odd):
    with FakeQueue() as fake:
        room = odd(fake)
        problem(room.guest().hold("Z-1"), 403, "QUEUE_TOKEN_REQUIRED")
        fake.ping = (503, {})
        start = time.monotonic()
        ok(room.guest().hold("Z-1"), 201)
        assert 0.5 < time.monotonic() - start < VERDICT_S + LOADED_S


def test_concerts_without_a_queue_never_call_it(world, odd):
    with FakeQueue(ping=(503, {}), verify=(403, {"code": "QUEUE_TOKEN_INVALID"})) as fake:
        room = odd(fake)
        shop = room.booking[0]
        buyer = world.buyer(shop, headers={"Queue-Token": "whatever"})
        seat = world.seat(2)
        ok(buyer.hold(2, seat), 201)
        ok(world.buyer(shop).hold(2, world.seat(2)), 201)
        assert fake.asked["verify"] == 0 and bypassed(shop) == 0
