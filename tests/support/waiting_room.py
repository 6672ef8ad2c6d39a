"""The waiting room: its guests, and an oracle that watches it from Redis' side.

A Room is a schedule of concert 1, which needs a queue, on several daemons. A Guest goes to any of them. A Watcher takes
atomic looks at Redis, many a second, writes down whose turn came when, and what broke a promise."""
import functools
import hashlib
import hmac
import itertools
import random
import threading
import time

from support.client import Http
from support.expect import ok
from support.stack import JWT_SECRET, eventually, run_once

# The first status is none of the contract's: a daemon of ours has it in no answer.
STATUSES = ("PRE_QUEUE", "WAITING", "ACTIVE", "USED", "EXPIRED", "SOLD_OUT")


@functools.lru_cache
def admin_header():
    done = run_once("api", "--issue-token", "1", "--role", "admin", settings={"jwt_secret": JWT_SECRET})
    assert done.returncode == 0, done
    return (("Authorization", f"Bearer {done.stdout.strip()}"),)


def steer(api, schedule, max_active, admit_per_s=500, paused=False):
    """What the operator sets; the answer's JSON."""
    return ok(api.http.request("PUT", f"/admin/schedules/{schedule}/queue", {
        "maxActive": max_active, "admitPerSecond": admit_per_s, "paused": paused}, dict(admin_header())))


def steering(api, schedule):
    return ok(api.http.get(f"/admin/schedules/{schedule}/queue", dict(admin_header())))


def drawn_order(seed_hex, users):
    """Whoever came early, in the order of the draw: recomputed as the contract says, without any code of the daemon's."""
    seed = bytes.fromhex(seed_hex)
    assert len(seed) == 32
    return sorted(users, key=lambda u: hmac.new(seed, str(u).encode(), hashlib.sha256).digest())


class Room:
    def __init__(self, world, apis, schedule=None, seats=50, opens=None, booking=()):
        """`apis` answer the queue's paths; `booking` those of holds, the same ones if there are none."""
        self.world, self.apis, self.booking = world, list(apis), list(booking or apis)
        self.schedule = schedule or world.schedule(seats=seats, concert=1, opens=opens)
        self._turn = itertools.count()

    def any(self):
        return self.apis[next(self._turn) % len(self.apis)]

    def guest(self, user=None):
        return Guest(self, user or self.world.user())

    def guests(self, n):
        return [self.guest() for _ in range(n)]

    def steer(self, max_active, admit_per_s=500, paused=False):
        return steer(self.any(), self.schedule, max_active, admit_per_s, paused)

    def steer_everywhere(self, max_active):
        """Also waits until each daemon goes by it: told apart from what was before by its rate."""
        rate = 1000 + next(self._turn)
        self.steer(max_active, rate)
        want = rate if max_active else 0
        eventually(lambda: all(self.serving(a)["admitPerSecond"] == want for a in self.apis), "steered everywhere")

    def line(self):
        """[(user, number)], first is next: the contract's ZSET."""
        return [(int(u), int(n)) for u, n in self.world.redis.zrange(f"queue:{{{self.schedule}}}", 0, -1, withscores=True)]

    def users(self):
        return [u for u, _ in self.line()]

    def active(self):
        return {int(u) for u in self.world.redis.zrange(f"queue:active:{{{self.schedule}}}", 0, -1)}

    def lease(self):
        return self.world.redis.get(f"queue:lease:{{{self.schedule}}}")

    def lease_holder(self):
        """The daemon that admits here, seen by its counter going up: somebody must be let in meanwhile."""
        def count(a):
            return a.metrics().get("ticket_queue_admitted_total", 0)
        before = {a: count(a) for a in self.apis if a.alive()}
        return eventually(lambda: next((a for a in before if count(a) > before[a]), None), "somebody is admitted")

    def draw(self, api=None):
        return ok((api or self.any()).http.get(f"/queue/draw?scheduleId={self.schedule}"))

    def serving(self, api=None):
        return ok((api or self.any()).http.get(f"/queue/serving?scheduleId={self.schedule}"))


class Guest:
    """Somebody with one place in one room. Each request may go to another daemon."""

    def __init__(self, room, user):
        self.room, self.user, self.token, self.number = room, user, None, None

    def _http(self, api):
        return (api or self.room.any()).http

    def enter(self, api=None, token=None, **more):
        """The answer as it came. `token`: one that was given before."""
        headers = {"Queue-Token": token} if token else None
        return self._http(api).post("/queue/enter", {"userId": self.user, "scheduleId": self.room.schedule, **more}, headers)

    def must_enter(self, api=None, token=None):
        """The place as JSON; its token and number are kept."""
        return self._keep(ok(self.enter(api, token)))

    def status(self, api=None):
        return self._http(api).get(f"/queue/status?scheduleId={self.room.schedule}&userId={self.user}")

    def place(self, api=None):
        return self._keep(ok(self.status(api)))

    def _keep(self, p):
        assert p["userId"] == self.user and p["scheduleId"] == self.room.schedule and p["status"] in STATUSES, p
        if p["token"]:
            self.token, self.number = p["token"], p["number"]
        return p

    def await_status(self, *statuses, within_s=None):
        """Polls until the place has one of these, as a browser does; then its JSON."""
        seen = []

        def there():
            a = self.status()
            if a.status == 503:
                return None
            seen[:] = [self._keep(ok(a))]
            return seen[0] if seen[0]["status"] in statuses else None
        return eventually(there, lambda: f"{self.user} becomes {statuses}: {seen}", within_s, every_s=0.05)

    def leave(self, api=None):
        a = self._http(api).post("/queue/leave", {"userId": self.user, "scheduleId": self.room.schedule})
        assert a.status == 204, a

    def expire(self, api=None, token=None):
        a = self._http(api).post("/queue/tokens/expire", {"token": token or self.token})
        assert a.status == 204, a

    def verify(self, api=None, token=None, schedule=None):
        return self._http(api).get(f"/queue/tokens/verify?scheduleId={schedule or self.room.schedule}",
                                   {"Queue-Token": token or self.token})

    def buyer(self, api=None, token=None):
        """The same person in the shop, with the token unless told otherwise (False: without)."""
        token = self.token if token is None else token
        return self.room.world.buyer(api or random.choice(self.room.booking), self.user,
                                     headers={"Queue-Token": token} if token else None)

    def hold(self, seat, api=None, token=None):
        return self.buyer(api, token).hold(self.room.schedule, seat)


