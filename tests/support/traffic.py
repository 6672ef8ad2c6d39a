"""Buyers who go on buying while things break, and write down what they were promised."""
import http.client
import threading
import time


class Traffic:
    """Threads that hold, order and pay, one fresh seat of schedule 5 after the other. A lost answer is asked again, as
    a person would: an order by ready, a payment by mock-success. With `apis`, each request goes to any of them."""

    def __init__(self, world, apis, threads=4, rng=None, schedule=5):
        self.world, self.apis, self.rng, self.schedule = world, apis, rng, schedule
        self.seen, self.odd, self._lock = {}, [], threading.Lock()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(i,), daemon=True) for i in range(threads)]

    def __enter__(self):
        for t in self._threads:
            t.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        for t in self._threads:
            t.join()

    def finished(self):
        self._stop.set()
        for t in self._threads:
            t.join()

    def count(self, what, status):
        with self._lock:
            return self.seen.get((what, status), 0)

    def paid(self):
        return self.count("pay", 202) + self.count("pay", 200)

    def _note(self, what, answer):
        status = answer.status if answer is not None else "lost"
        with self._lock:
            self.seen[what, status] = self.seen.get((what, status), 0) + 1
            if status not in (200, 201, 202, 204, 409, 503, "lost"):
                self.odd.append((what, answer))

    def _run(self, i):
        n = i
        while not self._stop.is_set():
            user, seat = self.world.user(), self.world.seat(self.schedule)
            order = None
            for what in ("hold", "ready", "pay"):
                for _ in range(40):
                    n += 1
                    buyer = self.world.buyer(self.apis[n % len(self.apis)], user)
                    buyer.http.timeout_s = 30
                    try:
                        answer = (buyer.hold(self.schedule, seat) if what == "hold" else
                                  buyer.ready(self.schedule, seat) if what == "ready" else buyer.pay(order))
                    except (OSError, http.client.HTTPException):
                        answer = None
                    self._note(what, answer)
                    if answer is not None and answer.status != 503:
                        break
                    if self._stop.is_set() and what != "pay":
                        return
                    time.sleep(0.1)
                if answer is None or answer.status not in (200, 201, 202):
                    break
                if what == "ready":
                    order = answer.json["orderNo"]
