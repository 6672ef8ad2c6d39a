"""What HTTP meets at its edges: a stop, a lack of descriptors, slow and half-closed clients, heads of any size."""
import gzip
import os
import resource
import socket
import threading
import time

import pytest

from support.client import Stream, answers, read_to_end
from support.expect import ok, problem
from support.stack import eventually

BIG = 5  # the schedule with 50,000 seats


@pytest.fixture(scope="module")
def http(api):
    return api.http


@pytest.fixture
def freeze(servers):
    """Freezes servers; whatever happens, they are awake afterwards."""
    yield lambda *names: [getattr(servers, name).freeze() for name in names]
    servers.heal()


def connect(api, timeout_s=60, receive=None):
    s = socket.socket()
    if receive:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive)
    s.settimeout(timeout_s)
    s.connect(("127.0.0.1", api.port))
    return s


def ask(s, path="/livez", method="GET", *headers):
    lines = "".join(f"{h}\r\n" for h in headers)
    s.sendall(f"{method} {path} HTTP/1.1\r\nHost: x\r\n{lines}\r\n".encode())


def rss(api):
    with open(f"/proc/{api.pid}/statm") as f:
        return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def cpu_s(api):
    with open(f"/proc/{api.pid}/stat") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def sanitized(api):
    with open(f"/proc/{api.pid}/maps") as f:
        return "libasan" in f.read() or "libtsan" in f.read()


# --- an answer that takes for ever to be read; looked at last, since its time is a minute ---

class SlowReader(threading.Thread):
    """Takes a little of a large answer again and again; .took: how long it was let, None if to the end."""

    def __init__(self, api):
        super().__init__(daemon=True)
        self.api, self.took, self.enough = api, None, threading.Event()
        self.start()

    def run(self):
        with connect(self.api, receive=4096) as s:
            ask(s, f"/schedules/{BIG}/seats")
            start = time.monotonic()
            try:
                while s.recv(2048):
                    self.enough.wait(0.3)
                    if self.enough.is_set():
                        return
            except OSError:
                pass
            self.took = time.monotonic() - start


@pytest.fixture(scope="module", autouse=True)
def slow_reader(world, api):
    reader = SlowReader(api)
    yield reader
    reader.enough.set()
    reader.join()


# --- stopping ---

def test_a_stream_that_begins_during_the_stop_is_refused(world):
    api = world.api()
    sid = world.schedule(seats=2)
    ok(api.http.get(f"/schedules/{sid}/seats"), 200)
    with connect(api) as s, connect(api) as head:
        s.sendall(f"GET /schedules/{sid}/seats/events HTTP/1.1\r\nHost: x\r\n".encode())
        head.sendall(f"HEAD /schedules/{sid}/seats/events HTTP/1.1\r\nHost: x\r\n".encode())
        time.sleep(0.3)
        start = time.monotonic()
        api.term()
        time.sleep(0.3)
        s.sendall(b"\r\n")
        head.sendall(b"\r\n")
        got = answers(read_to_end(s))[0]
        problem(got, 503, "UNAVAILABLE")
        assert got.header("Retry-After") and got.header("Connection") == "close"
        assert read_to_end(head).startswith(b"HTTP/1.1 503")
    assert api.wait() == 0
    assert time.monotonic() - start < 8, "nothing was left to wait for"


def test_who_still_waits_when_the_stop_has_waited_enough_hears_so(world, freeze):
    """More than are kept unsuspended; the database answers nobody within its own long deadline."""
    api = world.api(http_shards=1, database_timeout_ms=120000)
    waiting = [connect(api) for _ in range(300)]
    gone = [connect(api) for _ in range(10)]
    freeze("postgres")
    for i, s in enumerate(waiting + gone):
        ask(s, f"/schedules/{900000 + i}/seats" if i % 2 else f"/schedules/{900000 + i}")
    time.sleep(1)
    for s in gone:
        s.close()
    api.term()
    assert api.wait() == 0
    for s in waiting:
        problem(answers(read_to_end(s))[0], 503, "UNAVAILABLE")
        s.close()


