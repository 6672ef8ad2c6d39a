"""The waiting room while things break: who admits is killed, the draw is interrupted, Redis forgets, hangs, comes back old."""
import random
import threading
import time

import pytest

from support.crowd import Crowd
from support.expect import ok, problem
from support.stack import eventually, together
from support.waiting_room import Room, Watcher, drawn_order, steering

# The contract's bounds, and how much longer a loaded machine may take.
TAKEOVER_S, REDIS_AWAY_S, LOADED = 2, 0.5, 3


@pytest.fixture
def room(fresh_world):
    """Nobody is let in until the test says so. `room(daemons, setting=value, ...)`"""
    def make(daemons=2, seats=50, opens=None, **settings):
        w = fresh_world(**{"queue_wait_grace_s": 0, "queue_claim_ttl_s": 60, "queue_active_ttl_s": 60, "queue_max_active": 0,
                           **settings})
        return Room(w, [w.api() for _ in range(daemons)], seats=seats, opens=opens)
    return make


def fill(room, n):
    """n guests who wait, in their order."""
    guests = room.guests(n)
    for g in guests:
        assert g.must_enter()["status"] in ("WAITING", "PRE_QUEUE")
    return guests


def answers_again(room):
    eventually(lambda: all(a.is_ready() for a in room.apis if a.alive()), "ready again", every_s=0.1)


def come_back(room, guests):
    """Everybody enters again with their token, in any order, at any daemon; nobody hears anything but a place."""
    shuffled = random.sample(guests, len(guests))

    def enter(g):
        def placed():
            a = g.enter(token=g.token)
            assert a.status in (200, 503), a
            return a if a.status == 200 else None
        return ok(eventually(placed, "a place again"))
    parts = [shuffled[i::8] for i in range(8)]
    got = {}
    for part in together([lambda part=part: [(g, enter(g)) for g in part] for part in parts]):
        got.update(part)
    return got


# --- daemons ---

def test_who_admits_is_killed_and_another_takes_over(room):
    r = room(4, queue_claim_ttl_s=2, queue_active_ttl_s=2)
    r.steer(40, 60)
    stop, took = threading.Event(), []
    crowd = Crowd(r, 5, arrivals_s=8, ways={"sleeper": 1})
    entering = threading.Thread(target=lambda: crowd.rush(500), daemon=True)
    with Watcher(r, 40, 60) as watcher:
        entering.start()
        for _ in range(4):
            victim = r.lease_holder()
            crowd.ports = [a.port for a in r.apis if a is not victim]
            time.sleep(0.3)
            victim.kill()
            killed, before = time.monotonic(), len(watcher.admitted)
            eventually(lambda: len(watcher.admitted) > before + 1, "somebody else admits", every_s=0.005)
            took.append(time.monotonic() - killed)
            victim.start()
        entering.join()
        eventually(lambda: (s := steering(r.any(), r.schedule))["waiting"] == s["active"] == 0, "everybody was let in")
    assert not crowd.odd, crowd.odd[:3]
    watcher.assert_kept()
    assert {u for u, _ in watcher.admitted} == set(crowd.numbers.values()), "somebody was lost"
    assert sorted(took)[1] < TAKEOVER_S and max(took) < TAKEOVER_S * LOADED, took


def test_frozen_while_it_admits_and_awake_again_it_does_no_harm(room):
    r = room(3)
    guests = fill(r, 300)
    r.steer(1000, 50)
    with Watcher(r, 1000, 50) as watcher:
        for _ in range(2):
            victim = r.lease_holder()
            victim.freeze()
            before = len(watcher.admitted)
            others = [a for a in r.apis if a is not victim]
            eventually(lambda: len(watcher.admitted) > before + 20, "somebody else admits")
            assert others[0].alive()
            victim.thaw()
            time.sleep(0.5)
        eventually(lambda: len(watcher.admitted) == 300, "everybody is in")
    watcher.assert_kept()
    assert [u for u, _ in sorted(watcher.admitted, key=lambda p: p[1])] == [g.user for g in guests]


