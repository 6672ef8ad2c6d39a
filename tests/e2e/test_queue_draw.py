"""The fair start: who came early is put in an order that anybody can recompute, and that nobody could choose."""
import hashlib
import random
import time

import pytest

from support.expect import is_time, ok, problem
from support.stack import eventually, together
from support.waiting_room import Room, Watcher, drawn_order

LOADED = 3


@pytest.fixture(scope="module")
def world_settings():
    return {"queue_wait_grace_s": 0, "queue_claim_ttl_s": 60}


@pytest.fixture(scope="module")
def apis(world, api):
    return [api, world.api(), world.api()]


def opens_now(room):
    """The operator brings the opening forward; daemons hear of it within seconds."""
    before = room.draw()["opensAt"]
    room.world.sql("UPDATE schedule SET sale_opens_at = now() WHERE id = %s", room.schedule)
    eventually(lambda: all(room.draw(a)["opensAt"] != before for a in room.apis), "known everywhere")


def drawn(room):
    return eventually(lambda: d if (d := room.draw())["count"] is not None else None, lambda: f"drawn: {room.draw()}")


def test_the_order_is_the_one_of_the_published_seed(world, apis):
    room = Room(world, apis, opens="1 hour")
    before = [room.draw(a) for a in apis]
    assert all(d == before[0] for d in before), "one draw, whoever is asked"
    assert before[0]["algorithm"] == "HMAC-SHA256" and before[0]["seed"] is None and before[0]["count"] is None
    assert is_time(before[0]["opensAt"])
    early = room.guests(60)
    random.shuffle(early)  # coming first buys nothing
    for g in early:
        p = g.must_enter()
        assert p["status"] == "PRE_QUEUE" and p["number"] is None and p["rank"] is None and p["etaSeconds"] is None, p
    first_token = {g.user: g.token for g in early}
    eager = early[0]  # nor do many connections
    got = together([lambda: ok(eager.enter()) for _ in range(30)])
    assert {p["status"] for p in got} == {"PRE_QUEUE"} and len({p["token"] for p in got}) == 1
    assert eager.place()["total"] == 60
    quitter = early.pop()
    quitter.leave()
    problem(quitter.status(), 404, "NOT_IN_QUEUE")
    time.sleep(0.5)
    for g in early[:3]:
        problem(g.verify(), 403, "QUEUE_NOT_ADMITTED")
        problem(g.hold("Z-1"), 403, "QUEUE_NOT_ADMITTED")
    assert room.line() == [] and room.active() == set()
    room.steer(0)
    opens_now(room)
    d = drawn(room)
    assert d["commitment"] == before[0]["commitment"] == hashlib.sha256(bytes.fromhex(d["seed"])).hexdigest()
    assert d["count"] == len(early)
    order = drawn_order(d["seed"], [g.user for g in early])
    assert room.line() == [(u, i + 1) for i, u in enumerate(order)]
    late = room.guests(5)
    for i, g in enumerate(late):
        p = g.must_enter()
        assert (p["number"], p["rank"]) == (len(early) + 1 + i, len(early) + 1 + i)
    by_user = {g.user: g for g in early}
    for i, user in enumerate(order[:10]):
        p = by_user[user].place()
        assert (p["status"], p["number"], p["rank"]) == ("WAITING", i + 1, i + 1)
        assert by_user[user].must_enter()["number"] == i + 1
    with Watcher(room, 20) as watcher:
        room.steer(20)
        eventually(lambda: len(watcher.admitted) == 20, "twenty are admitted")
    watcher.assert_kept()
    assert {n for _, n in watcher.admitted} == set(range(1, 21))
    assert ok(by_user[order[0]].hold("Z-1"), 201)
    assert ok(by_user[order[1]].hold("Z-2", token=first_token[order[1]]), 201)
    assert ok(by_user[order[2]].verify(token=first_token[order[2]]))["status"] == "ACTIVE"
    by_user[order[2]].expire(token=first_token[order[2]])
    assert by_user[order[2]].place()["status"] == "EXPIRED"


def test_who_enters_at_the_moment_of_opening_is_early_or_behind(world, apis):
    room = Room(world, apis, opens="2500 milliseconds")
    room.steer(0)
    sure = room.guests(10)
    for g in sure:
        assert g.must_enter()["status"] == "PRE_QUEUE"
    came, end = [], time.monotonic() + 20

    def keep_coming():
        mine = []
        while time.monotonic() < end:
            g = room.guest()
            mine.append((g, g.must_enter()["status"]))
            if len(mine) > 5 and all(s == "WAITING" for _, s in mine[-5:]):
                break
        return mine
    for mine in together([keep_coming] * 4):
        came += mine
    d = drawn(room)
    users = [g.user for g in sure] + [g.user for g, status in came if status == "PRE_QUEUE"]
    assert d["count"] == len(users)
    line = room.line()
    order = drawn_order(d["seed"], users)
    assert line[:len(order)] == [(u, i + 1) for i, u in enumerate(order)]
    rest = line[len(order):]
    assert {u for u, _ in rest} == {g.user for g, status in came if status == "WAITING"}
    assert [n for _, n in rest] == list(range(len(order) + 1, len(line) + 1))
    for g, status in came:
        if status == "WAITING":
            assert g.number == dict(rest)[g.user]


def test_a_draw_of_nobody(world, apis):
    room = Room(world, apis, opens="1 hour")
    commitment = room.draw()["commitment"]
    room.steer(0)
    opens_now(room)
    first = room.guest()
    eventually(lambda: first.must_enter()["status"] == "WAITING", "open")
    assert first.number == 1
    d = drawn(room)
    assert d["count"] == 0 and d["commitment"] == commitment == hashlib.sha256(bytes.fromhex(d["seed"])).hexdigest()


def test_a_hundred_thousand_are_drawn_within_seconds(world, apis):
    """Five after the opening, by all that it takes, on an idle machine; a loaded one has longer."""
    room = Room(world, apis, opens="6 seconds")
    opens = time.monotonic() + 6
    assert room.guest(200_000).must_enter()["status"] == "PRE_QUEUE"
    users = list(range(100_001, 200_001))  # the others come through Redis, as if they had entered
    for i in range(0, len(users), 5000):
        world.redis.sadd(f"queue:pre:{{{room.schedule}}}", *users[i:i + 5000])
    room.steer(0)
    assert time.monotonic() < opens - 1, "too slow to be early"
    d = drawn(room)
    took = time.monotonic() - opens
    assert d["count"] == 100_000
    order = drawn_order(d["seed"], users)
    assert room.line() == [(u, i + 1) for i, u in enumerate(order)]
    assert took < 5 * LOADED, f"{took:.1f} s"
    world.redis.delete(*world.redis.keys(f"queue:*{{{room.schedule}}}*"))


def test_the_seeds_of_two_schedules_have_nothing_in_common(world, apis):
    assert Room(world, apis, opens="1 hour").draw()["commitment"] != Room(world, apis, opens="1 hour").draw()["commitment"]


def test_where_nothing_is_drawn(world, apis):
    problem(apis[0].http.get(f"/queue/draw?scheduleId={Room(world, apis).schedule}"), 404, "NOT_FOUND")
    problem(apis[0].http.get("/queue/draw?scheduleId=999999"), 404, "SCHEDULE_NOT_FOUND")
