"""The waiting room: entering, waiting, being admitted, losing the place, and what the token is good for. Two daemons, each
step at whichever's turn it is: nobody can tell them apart."""
import time

import pytest

from support.expect import is_time, ok, problem
from support.stack import eventually, together
from support.waiting_room import Room, steering


@pytest.fixture(scope="module")
def world_settings():
    return {"queue_active_ttl_s": 60, "queue_claim_ttl_s": 60, "queue_wait_grace_s": 0}


@pytest.fixture(scope="module")
def apis(world, api):
    return [api, world.api()]


@pytest.fixture
def room(world, apis):
    """Nobody is admitted until the test says so."""
    r = Room(world, apis)
    r.steer(0)
    return r


@pytest.fixture
def hasty(fresh_world):
    """A room whose daemons wait less long for people. Rules are the same on all daemons of a Redis: a world of its own."""
    def make(**settings):
        w = fresh_world(**{"queue_active_ttl_s": 60, "queue_claim_ttl_s": 60, "queue_wait_grace_s": 0, **settings})
        return Room(w, [w.api(), w.api()])
    return make


def admit(room, guest):
    room.steer(1000)
    return guest.await_status("ACTIVE")


# --- entering ---

def test_entering_gives_a_place_in_the_order_of_arrival(room, world):
    guests = room.guests(5)
    for i, g in enumerate(guests):
        p = g.must_enter()
        assert p["status"] == "WAITING" and p["rank"] == i + 1 and p["total"] == i + 1 and p["expiresAt"] is None, p
        assert p["token"] and p["pollAfterMs"] > 0
    numbers = [g.number for g in guests]
    assert numbers == sorted(numbers) and len(set(numbers)) == 5
    assert room.line() == [(g.user, g.number) for g in guests]
    for i, g in enumerate(guests):
        for api in room.apis:
            assert (g.place(api)["rank"], g.place(api)["total"]) == (i + 1, 5)


def test_entering_again_is_the_same_place_and_token_at_every_daemon(room):
    first, second = room.guests(2)
    p = first.must_enter()
    second.must_enter()
    for api in [*room.apis] * 2:
        again = first.must_enter(api)
        assert (again["number"], again["token"], again["rank"]) == (p["number"], p["token"], 1)
    assert len(room.line()) == 2


def test_many_tabs_at_once_are_one_place(room):
    guest = room.guest()
    got = together([lambda: ok(guest.enter()) for _ in range(16)])
    assert len({(p["number"], p["token"], p["rank"]) for p in got}) == 1
    assert room.users() == [guest.user]


def test_what_can_not_be_entered(room, world):
    guest = room.guest()
    http = room.any().http

    def enter(schedule, **more):
        return http.post("/queue/enter", {"userId": guest.user, "scheduleId": schedule, **more})
    problem(enter(999999), 404, "SCHEDULE_NOT_FOUND")
    problem(enter(2), 409, "QUEUE_NOT_REQUIRED")
    problem(enter(3), 409, "QUEUE_NOT_REQUIRED")  # it is CLOSED as well
    closed = world.schedule(concert=1, status="CLOSED")
    problem(enter(closed), 409, "SCHEDULE_CLOSED")
    problem(enter(room.schedule, concertId=2), 400, "VALIDATION_FAILED", field="concertId")
    ok(enter(room.schedule, concertId=1))
    for bad in ({"userId": guest.user}, {"userId": guest.user, "scheduleId": 0}, {"userId": guest.user, "scheduleId": "1"}):
        problem(http.post("/queue/enter", bad), 400, "VALIDATION_FAILED", field="scheduleId")


@pytest.mark.parametrize("path", ["/queues/enter", "/api/queue/enter", "/api/queues/enter"])
def test_every_name_of_the_path(room, path):
    guest = room.guest()
    assert ok(room.any().http.post(path, {"userId": guest.user, "scheduleId": room.schedule}))["status"] == "WAITING"


def test_who_never_entered_has_no_place(room):
    guest = room.guest()
    problem(guest.status(), 404, "NOT_IN_QUEUE")
    guest.leave()
    guest.leave()
    problem(guest.status(), 404, "NOT_IN_QUEUE")