def test_killed_in_mid_draw_it_comes_to_the_same(room):
    """30,000 early users: a draw long enough to be hit. What is drawn is what the seed says, whoever drew it."""
    r = room(3, opens="1 hour")
    redis, name, commitment = r.world.redis, r.schedule, r.draw()["commitment"]
    early = [g.user for g in fill(r, 3)]  # the others come through Redis, as if they had entered
    users = list(range(100_000, 130_000))
    for i in range(0, len(users), 1000):
        redis.sadd(f"queue:pre:{{{name}}}", *users[i:i + 1000])
    users += early
    r.world.sql("UPDATE schedule SET sale_opens_at = now() WHERE id = %s", name)
    hit = []
    for _ in range(4):
        at = eventually(lambda: redis.zcard(f"queue:{{{name}}}"), "the draw begins", every_s=0.001)
        for _ in range(1000):  # not where the last one died
            if at == len(users) or not hit or at > hit[-1]:
                break
            time.sleep(0.002)
            at = redis.zcard(f"queue:{{{name}}}")
        if at == len(users):
            break
        for a in r.apis:
            a.kill()
        hit.append(redis.zcard(f"queue:{{{name}}}"))
        for a in r.apis:
            a.start(ready=False)
    print(f"\nkilled at {hit} of {len(users)}")
    assert [n for n in hit if n < len(users)], "never hit"
    d = eventually(lambda: d if all(a.is_ready() for a in r.apis) and (d := r.draw())["count"] is not None else None, "drawn")
    assert d["count"] == len(users) and d["commitment"] == commitment
    order = drawn_order(d["seed"], users)
    eventually(lambda: len(r.line()) == len(users), "all are in the line")
    assert r.line() == [(u, i + 1) for i, u in enumerate(order)]
    assert r.guest().must_enter()["number"] == len(users) + 1


# --- Redis forgets ---

@pytest.mark.parametrize("loss", ["flushed", "killed", "an old snapshot"])
def test_redis_forgets_in_mid_queue_and_people_come_back_in_their_order(room, servers, loss):
    r = room(3)
    r.steer_everywhere(0)
    before = fill(r, 40)
    snapshot = servers.redis.snapshot() if loss == "an old snapshot" else None
    after = fill(r, 40)
    quitter = before[5]
    quitter.leave()
    guests = [g for g in before + after if g is not quitter]
    r.steer(10)
    eventually(lambda: len(r.active()) == 10, "ten are in")
    inside, waiting = guests[:10], guests[10:]
    for g in inside:
        g.place()
    r.steer_everywhere(0)
    if loss == "flushed":
        servers.redis.flushall()
    elif loss == "killed":
        servers.redis.kill()
        servers.redis.start()
    else:
        servers.redis.bring_back(snapshot)
    answers_again(r)
    newcomers = fill(r, 3)
    assert min(g.number for g in newcomers) > max(g.number for g in guests), "a number that was seen is given again"
    got = come_back(r, waiting)
    for g, p in got.items():
        assert p["status"] == "WAITING", p
    line = [u for u, _ in r.line() if u in {g.user for g in waiting}]
    assert line == [g.user for g in waiting], "not in their old order"
    assert r.users()[-3:] == [g.user for g in newcomers], "a newcomer stands before somebody who waited"
    assert [g.place()["number"] for g in waiting] == [int(n) for u, n in r.line() if u in {g.user for g in waiting}]
    with Watcher(r, 25, ordered=loss == "killed") as watcher:
        r.steer(25)
        eventually(lambda: len(r.active()) == 25, "let in again")
        time.sleep(0.5)
    watcher.assert_kept()
    if loss == "killed":  # appendfsync always: nothing was forgotten
        assert {g.user for g in inside} <= r.active()


