"""PUT /admin/schedules/{id}/queue: in force on all daemons within a second, kept over restarts."""
import time

import pytest

from support.expect import ok, problem
from support.stack import eventually
from support.waiting_room import Room, admin_header, steering

# The contract's second, and what a loaded machine may take.
WITHIN_S, LOADED = 1, 3


@pytest.fixture(scope="module")
def world_settings():
    return {"queue_wait_grace_s": 0, "queue_claim_ttl_s": 60, "queue_max_active": 7, "queue_admit_per_s": 300}


@pytest.fixture(scope="module")
def apis(world, api):
    queue = world.api(role="queue")
    return [api, world.api(), queue]


@pytest.fixture
def room(world, apis):
    return Room(world, apis)


def put(room, body, headers=None, api=None):
    return (api or room.any()).http.request("PUT", f"/admin/schedules/{room.schedule}/queue", body,
                                            dict(admin_header()) if headers is None else headers)


GOOD = {"maxActive": 5, "admitPerSecond": 10, "paused": False}


def test_what_may_be_set_and_by_whom(room):
    got = ok(put(room, GOOD))
    assert {k: got[k] for k in GOOD} == GOOD
    assert steering(room.any(), room.schedule) == {**GOOD, "waiting": 0, "active": 0}
    problem(put(room, GOOD, {}), 401, "UNAUTHENTICATED")
    for name in GOOD:
        problem(put(room, {k: v for k, v in GOOD.items() if k != name}), 400, "VALIDATION_FAILED", field=name)
    for bad in ({"maxActive": -1}, {"admitPerSecond": 0}, {"admitPerSecond": -1}, {"paused": 1}, {"maxActive": "5"}, {"maxActive": 1.5}):
        problem(put(room, {**GOOD, **bad}), 400, "VALIDATION_FAILED", field=next(iter(bad)))
    problem(room.any().http.request("PUT", "/admin/schedules/999999/queue", GOOD, dict(admin_header())), 404, "SCHEDULE_NOT_FOUND")
    assert steering(room.any(), room.schedule)["maxActive"] == 5


def test_without_a_setting_the_daemons_own_holds(room):
    s = steering(room.any(), room.schedule)
    assert (s["maxActive"], s["admitPerSecond"], s["paused"]) == (7, 300, False)
    for g in room.guests(10):
        g.must_enter()
    eventually(lambda: (s := steering(room.any(), room.schedule))["active"] == 7 and s["waiting"] == 3, "seven are in")
    time.sleep(0.5)
    assert len(room.active()) == 7


def test_in_force_everywhere_within_a_second(room):
    room.guest().must_enter()
    worst = []
    for rate in (111, 222, 333, 444, 555):
        room.steer(7, rate)
        start = time.monotonic()
        for api in room.apis:
            eventually(lambda: room.serving(api)["admitPerSecond"] == rate, "known everywhere")
        worst.append(time.monotonic() - start)
    assert sorted(worst)[2] < WITHIN_S * LOADED, worst


def test_nobody_is_admitted_by_zero_and_all_that_wait_by_more(room):
    room.steer_everywhere(0)
    guests = room.guests(6)
    for g in guests:
        assert g.must_enter()["etaSeconds"] is None
    time.sleep(1)
    assert room.active() == set() and room.serving()["admitPerSecond"] == 0
    room.steer(4)
    start = time.monotonic()
    eventually(lambda: len(room.active()) == 4, "four are admitted")
    assert time.monotonic() - start < WITHIN_S * LOADED
    assert room.active() == {g.user for g in guests[:4]}
    room.steer_everywhere(2)
    assert room.active() == {g.user for g in guests[:4]}, "who is in stays in"
    guests[4].must_enter()
    for g in guests[:2]:
        g.leave()
    time.sleep(0.7)
    assert len(room.active()) == 2 and guests[4].place()["status"] == "WAITING"
    guests[2].leave()
    guests[4].await_status("ACTIVE")


def test_paused_and_going_on(room):
    room.steer(100, paused=True)
    time.sleep(WITHIN_S)
    guests = room.guests(3)
    for g in guests:
        assert g.must_enter()["status"] == "WAITING"
    time.sleep(1)
    assert room.active() == set() and guests[0].place()["etaSeconds"] is None
    problem(guests[0].hold("Z-1", api=room.apis[0], token=False), 403, "QUEUE_TOKEN_REQUIRED")
    room.steer(100)
    for g in guests:
        g.await_status("ACTIVE")


def test_kept_over_restarts_of_daemons_and_of_redis(fresh_world, servers):
    w = fresh_world(queue_max_active=100, queue_wait_grace_s=0)
    room = Room(w, [w.api(), w.api()])
    room.steer(3, 50)
    guests = room.guests(6)
    for g in guests:
        g.must_enter()
    eventually(lambda: len(room.active()) == 3, "three are in")
    for api in room.apis:
        api.restart()
    time.sleep(0.5)
    assert len(room.active()) == 3
    servers.redis.restart()
    eventually(lambda: room.serving()["admitPerSecond"] == 50 if room.any().is_ready() else False, "back")
    for g in guests:
        g.must_enter(token=g.token)
    time.sleep(1)
    assert len(room.active()) == 3
    s = steering(room.any(), room.schedule)
    assert (s["maxActive"], s["admitPerSecond"], s["waiting"], s["active"]) == (3, 50, 3, 3)
