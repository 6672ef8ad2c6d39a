"""Four daemons let a crowd in while an oracle watches Redis: the order of arrival, one place each, and the limits."""
import random
import time

import pytest

from support.crowd import Crowd
from support.stack import eventually, together
from support.waiting_room import Room, Watcher, assert_etas_come_true, clock_ahead_s, steering

ROLES = {"four of one kind": ("all", "all", "all", "all"), "two halves, twice": ("queue", "queue", "booking", "booking")}
MAX_ACTIVE, ADMIT_PER_S, PEOPLE = 60, 120, 500


def four(world, roles):
    """A room on four daemons; those that book ask the first of the others."""
    apis = [world.api(role=r) for r in roles if r != "booking"]
    booking = [world.api(role=r, queue_url=f"http://127.0.0.1:{apis[0].port}") for r in roles if r == "booking"]
    return Room(world, apis, booking=booking)


def settles(room, watcher):
    """Everybody had their turn: the sleepers and dawdlers too, by time."""
    def empty():
        s = steering(room.any(), room.schedule)
        return (s["waiting"], s["active"]) == (0, 0)
    eventually(empty, lambda: steering(room.any(), room.schedule))
    watcher.finish()
    watcher.assert_kept()


@pytest.mark.parametrize("roles", ROLES.values(), ids=ROLES)
def test_a_crowd_is_let_in_in_order_within_the_limits(fresh_world, roles):
    w = fresh_world(queue_max_active=MAX_ACTIVE, queue_admit_per_s=ADMIT_PER_S, queue_active_ttl_s=2, queue_claim_ttl_s=2,
                    queue_wait_grace_s=60)
    room = four(w, roles)
    seed = random.SystemRandom().randrange(2**32)
    print(f"\nseed {seed}")
    with Watcher(room, MAX_ACTIVE, ADMIT_PER_S) as watcher:
        crowd = Crowd(room, seed).rush(PEOPLE)
        settles(room, watcher)
    # Nobody is lost: everybody who went on asking was let in, as the crowd knows; so was whoever did not, but for those
    # who left the line.
    told, left = len(crowd.numbers), crowd.heard["leave", 204]
    total = sum(a.metrics().get("ticket_queue_admitted_total") for a in room.apis)
    assert told - left <= total <= told, (told, left, total)
    assert set(watcher.admitted) <= {(u, n) for n, u in crowd.numbers.items()}
    assert len(watcher.admitted) > total / 2, "the watcher was blind"
    assert watcher.most > MAX_ACTIVE / 2 and watcher.most_in_a_second() > ADMIT_PER_S / 4, "the limits were never near"
    problems = [n for n in crowd.heard if n[1] not in (200, 204, 403, 404)]
    assert not problems, crowd.heard


def test_a_thousand_at_once_never_overshoot(fresh_world):
    w = fresh_world(queue_max_active=50, queue_admit_per_s=100, queue_wait_grace_s=0, queue_claim_ttl_s=60)
    room = four(w, ROLES["four of one kind"])
    crowd = Crowd(room, 1, arrivals_s=0, ways={"sleeper": 1})
    with Watcher(room, 50, 100) as watcher:
        crowd.rush(1000)
        eventually(lambda: len(room.active()) == 50, lambda: f"{len(room.active())} are active")
        time.sleep(1)
        assert len(room.active()) == 50
    watcher.assert_kept()
    line = room.line()
    assert len(line) == 950 and len({u for u, _ in line}) == 950
    assert max(n for _, n in watcher.admitted) < line[0][1]
    # Everybody knows where they stand, whoever is asked.
    places = together([lambda u=u: room.guest(u).place() for u, _ in line[::40]])
    assert [(p["rank"], p["total"]) for p in places] == [(i + 1, 950) for i in range(0, 950, 40)]


def test_what_people_are_told_to_wait_comes_true(fresh_world):
    """The rate is not the one that is set: it follows from how long people stay."""
    w = fresh_world(queue_max_active=40, queue_admit_per_s=1000, queue_active_ttl_s=60, queue_wait_grace_s=0)
    room = four(w, ROLES["four of one kind"])
    with Watcher(room, 40, 1000) as watcher:
        ahead = clock_ahead_s(w)
        crowd = Crowd(room, 3, poll_s=0.4, arrivals_s=0.5, ways={"guest": 1}).rush(900)
        settles(room, watcher)
    # The first seconds are guessed from the setting: nothing was measured yet.
    begun = min(at for at, *_ in crowd.etas)
    crowd.etas = [e for e in crowd.etas if e[0] > begun + 3]
    assert_etas_come_true(crowd, watcher, ahead)
