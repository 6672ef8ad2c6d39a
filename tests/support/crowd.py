"""A crowd before a waiting room: everybody goes through it in their own way, at any of its daemons, and writes down what
they were told. What a person may be told depends on what they did; anything else is odd."""
import asyncio
import random
import time
from collections import Counter

from support.lines import Switchboard
from support.stack import PATIENCE_S

# How people behave, and how many of a hundred do so.
WAYS = {"guest": 62, "tabs": 10, "leaver": 8, "returner": 8, "sleeper": 6, "dawdler": 6}


class Odd(Exception):
    pass


class Crowd:
    """`rush(n)` lets n people in at the door, some each moment, and ends when everybody is through."""

    def __init__(self, room, seed, poll_s=0.5, arrivals_s=2.0, ways=None):
        self.room, self.rng, self.poll_s, self.arrivals_s = room, random.Random(seed), poll_s, arrivals_s
        self.ways = ways or WAYS
        self.heard, self.odd, self.numbers, self.etas, self.ended = Counter(), [], {}, [], Counter()
        self.ports = [a.port for a in room.apis]

    def rush(self, people):
        async def all_of_them():
            async with Switchboard(self.ports) as self.board:
                everybody = [asyncio.create_task(self._live(self.room.world.user())) for _ in range(people)]
                _, left = await asyncio.wait(everybody, timeout=PATIENCE_S + people / 20)
                for task in left:
                    task.cancel()
                await asyncio.gather(*left, return_exceptions=True)
                if left:
                    self.odd.append(f"{len(left)} of {people} were never through")
        asyncio.run(all_of_them())
        assert not self.odd, (len(self.odd), self.odd[:3])
        return self

    # --- one person ---

    async def _ask(self, method, what, user, body=None, token=None):
        path = f"/queue/{what}" + (f"?scheduleId={self.room.schedule}&userId={user}" if body is None else "")
        headers = [f"Queue-Token: {token}"] if token else []
        while True:
            try:
                status, answer = await self.board.request(self.rng.choice(self.ports), method, path, body, headers)
            except OSError:
                status, answer = 503, None  # that daemon has gone; another one is there
            self.heard[what, status] += 1
            if status != 503:  # a person tries again
                return status, answer
            await asyncio.sleep(0.1)

    async def _enter(self, user, token=None):
        status, p = await self._ask("POST", "enter", user, {"userId": user, "scheduleId": self.room.schedule}, token)
        if status != 200 or p["status"] not in ("WAITING", "ACTIVE"):
            raise Odd(f"entering: {status} {p}")
        if self.numbers.setdefault(p["number"], user) != user:
            raise Odd(f"number {p['number']} is {self.numbers[p['number']]}'s")
        return p

    async def _wait(self, user, p):
        """Until the turn comes: the place stays the same and only comes nearer."""
        while p["status"] == "WAITING":
            if p["etaSeconds"] is not None:
                self.etas.append((time.time(), user, p["number"], p["rank"], p["etaSeconds"]))
            await asyncio.sleep(self.poll_s * self.rng.uniform(0.7, 1.3))
            status, now = await self._ask("GET", "status", user)
            if status != 200:
                raise Odd(f"waiting: {status} {now}")
            if (now["number"], now["token"]) != (p["number"], p["token"]) or now["status"] not in ("WAITING", "ACTIVE"):
                raise Odd(f"{p} became {now}")
            if now["rank"] > p["rank"] or now["rank"] > now["total"] and now["status"] == "WAITING":
                raise Odd(f"{p} went back to {now}")
            p = now
        return p

    async def _live(self, user):
        way = self.rng.choices(list(self.ways), list(self.ways.values()))[0]
        await asyncio.sleep(self.rng.uniform(0, self.arrivals_s))
        try:
            await getattr(self, way)(user)
        except (Odd, OSError, KeyError, TypeError) as e:
            self.odd.append((way, user, repr(e)))
        self.ended[way] += 1

    async def _through(self, user, p):
        p = await self._wait(user, p)
        status, v = await self._ask("GET", "tokens/verify", user, token=p["token"])
        if status != 200 or v["userId"] != user:
            raise Odd(f"admitted, and then: {status} {v}")
        await asyncio.sleep(self.rng.uniform(0, 0.3))
        await self._ask("POST", "tokens/expire", user, {"token": p["token"]})
        status, v = await self._ask("GET", "tokens/verify", user, token=p["token"])
        if status != 403:
            raise Odd(f"given back, and then: {status} {v}")

    # --- the ways ---

    async def guest(self, user):
        await self._through(user, await self._enter(user))

    async def tabs(self, user):
        got = await asyncio.gather(*[self._enter(user) for _ in range(4)])
        if len({(p["number"], p["token"]) for p in got}) != 1:
            raise Odd(f"several places: {got}")
        await self._through(user, got[0])

    async def leaver(self, user):
        await self._enter(user)
        await asyncio.sleep(self.rng.uniform(0, 3))
        await self._ask("POST", "leave", user, {"userId": user, "scheduleId": self.room.schedule})
        status, p = await self._ask("GET", "status", user)
        if status != 404:
            raise Odd(f"left, and then: {status} {p}")

    async def returner(self, user):
        before = await self._enter(user)
        await self._ask("POST", "leave", user, {"userId": user, "scheduleId": self.room.schedule})
        p = await self._enter(user)
        if p["number"] <= before["number"]:
            raise Odd(f"came back to an old place: {before} {p}")
        await self._through(user, p)

    async def sleeper(self, user):
        """Never asks again."""
        await self._enter(user)

    async def dawdler(self, user):
        """Is admitted and stays until it is over."""
        p = await self._wait(user, await self._enter(user))
        while p["status"] == "ACTIVE":
            await asyncio.sleep(self.poll_s)
            status, p = await self._ask("GET", "status", user)
            if status != 200 or p["status"] not in ("ACTIVE", "EXPIRED"):
                raise Odd(f"admitted, and then: {status} {p}")
