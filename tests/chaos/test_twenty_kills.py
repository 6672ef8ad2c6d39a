"""A loop of kills at random moments. TICKET_CHAOS_SEED repeats one, TICKET_CHAOS_KILLS says how many."""
import os
import random
import time

from support import invariants
from support.stack import eventually
from support.traffic import Traffic

KILLS = int(os.environ.get("TICKET_CHAOS_KILLS", "20"))


def test_twenty_kills_at_random_moments(fresh_world, servers):
    seed = int(os.environ.get("TICKET_CHAOS_SEED") or random.SystemRandom().randrange(2**32))
    print(f"\nTICKET_CHAOS_SEED={seed}", flush=True)
    rng = random.Random(seed)
    w = fresh_world()
    apis, consumers = [w.api(), w.api()], [w.consumer(), w.consumer()]
    story = []
    with Traffic(w, apis) as t:
        eventually(lambda: t.paid() > 10, "buyers buy")
        for _ in range(KILLS):
            time.sleep(rng.uniform(0.05, 0.8))
            what = rng.choice(["api", "api", "consumer", "consumer", "consumer", "kafka", "redis", "postgres", "flush"])
            pause = rng.uniform(0, 0.7)
            story.append(f"{what} {pause:.2f}")
            if what == "flush":
                servers.redis.flushall()
                continue
            victim = rng.choice(apis) if what == "api" else rng.choice(consumers) if what == "consumer" else getattr(servers, what)
            victim.kill()
            time.sleep(pause)
            if what in ("api", "consumer"):
                victim.start(ready=False)
            else:
                victim.start()
        before = t.paid()
        eventually(lambda: t.paid() > before + 20, lambda: f"buyers buy again: {t.seen}")
    for d in (*apis, *consumers):
        d.await_ready()
    print(f"{t.seen}\n{', '.join(story)}", flush=True)
    assert not t.odd, t.odd[:3]
    invariants.assert_all(w)