# --- the way through ---

def test_admission_lasts_from_when_its_owner_first_sees_it(hasty):
    room = hasty(queue_active_ttl_s=2, queue_claim_ttl_s=60)
    guest = room.guest()
    guest.must_enter()
    eventually(lambda: room.active() == {guest.user}, "admitted")
    time.sleep(2.3)  # longer than it lasts, but nobody has seen it
    p = guest.place()
    assert p["status"] == "ACTIVE" and p["rank"] == 0 and p["etaSeconds"] == 0 and is_time(p["expiresAt"])
    assert guest.place()["expiresAt"] == p["expiresAt"], "seen again, it lasts no longer"
    assert guest.must_enter()["expiresAt"] == p["expiresAt"]
    v = ok(guest.verify())
    assert (v["userId"], v["scheduleId"], v["status"]) == (guest.user, room.schedule, "ACTIVE")
    assert 1 <= v["expiresInSeconds"] <= 2
    assert guest.await_status("EXPIRED")["rank"] is None
    problem(guest.verify(), 403, "QUEUE_TOKEN_INVALID")
    again = guest.must_enter()
    assert again["status"] in ("WAITING", "ACTIVE") and again["number"] > p["number"]


def test_an_admission_that_nobody_claims_goes_to_the_next(hasty):
    room = hasty(queue_active_ttl_s=60, queue_claim_ttl_s=1)
    room.steer(1)
    first, second = room.guests(2)
    first.must_enter()
    second.must_enter()
    second.await_status("ACTIVE")
    assert first.place()["status"] == "EXPIRED"


def test_who_is_silent_for_longer_than_the_grace_is_dropped_and_ranks_move_up(hasty):
    room = hasty(queue_wait_grace_s=3)
    room.steer(0)
    silent, asking, verifying = room.guests(3)
    for g in (silent, asking, verifying):
        g.must_enter()
    left = set()

    def gone():
        asking.place()
        problem(verifying.verify(), 403, "QUEUE_NOT_ADMITTED")
        left.add(silent.user in room.users())
        return False in left
    eventually(gone, "the silent one is dropped", every_s=0.2)
    assert room.users() == [asking.user, verifying.user]
    problem(silent.status(), 404, "NOT_IN_QUEUE")
    problem(silent.verify(), 403, "QUEUE_TOKEN_INVALID")
    assert asking.place()["rank"] == 1
    assert silent.must_enter(token=silent.token)["rank"] == 3, "its token brings the place back that it lost"


def test_leaving_gives_the_place_to_the_next(room):
    first, second, third = room.guests(3)
    for g in (first, second, third):
        g.must_enter()
    first.leave()
    problem(first.status(), 404, "NOT_IN_QUEUE")
    problem(first.verify(), 403, "QUEUE_TOKEN_INVALID")
    assert (second.place()["rank"], third.place()["rank"]) == (1, 2)
    room.steer(1)
    second.await_status("ACTIVE")
    assert third.place()["status"] == "WAITING"
    second.leave()
    problem(second.status(), 404, "NOT_IN_QUEUE")
    third.await_status("ACTIVE")
    assert first.must_enter()["rank"] == 1


def test_an_expired_token_gives_the_place_to_the_next(room):
    room.steer(1)
    first, second = room.guests(2)
    first.must_enter()
    first.await_status("ACTIVE")
    second.must_enter()
    problem(second.verify(), 403, "QUEUE_NOT_ADMITTED")
    first.expire()
    assert first.place()["status"] == "EXPIRED"
    problem(first.verify(), 403, "QUEUE_TOKEN_INVALID")
    second.await_status("ACTIVE")
    first.expire()  # again: harmless
    again = first.must_enter()
    assert again["status"] == "WAITING" and again["number"] > second.number


def test_a_token_of_an_earlier_place_ends_no_later_one(room):
    guest = room.guest()
    old = guest.must_enter()["token"]
    guest.expire()
    new = guest.must_enter()["token"]
    assert new != old
    guest.expire(token=old)
    assert guest.place()["status"] == "WAITING"


# --- the token ---