def test_flushed_again_and_again_under_a_crowd(room, servers):
    """Whoever is told that they have no place enters again with their token, as a browser would."""
    r = room(4, queue_max_active=30, queue_admit_per_s=60)
    r.steer(30, 60)
    guests = fill(r, 200)
    served, odd, lock = [], [], threading.Lock()

    def live(mine):
        for g in mine:
            while True:
                a = g.status()
                if a.status in (404, 503):
                    a = g.enter(token=g.token)
                if a.status == 200 and a.json["status"] == "ACTIVE":
                    g.expire(token=a.json["token"]) if a.status == 200 else None
                    with lock:
                        served.append(g.user)
                    break
                if a.status == 200 and a.json["status"] in ("EXPIRED", "USED"):
                    with lock:
                        served.append(g.user)
                    break
                if a.status not in (200, 503):
                    odd.append(a)
                    return
                time.sleep(0.05)
    with Watcher(r, 30, ordered=False) as watcher:
        threads = [threading.Thread(target=live, args=(guests[i::20],), daemon=True) for i in range(20)]
        for t in threads:
            t.start()
        for _ in range(3):
            have = len(served)
            eventually(lambda: len(served) > have + 20, "people are let in")
            servers.redis.flushall()
        for t in threads:
            t.join(60)
    assert not odd, odd[:3]
    assert len(served) == len(set(served)) == 200
    assert not watcher.broken, watcher.broken[:3]


# --- Redis is away ---

@pytest.mark.parametrize("how", ["killed", "hung"])
def test_redis_is_away_and_the_queue_answers_503_in_time(room, servers, how):
    r = room(2)
    r.steer(1000)
    guest, quitter, other = r.guests(3)  # what was asked of a Redis that hangs may still be done by it
    for g in (guest, quitter):
        g.must_enter()
        g.await_status("ACTIVE")
    api = r.apis[0]
    if how == "killed":
        servers.redis.kill()
    else:
        servers.redis.freeze()
    asks = {"enter": lambda: other.enter(api), "status": lambda: guest.status(api), "verify": lambda: guest.verify(api),
            "leave": lambda: api.http.post("/queue/leave", {"userId": quitter.user, "scheduleId": r.schedule}),
            "expire": lambda: api.http.post("/queue/tokens/expire", {"token": quitter.token}),
            "ping": lambda: api.http.get("/queue/ping"), "hold": lambda: guest.hold("Z-1", api=api),
            "hold without": lambda: guest.hold("Z-1", api=api, token=False),
            "events": lambda: api.http.get(f"/queue/events?scheduleId={r.schedule}&userId={guest.user}")}
    took = {name: [] for name in asks}
    for _ in range(3):
        for name, ask in asks.items():
            start = time.monotonic()
            problem(ask(), 503, ("UNAVAILABLE", "QUEUE_UNAVAILABLE"))
            took[name].append(time.monotonic() - start)
    assert all(min(t) < REDIS_AWAY_S for t in took.values()), took
    assert all(max(t) < REDIS_AWAY_S * LOADED for t in took.values()), took
    # A hundred at once wait no longer than one: nobody queues behind the deadline of another.
    start = time.monotonic()
    for a in together([lambda g=g: g.enter(api) for g in r.guests(100)]):
        problem(a, 503, "UNAVAILABLE")
    assert time.monotonic() - start < REDIS_AWAY_S * LOADED
    if how == "killed":
        servers.redis.start()
    else:
        servers.redis.thaw()
    answers_again(r)
    eventually(lambda: guest.enter(token=guest.token).status == 200, "again")
    ok(guest.hold("Z-1"), 201)


def test_time_in_which_nobody_could_be_admitted_counts_against_nobody(room, servers):
    """Admissions of 8 s, a grace of 8 s, and an outage of 7 s: longer than what is left of either afterwards."""
    r = room(2, queue_active_ttl_s=8, queue_wait_grace_s=8)
    r.steer(1)
    inside, waiting = r.guests(2)
    inside.must_enter()
    inside.await_status("ACTIVE")
    waiting.must_enter()
    time.sleep(3)
    servers.redis.freeze()
    away = time.monotonic()
    time.sleep(7)
    servers.redis.thaw()
    gone = time.monotonic() - away
    answers_again(r)
    # Without the gap both would have been over: 3 + 7 > 8.
    v = eventually(lambda: a if (a := inside.verify()).status != 503 else None, "an answer")
    left = ok(v)["expiresInSeconds"]
    assert left >= 2, f"{left} s are left of an admission that could not be used for {gone:.1f} s"
    assert waiting.place()["status"] == "WAITING"
    assert r.users() == [waiting.user]
    # And it does end.
    waiting.await_status("ACTIVE", within_s=60)
    assert inside.place()["status"] == "EXPIRED"


