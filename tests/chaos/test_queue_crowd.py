"""Ten thousand people, and one who listens without ever reading."""
import socket
import threading
import time

import pytest

from support.crowd import Crowd
from support.stack import eventually
from support.waiting_room import Room, Watcher, assert_etas_come_true, clock_ahead_s


class Deaf(threading.Thread):
    """A stream that nobody reads, in a room where something changes all the time, until the daemon has had enough."""

    def __init__(self, world):
        super().__init__(daemon=True)
        self.api = world.api()
        self.room = Room(world, [self.api])
        self.room.steer(0)
        self.guest, self.dropped, self.over = self.room.guest(), None, threading.Event()
        self.guest.must_enter()

    def run(self):
        s = socket.socket()
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        s.connect(("127.0.0.1", self.api.port))
        s.sendall(f"GET /queue/events?scheduleId={self.room.schedule}&userId={self.guest.user} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        eventually(lambda: self.api.metrics().get("ticket_http_streams") == 1, "it listens")
        start, other = time.monotonic(), self.room.guest()
        while self.api.metrics().get("ticket_http_streams") == 1 and not self.over.is_set():
            other.must_enter()
            time.sleep(0.7)
            other.leave()
            time.sleep(0.7)
        self.dropped = time.monotonic() - start
        s.close()


@pytest.fixture(scope="module", autouse=True)
def deaf(world):
    """Begins first and is looked at last: it takes its time."""
    t = Deaf(world)
    t.start()
    yield t
    t.over.set()
    t.join()


def admitted(room):
    return sum(a.metrics().get("ticket_queue_admitted_total") for a in room.apis)


def test_ten_thousand_are_let_in_in_order_and_as_foretold(fresh_world):
    """One in twenty asks how long it takes; that is within 30 %."""
    w = fresh_world(queue_max_active=100_000, queue_admit_per_s=400, queue_claim_ttl_s=10, queue_active_ttl_s=10,
                    queue_wait_grace_s=0)
    room = Room(w, [w.api() for _ in range(4)])
    crowd = Crowd(room, 7, poll_s=1, arrivals_s=8, ways={"sleeper": 95, "guest": 5})
    with Watcher(room, 100_000, 400, every_s=0.05) as watcher:
        ahead = clock_ahead_s(w)
        crowd.rush(10_000)
        eventually(lambda: admitted(room) == 10_000, lambda: f"{admitted(room)} were let in")
    watcher.assert_kept()
    told = {(u, n) for n, u in crowd.numbers.items()}
    assert len(told) == 10_000 and set(watcher.admitted) <= told
    assert len(watcher.admitted) > 9_500, "the watcher was blind"  # some guests come and go between two looks
    assert_etas_come_true(crowd, watcher, ahead)


def test_who_never_reads_is_dropped_in_the_end(deaf):
    """A minute after there was no room for more of what it does not read."""
    eventually(lambda: deaf.dropped, "it is dropped", within_s=240, every_s=0.5)
    assert deaf.dropped > 50, "too soon: a slow client is no dead one"
    assert deaf.guest.place()["status"] == "WAITING", "the place is kept"
