"""Daemons whose clocks are five minutes apart, or step: Redis' clock is the waiting room's."""
import calendar
import time

import pytest

from support.expect import ok, problem
from support.stack import eventually
from support.waiting_room import Room, Watcher, steering

APART_S = 300
# How far the answers of a loaded machine may be from the moment they are about.
LOADED_S = 3


@pytest.fixture
def room(fresh_world):
    """One daemon is ahead, one behind, one steps. `room(setting=value, ...)`"""
    def make(opens=None, **settings):
        w = fresh_world(**{"queue_wait_grace_s": 0, "queue_claim_ttl_s": 60, "queue_active_ttl_s": 60, **settings})
        return Room(w, [w.api(clock=APART_S), w.api(clock=-APART_S), w.api(clock=0)], opens=opens)
    return make


def redis_now(room):
    t = room.world.redis.time()
    return t[0] + t[1] / 1e6


def epoch(text):
    """Seconds since 1970 of an RFC 3339 time."""
    return calendar.timegm(time.strptime(text[:19], "%Y-%m-%dT%H:%M:%S")) + int(text[20:23]) / 1000


def test_the_clocks_are_what_they_are_said_to_be(room):
    r = room()
    for api, off in zip(r.apis, (APART_S, -APART_S, 0)):
        assert abs(epoch(api.log_lines()[0]["ts"]) - redis_now(r) - off) < 30
    r.apis[2].set_clock(-APART_S)
    r.apis[2].http.get("/nope")
    r.apis[2].restart()
    assert abs(epoch(r.apis[2].log_lines()[-1]["ts"]) - redis_now(r) + APART_S) < 30


def test_an_admission_ends_neither_early_nor_never(room):
    r = room(queue_active_ttl_s=5)
    r.steer(1000)
    guests = r.guests(6)
    for i, g in enumerate(guests):
        g.must_enter(r.apis[i % 3])
    eventually(lambda: r.active() == {g.user for g in guests}, "all are in")
    time.sleep(1)
    ends = {}
    for i, g in enumerate(guests):
        before = redis_now(r)
        p = g.place(r.apis[(i + 1) % 3])
        assert p["status"] == "ACTIVE"
        ends[g] = epoch(p["expiresAt"])
        assert before + 4.9 < ends[g] < redis_now(r) + 5.1
        for api in r.apis:
            assert abs(epoch(g.place(api)["expiresAt"]) - ends[g]) < 0.1
    r.apis[2].set_clock(-APART_S)
    while redis_now(r) < min(ends.values()) - 1:
        for i, g in enumerate(guests):
            a = g.verify(r.apis[i % 3])
            if redis_now(r) < ends[g]:
                assert ok(a)["expiresInSeconds"] <= 5
        time.sleep(0.2)
    r.apis[2].set_clock(APART_S)
    for g in guests:
        g.await_status("EXPIRED")
        assert redis_now(r) > ends[g] - 0.01
        for api in r.apis:
            problem(g.verify(api), 403, "QUEUE_TOKEN_INVALID")
    assert redis_now(r) < max(ends.values()) + 4 * LOADED_S, "an admission without an end"


def test_the_sale_opens_when_it_opens(room):
    r = room(opens="5 seconds")
    r.steer(1000)
    opens = r.world.sql.one("SELECT extract(epoch FROM sale_opens_at)::float8 FROM schedule WHERE id = %s", r.schedule)
    guests = r.guests(9)
    with Watcher(r, 1000) as watcher:
        for i, g in enumerate(guests):
            assert g.must_enter(r.apis[i % 3])["status"] == "PRE_QUEUE"
        for api in r.apis:  # whoever of them admits
            api.set_clock(APART_S)
        while redis_now(r) < opens - 0.5:
            for api in r.apis:
                p, d = guests[0].place(api), r.draw(api)
                if redis_now(r) < opens:
                    assert p["status"] == "PRE_QUEUE" and d["seed"] is None and d["count"] is None
                problem(guests[0].hold("Z-1", api=api), 403, "QUEUE_NOT_ADMITTED")
            time.sleep(0.2)
        for api in r.apis:
            api.set_clock(-APART_S)
        for g in guests:
            g.await_status("ACTIVE")
        eventually(lambda: len(watcher.admitted) == 9, "all are seen")
    first = min(at for _, at in watcher.admitted.values()) / 1e6
    assert opens <= first < opens + 3 * LOADED_S, f"the first was let in {first - opens:.2f} s after the opening"
    for i, g in enumerate(guests):
        ok(g.hold(f"Z-{i + 1}", api=r.apis[i % 3]), 201)


def test_people_are_let_in_at_the_same_pace_whoever_admits_and_however_their_clock_steps(room):
    r = room(queue_max_active=0, queue_claim_ttl_s=3)
    stepping = r.apis[2]
    for g in r.guests(200):
        g.must_enter()
    for api in r.apis[:2]:
        api.kill()
    r.steer(1000, 30)
    with Watcher(r, 1000, 30) as watcher:
        for clock in (-APART_S, APART_S, -3600, 0):
            before = len(watcher.admitted)
            stepping.set_clock(clock)
            eventually(lambda: len(watcher.admitted) >= before + 30, lambda: f"let in at {clock:+d} s: {len(watcher.admitted)}")
        eventually(lambda: len(watcher.admitted) == 200, "everybody is let in")
        # Nobody claims: each goes 3 s after being let in, and none stays.
        eventually(lambda: steering(stepping, r.schedule)["active"] == 0, "all are over", within_s=20)
    watcher.assert_kept()
    for api in r.apis[:2]:
        api.start()