def test_what_a_token_does_not_open(room, world, apis):
    other = Room(world, apis)
    guest, someone, there = room.guest(), room.guest(), other.guest()
    for g in (guest, someone, there):
        g.must_enter()
    admit(room, guest)
    seat = "Z-1"
    problem(guest.verify(schedule=other.schedule), 403, "QUEUE_TOKEN_INVALID")
    problem(someone.hold(seat, token=guest.token), 403, "QUEUE_TOKEN_INVALID")
    problem(guest.hold(seat, token=there.token), 403, "QUEUE_TOKEN_INVALID")
    problem(guest.hold(seat, token=False), 403, "QUEUE_TOKEN_REQUIRED")
    for bad in ("x", "A" * 60, guest.token[:-1], guest.token + "A", guest.token[:-1] + ("A" if guest.token[-1] != "A" else "B")):
        problem(guest.verify(token=bad), 403, "QUEUE_TOKEN_INVALID")
        problem(guest.hold(seat, token=bad), 403, "QUEUE_TOKEN_INVALID")
    problem(room.any().http.get(f"/queue/tokens/verify?scheduleId={room.schedule}"), 403, "QUEUE_TOKEN_REQUIRED")
    ok(guest.hold(seat), 201)
    problem(guest.hold("NOPE-1"), 404, "SEAT_NOT_FOUND")


def test_who_waits_may_not_hold_and_a_hold_outlives_the_admission(room):
    room.steer(1)
    first, second = room.guests(2)
    first.must_enter()
    first.await_status("ACTIVE")
    second.must_enter()
    problem(second.hold("Z-1"), 403, "QUEUE_NOT_ADMITTED")
    ok(first.hold("Z-1"), 201)
    first.expire()
    problem(first.hold("Z-2"), 403, "QUEUE_TOKEN_INVALID")
    assert ok(first.buyer(token=False).ready(room.schedule, "Z-1"), 201)["status"] == "READY"


def test_ping_and_serving(room):
    assert ok(room.any().http.get("/queue/ping"))
    guests = room.guests(4)
    for g in guests:
        g.must_enter()
    eventually(lambda: room.serving()["waiting"] == 4, room.serving)
    assert room.serving()["admitPerSecond"] == 0
    room.steer(2, 77)
    guests[1].await_status("ACTIVE")
    for api in room.apis:
        eventually(lambda: room.serving(api) == {"serving": guests[1].number, "waiting": 2, "admitPerSecond": 77},
                   lambda: room.serving(api))
    a = room.any().http.get(f"/queue/serving?scheduleId={room.schedule}")
    assert "max-age=1" in a.header("Cache-Control") and "public" in a.header("Cache-Control")
    problem(room.any().http.get("/queue/serving?scheduleId=999999"), 404, "SCHEDULE_NOT_FOUND")


# --- used and sold ---

def buy(room, guest, seat):
    ok(guest.hold(seat), 201)
    buyer = guest.buyer(token=False)
    order = ok(buyer.ready(room.schedule, seat), 201)["orderNo"]
    assert buyer.pay(order).status == 202
    return order


def test_metrics_say_how_a_room_stands_and_how_long_people_waited(room):
    def sums(name):
        return sum(a.metrics().get(name, 0) for a in room.apis)

    def stands(waiting, active):
        seen = [(m.get("ticket_queue_waiting", schedule=str(room.schedule)), m.get("ticket_queue_active", schedule=str(room.schedule)))
                for m in (a.metrics() for a in room.apis)]
        return seen == [(waiting, active)] * len(room.apis)
    names = ("ticket_queue_admitted_total", "ticket_queue_wait_seconds_count", "ticket_queue_wait_seconds_sum")
    before = [sums(n) for n in names]
    first, second, third = room.guests(3)
    for g in (first, second, third):
        g.must_enter()
    time.sleep(1.5)
    room.steer(1)
    first.await_status("ACTIVE")
    eventually(lambda: stands(2, 1), "every daemon says so")
    admitted, waits, seconds = (sums(n) - b for n, b in zip(names, before))
    assert (admitted, waits) == (1, 1) and 0.9 <= seconds <= 30, (admitted, waits, seconds)