# --- PostgreSQL is away ---

def test_who_waits_is_told_so_however_long_postgres_hangs(room, servers):
    """Longer than the 10 s for which rows are good without it. Nobody is let in meanwhile, and it counts against nobody."""
    r = room(2, queue_active_ttl_s=30, queue_wait_grace_s=30)
    r.steer(1)
    inside, first, second = r.guests(3)
    inside.must_enter()
    inside.await_status("ACTIVE")
    for g in (first, second):
        g.must_enter()
    r.serving()
    servers.postgres.freeze()
    over, last = time.monotonic() + 14, 0
    while time.monotonic() < over:
        start = time.monotonic()
        for api in r.apis:
            assert (first.place(api)["rank"], second.place(api)["rank"]) == (1, 2)
            ok(inside.verify(api))
            assert r.serving(api)["waiting"] == 2
            assert api.http.get("/queue/ping").status == 200
        last = time.monotonic() - start
        time.sleep(0.2)
    assert last < LOADED, f"{last:.1f} s for eight answers"
    problem(r.guest().enter(), 503, "UNAVAILABLE")
    inside.leave()
    first.leave()
    assert second.place()["rank"] == 1
    servers.postgres.thaw()
    second.await_status("ACTIVE")


# --- the split ---

def test_both_halves_killed_hung_and_restarted_under_buyers(fresh_world, servers):
    w = fresh_world(queue_wait_grace_s=0, queue_max_active=1000)
    queues = [w.api(role="queue") for _ in range(2)]
    booking = [w.api(role="booking", queue_url=f"http://127.0.0.1:{queues[0].port}") for _ in range(2)]
    r = Room(w, queues, booking=booking, seats=3000)
    seats = iter(f"Z-{i}" for i in range(1, 3001))
    lock, held, odd, stop = threading.Lock(), {}, [], threading.Event()

    def live():
        while not stop.is_set():
            g = r.guest()
            with lock:
                seat = next(seats)
            try:
                a = g.enter()
                if a.status != 200:
                    assert a.status == 503, a
                    continue
                token = a.json["token"]
                for _ in range(100):
                    a = g.hold(seat, token=token)
                    if a.status in (200, 201) or stop.is_set():
                        break
                    assert a.code in ("QUEUE_NOT_ADMITTED", "QUEUE_UNAVAILABLE", "UNAVAILABLE"), a
                    time.sleep(0.05)
                if a.status in (200, 201):
                    with lock:
                        held[seat] = g.user
            except (OSError, EOFError):
                pass  # it was killed or hangs; a person tries again
            except Exception as e:
                if "http.client" not in type(e).__module__:
                    odd.append(repr(e))
    threads = [threading.Thread(target=live, daemon=True) for _ in range(6)]
    for t in threads:
        t.start()

    def go_on():
        have = len(held)
        eventually(lambda: len(held) > have + 10, "people hold seats", every_s=0.05)
    go_on()
    for victim in (queues[0], booking[0], queues[1], booking[1]):
        victim.kill()
        time.sleep(0.3)
        victim.start()
        go_on()
        victim.freeze()
        time.sleep(1.5)
        victim.thaw()
        go_on()
    stop.set()
    for t in threads:
        t.join()
    assert not odd, odd[:3]
    locks = {s: w.redis.get(f"seat:lock:{{{r.schedule}}}:{s}") for s in held}
    assert locks == {s: str(u) for s, u in held.items()}, "a hold that was promised is not there"
    # A token opens nothing for somebody else, whatever happened in between.
    problem(r.guest().hold("Z-3000", token=r.guest().must_enter()["token"]), 403, "QUEUE_TOKEN_INVALID")