def test_reports_that_come_after_the_end_of_the_shards_harm_nobody(world, freeze):
    """Kafka answers when the shards have ended, in the time that the producer gets for the rest."""
    api = world.api(database_timeout_ms=60000)
    buyer = world.buyer(api)
    order = buyer.must_ready(2, world.seat())
    start = time.monotonic()
    freeze("postgres", "kafka")
    with connect(api) as s:
        body = f'{{"userId":{buyer.user},"orderNo":"{order}"}}'
        s.sendall(f"POST /payment/mock-success HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                  f"Content-Length: {len(body)}\r\n\r\n{body}".encode())
        time.sleep(0.3)
        api.term()
        time.sleep(7)
        world.servers.postgres.thaw()
        answers(read_to_end(s))
    time.sleep(max(0, 15.8 - (time.monotonic() - start)))
    world.servers.kafka.thaw()
    assert api.wait() == 0


# --- descriptors and connections ---

def test_no_descriptors_left_is_said_at_once_and_costs_nothing(world):
    api = world.api(http_shards=1)
    resource.prlimit(api.pid, resource.RLIMIT_NOFILE, (api.fds() + 10, 4096))
    clients = [connect(api, 10) for _ in range(40)]
    try:
        served = 0
        for s in clients:
            try:
                ask(s)
            except OSError:
                pass  # refused before it has spoken
            got = s.recv(65536)
            assert got.startswith((b"HTTP/1.1 200", b"HTTP/1.1 503")), got
            served += got.startswith(b"HTTP/1.1 200")
        assert 1 <= served < 40
        before = cpu_s(api)
        time.sleep(1)
        assert cpu_s(api) - before < 0.5, "it spins"
    finally:
        for s in clients:
            s.close()
    eventually(api.is_ready, "connections are accepted again")
    api.stop()


def test_the_limit_of_connections_is_the_daemons_not_the_shards(world):
    """The system deals connections to shards by hash: unevenly."""
    api = world.api(http_shards=4, http_max_connections=20)
    time.sleep(0.3)
    held = []
    try:
        for i in range(20):
            held.append(connect(api, 10))
            ask(held[-1])
            assert held[-1].recv(65536).startswith(b"HTTP/1.1 200"), f"connection {i + 1} of 20"
        for _ in range(5):
            with connect(api, 10) as s:
                assert b" 503 " in s.recv(65536)
    finally:
        for s in held:
            s.close()
    eventually(api.is_ready, "connections are accepted again")
    api.stop()


def test_dead_peers_are_looked_for(api, http):
    """A connection that is silent has the keep-alive timer on: tr is 02 in /proc/net/tcp."""
    def timer_of(client):
        with open("/proc/net/tcp") as f:
            for line in f.readlines()[1:]:
                fields = line.split()
                ports = [int(fields[i].split(":")[1], 16) for i in (1, 2)]
                if ports == [api.port, client.getsockname()[1]]:
                    return fields[5].split(":")[0]
    with connect(api) as s:
        ask(s)
        assert s.recv(65536)
        eventually(lambda: timer_of(s) == "02", lambda: f"timer {timer_of(s)}", within_s=10)


# --- streams ---

def deaf(api, sid):
    s = connect(api, receive=4096)
    ask(s, f"/schedules/{sid}/seats/events")
    assert s.recv(1000).startswith(b"HTTP/1.1 200")
    return s


def test_listeners_who_do_not_read_share_what_they_do_not_read(world):
    api = world.api(http_shards=1)
    first = deaf(api, BIG)
    before = rss(api)
    listeners = [deaf(api, BIG) for _ in range(40)]
    try:
        time.sleep(1)
        assert rss(api) - before < 40 << 20, f"{(rss(api) - before) >> 20} MB for {len(listeners)} listeners"
    finally:
        for s in (first, *listeners):
            s.close()
    api.stop()


def test_a_large_event_arrives_whole_however_it_is_read(api, http):
    with Stream(http, f"/schedules/{BIG}/seats/events") as s:
        event, seats = s.next()
    assert event == "seats" and len(seats) == 50000 and len({x["seatNo"] for x in seats}) == 50000


def test_a_listener_costs_little(world):
    api = world.api(http_shards=1)
    if sanitized(api):
        api.stop()
        pytest.skip("a sanitizer's memory is not ours")
    sid, n = world.schedule(seats=2), 1000
    warm = [deaf(api, sid) for _ in range(50)]
    before = rss(api)
    listeners = [deaf(api, sid) for _ in range(n)]
    try:
        assert (rss(api) - before) / n < 12 << 10, f"{(rss(api) - before) / n:.0f} bytes a listener"
    finally:
        for s in warm + listeners:
            s.close()
    api.stop()


def test_head_of_a_stream_has_no_body_and_ends(world, api):
    sid = world.schedule(seats=2)
    with connect(api, 10) as s:
        ask(s, f"/schedules/{sid}/seats/events", "HEAD")
        ask(s, "/livez", "GET", "Connection: close")
        data = read_to_end(s)
    head, _, rest = data.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200") and b"text/event-stream" in head
    assert rest.startswith(b"HTTP/1.1 200"), data


def test_a_silent_stream_is_heard_of_every_fifteen_seconds(world, api):
    sid = world.schedule(seats=2)
    with connect(api, 2) as s:
        ask(s, f"/schedules/{sid}/seats/events")
        try:
            while s.recv(65536):
                last = time.monotonic()
        except TimeoutError:
            pass
        s.settimeout(20)
        assert b":" in s.recv(65536)
        assert time.monotonic() - last <= 15


# --- slow and half-closed clients ---

TIMEOUT_MS = 800


@pytest.fixture(scope="module")
def strict(world):
    return world.api(request_timeout_ms=TIMEOUT_MS, http_shards=1)


@pytest.mark.parametrize("pause_s", [0.1, 1.0])
def test_half_a_line_on_an_old_connection_is_cut_off_like_any(strict, pause_s):
    with connect(strict, 20) as s:
        ask(s)
        assert s.recv(65536).startswith(b"HTTP/1.1 200")
        time.sleep(pause_s)
        s.sendall(b"GET /liv")
        start = time.monotonic()
        assert s.recv(65536) == b""
        took = time.monotonic() - start
    assert TIMEOUT_MS / 1000 - 0.15 < took < 10


def test_an_old_connection_that_says_nothing_stays(strict):
    with connect(strict, 20) as s:
        for _ in range(3):
            ask(s)
            assert s.recv(65536).startswith(b"HTTP/1.1 200")
            time.sleep(TIMEOUT_MS / 1000 * 2.2)
        ask(s)
        assert s.recv(65536).startswith(b"HTTP/1.1 200")


def test_clients_that_have_said_all_are_answered_however_many_wait(world, freeze):
    api = world.api(http_shards=1, database_timeout_ms=30000)
    clients = [connect(api) for _ in range(400)]
    freeze("postgres")
    try:
        for i, s in enumerate(clients):
            ask(s, f"/schedules/{800000 + i}")
            s.shutdown(socket.SHUT_WR)
        time.sleep(1)
        world.servers.postgres.thaw()
        got = [answers(read_to_end(s)) for s in clients]
        assert sum(not a for a in got) == 0, f"{sum(not a for a in got)} of {len(got)} heard nothing"
        assert {a[0].status for a in got} <= {404, 503}
    finally:
        for s in clients:
            s.close()
    api.stop()


# --- sizes ---

def one_header(n):
    return [f"X-A: {'a' * n}"]


def many_headers(n):
    return [f"X-{i}: {'a' * 40}" for i in range(n // 50)]


def cookies(n):
    return ["Cookie: " + "; ".join(f"c{i}=abcdefghij" for i in range(n // 17))]


@pytest.mark.parametrize("headers", [one_header, many_headers, cookies])
def test_a_head_of_any_size_is_answered(http, headers):
    silent = []
    for size in range(1000, 1300 if headers is cookies else 10000, 60):
        lines = "".join(f"{h}\r\n" for h in headers(size))
        got = answers(http.raw(f"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{lines}\r\n".encode()))
        if not got or got[0].status not in (200, 400, 413, 414, 431):
            silent.append((size, got))
    assert not silent


def test_a_head_that_is_too_large_is_a_problem_of_ours(http):
    seen = set()
    for size in range(6500, 8000, 20):
        line = f"X-A: {'a' * size}"
        got = answers(http.raw(f"GET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{line}\r\n\r\n".encode()))
        if got and got[0].code:
            problem(got[0], 400, "VALIDATION_FAILED", field="")
            assert got[0].header("Connection") == "close"
            seen.add(size)
    assert len(seen) > 5


def test_chunks_without_end_are_413(http):
    chunk = b"1000\r\n" + b" " * 4096 + b"\r\n"
    got = answers(http.raw(b"POST /tickets/hold HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                           b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n" + chunk * 700 + b"0\r\n\r\n"))
    problem(got[0], 413, "BODY_TOO_LARGE")


# --- headers ---

ORIGIN = "https://shop.example"


@pytest.fixture(scope="module")
def shop(world):
    """An API with an origin besides its own."""
    return world.api(cors_origins=ORIGIN).http


@pytest.mark.parametrize("path", ["/concerts", "/schedules/2/seats", "/nope", "/schedules/2/seats/events"])
def test_what_depends_on_the_origin_says_so_to_caches(shop, path):
    for headers in ({}, {"Origin": ORIGIN}, {"Origin": "https://evil.example"}):
        with Stream(shop, path, headers) as s:
            vary = s.response.getheader("Vary") or ""
            assert "origin" in vary.lower(), (path, headers, vary)
            allowed = s.response.getheader("Access-Control-Allow-Origin")
            assert allowed == (ORIGIN if headers.get("Origin") == ORIGIN else None)
    assert "accept-encoding" in shop.get("/schedules/2/seats").header("Vary").lower()


def test_pages_may_read_the_headers_that_matter(shop, http):
    exposed = shop.get("/schedules/2", {"Origin": ORIGIN}).header("Access-Control-Expose-Headers").lower()
    assert all(h in exposed for h in ("etag", "retry-after", "location", "idempotency-replayed"))
    assert http.get("/schedules/2", {"Origin": ORIGIN}).header("Access-Control-Expose-Headers") is None


def test_a_page_may_read_why_its_request_was_refused(shop):
    got = answers(shop.raw(f"BREW /livez HTTP/1.1\r\nHost: x\r\nOrigin: {ORIGIN}\r\n\r\n".encode()))
    problem(got[0], 400, "VALIDATION_FAILED")
    assert got[0].header("Access-Control-Allow-Origin") == ORIGIN


@pytest.mark.parametrize("accept, gzipped", [("gzip", True), ("*;q=0, gzip", True), ("gzip, *;q=0", True), ("*", True),
                                             ("*, gzip;q=0", False), ("gzip;q=0, *", False), ("identity", False),
                                             ("*;q=0", False), ("br, GZIP;q=0.5", True)])
def test_an_encoding_that_is_named_counts_more_than_any(http, accept, gzipped):
    got = http.get("/schedules/2/seats", {"Accept-Encoding": accept})
    assert (got.header("Content-Encoding") == "gzip") == gzipped
    assert (gzip.decompress(got.body) if gzipped else got.body).startswith(b"{")


def test_options_of_the_server_itself(api, http):
    got = answers(http.raw(b"OPTIONS * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"))[0]
    assert got.status == 204 and all(m in got.header("Allow") for m in ("GET", "HEAD", "POST", "DELETE", "OPTIONS"))
    assert answers(http.raw(b"GET * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"))[0].status == 404


def test_not_modified_has_the_headers_of_what_was_not_modified(http):
    whole = ok(http.get("/schedules/2/seats"), 200) and http.get("/schedules/2/seats")
    got = http.get("/schedules/2/seats", {"If-None-Match": whole.header("ETag")})
    assert got.status == 304 and got.body == b""
    assert got.header("ETag") == whole.header("ETag") and got.header("Cache-Control") == whole.header("Cache-Control")
    assert got.header("Content-Length") in (None, whole.header("Content-Length"))


# --- last ---

def test_an_answer_must_have_been_read_within_a_minute(slow_reader):
    slow_reader.join(80)
    assert slow_reader.took is not None, "it may read for ever"
    assert 55 < slow_reader.took < 75