def test_a_paid_order_uses_the_token_and_admits_the_next(room, world, consumer):
    room.steer(1)
    first, second = room.guests(2)
    first.must_enter()
    first.await_status("ACTIVE")
    second.must_enter()
    order = buy(room, first, "Z-1")
    world.settled(order, "PAID")
    assert first.await_status("USED")["rank"] is None
    problem(first.verify(), 403, "QUEUE_TOKEN_INVALID")
    problem(first.hold("Z-2"), 403, "QUEUE_TOKEN_INVALID")
    second.await_status("ACTIVE")
    again = first.must_enter()
    assert again["status"] == "WAITING" and again["number"] > second.number


def last_seat(world, apis, max_active):
    """A room with one seat, somebody who may buy it and somebody who may look, and three who wait."""
    room = Room(world, apis, seats=1)
    room.steer(2)
    buyer, looker, *waiting = room.guests(5)
    for g in (buyer, looker):
        g.must_enter()
        g.await_status("ACTIVE")
    room.steer_everywhere(max_active)
    for g in waiting:
        g.must_enter()
    return room, buyer, looker, waiting


def test_the_last_seat_sold_ends_the_waiting_and_one_that_comes_back_reopens_it_in_order(world, apis, consumer):
    room, buyer, looker, waiting = last_seat(world, apis, 1)
    world.settled(buy(room, buyer, "Z-1"), "PAID")
    for g in waiting:
        p = g.await_status("SOLD_OUT")
        assert p["rank"] is None and p["token"] == g.token
        problem(g.verify(), 403, "QUEUE_NOT_ADMITTED")
    assert looker.place()["status"] == "ACTIVE", "who was admitted stays so"
    assert buyer.place()["status"] == "USED"
    newcomer = room.guest()
    problem(newcomer.enter(), 409, "SOLD_OUT")
    problem(waiting[0].enter(), 409, "SOLD_OUT")
    # What cancel will do.
    world.sql("UPDATE reservation SET status = 'CANCELLED', active = NULL WHERE schedule_id = %s", room.schedule)
    numbers = [g.number for g in waiting]
    assert [g.await_status("WAITING")["number"] for g in waiting] == numbers
    assert [g.place()["rank"] for g in waiting] == [1, 2, 3]
    waiting[1].leave()
    looker.expire()
    waiting[0].await_status("ACTIVE")
    assert waiting[2].place()["rank"] == 1
    eventually(lambda: newcomer.enter().status == 200, "the room takes guests again")
    assert room.users() == [waiting[2].user, newcomer.user]


def test_the_place_of_who_bought_the_last_seat_is_given_to_nobody(world, apis, consumer):
    room, buyer, _, waiting = last_seat(world, apis, 2)
    world.settled(buy(room, buyer, "Z-1"), "PAID")
    for g in waiting:
        g.await_status("SOLD_OUT", within_s=4)

def test_a_sale_to_the_last_seat_lets_nobody_in_for_nothing(world, apis, consumer):
    """Places are freed by payment alone here, and the last payment frees none."""
    seats, inside = 40, 5
    room = Room(world, apis, seats=seats)
    room.steer(inside, 1000)
    stock, paid = [f"Z-{n + 1}" for n in range(seats)], []

    def come(guest):
        guest.must_enter()
        if guest.await_status("ACTIVE", "SOLD_OUT")["status"] == "ACTIVE" and stock:
            paid.append(buy(room, guest, stock.pop()))
    together([lambda g=g: come(g) for g in room.guests(seats + 4 * inside)])
    for order in paid:
        world.settled(order, "PAID")
    assert len(paid) == seats
    active, waiting = room.active(), room.users()
    assert len(active) < inside and len(active) + len(waiting) == 4 * inside, (active, waiting)


def test_closed_in_mid_sale_takes_nobody_and_admits_nobody(room, world):
    inside, outside = room.guests(2)
    inside.must_enter()
    world.sql("UPDATE schedule SET status = 'CLOSED' WHERE id = %s", room.schedule)
    for api in room.apis:  # the one that admits may hear of it last
        eventually(lambda a=api: outside.enter(a).code == "SCHEDULE_CLOSED", "no more entries")
    room.steer(1000)
    time.sleep(1)
    assert inside.place()["status"] == "WAITING" and steering(room.any(), room.schedule)["active"] == 0