# {time in µs, first number that waits or 0, how many wait, how many are in both, user, number, user, number, ...}
LOOK = """
local t, first = redis.call('TIME'), redis.call('ZRANGE', KEYS[1], 0, 0, 'WITHSCORES')[2] or 0
local users = redis.call('ZRANGE', KEYS[2], 0, -1)
local out, both = {t[1] * 1000000 + t[2], first + 0, redis.call('ZCARD', KEYS[1]), 0}, 0
if #users > 0 then
  local places, waiting = redis.call('HMGET', KEYS[3], unpack(users)), redis.call('ZMSCORE', KEYS[1], unpack(users))
  for i, user in ipairs(users) do
    if waiting[i] then both = both + 1 end
    out[#out + 1] = user
    out[#out + 1] = string.match(places[i] or '', '^%d+') or '0'
  end
end
out[4] = both
return out
"""


class Watcher(threading.Thread):
    """Looks while `with` lasts. Admissions are known to have happened between two looks, so a slow machine makes the
    watcher blind for a while, never unjust."""

    def __init__(self, room, max_active, admit_per_s=None, ordered=True, every_s=0.01):
        super().__init__(daemon=True)
        self.room, self.max_active, self.admit_per_s, self.ordered, self.every_s = room, max_active, admit_per_s, ordered, every_s
        self.admitted, self.broken, self.looks, self.most = {}, [], 0, 0
        self._over = threading.Event()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.finish()

    def finish(self):
        self._over.set()
        self.join()

    def run(self):
        redis = self.room.world.servers.redis.client(self.room.world.redis_db)
        keys = [f"{name}:{{{self.room.schedule}}}" for name in ("queue", "queue:active", "queue:place")]
        before = None
        while not self._over.is_set():
            try:
                now, first, waiting, both, *pairs = redis.eval(LOOK, len(keys), *keys)
            except Exception:  # Redis is away: the test says whether it may be
                time.sleep(0.05)
                before = None
                continue
            self._see(before, now, int(first), both, list(zip(map(int, pairs[::2]), map(int, pairs[1::2]))))
            before = now
            time.sleep(self.every_s)

    def _see(self, before, now, first, both, active):
        self.looks += 1
        self.most = max(self.most, len(active))
        if len(active) > self.max_active:
            self.broken.append(f"{len(active)} are active, {self.max_active} may be")
        if both:
            self.broken.append(f"{both} wait and are admitted")
        fresh = [(user, number) for user, number in active if (user, number) not in self.admitted]
        for user, number in fresh:
            self.admitted[user, number] = (before, now)
            if self.ordered and first and number > first:
                self.broken.append(f"{number} was admitted before {first}")

    def assert_kept(self):
        """No promise was broken, and no second saw more admissions than it may."""
        assert self.looks > 2, f"only {self.looks} looks"
        assert not self.broken, (len(self.broken), self.broken[:5])
        numbers = [n for _, n in self.admitted]
        assert len(numbers) == len(set(numbers)), "two had the same number"
        if self.admit_per_s:
            most = self.most_in_a_second()
            assert most <= self.admit_per_s, f"{most} were admitted within a second, {self.admit_per_s} may be"

    def most_in_a_second(self):
        """Admissions that surely happened within less than a second: seen for the first time, and not at the look before."""
        spans, most, first = sorted(span for span in self.admitted.values() if span[0] is not None), 0, 0
        for i, (_, end) in enumerate(spans):  # looks follow each other: ordered by start, they are by end
            while end - spans[first][0] >= 998_000:
                first += 1
            most = max(most, i - first + 1)
        return most

    def admitted_at(self, user, number):
        """Seconds by Redis' clock, None when it was not seen."""
        span = self.admitted.get((user, number))
        return span[1] / 1e6 if span else None


def assert_etas_come_true(crowd, watcher, clock_ahead_s, least_s=4):
    """What people were told while they were far enough from the front for whole seconds to mean something."""
    good = all_of_them = 0
    worst = []
    for at, user, number, rank, eta in crowd.etas:
        turn = watcher.admitted_at(user, number)
        took = turn - (at + clock_ahead_s) if turn else 0
        if took < least_s:
            continue
        all_of_them += 1
        good += abs(eta - took) <= 0.3 * took + 1
        worst.append((abs(eta - took) / took, rank, eta, took))
    assert all_of_them > 100, f"only {all_of_them} estimates"
    assert good >= 0.95 * all_of_them, f"{good} of {all_of_them} estimates came true; worst {sorted(worst)[-5:]}"


def clock_ahead_s(world):
    t = world.redis.time()
    return t[0] + t[1] / 1e6 - time.time()
