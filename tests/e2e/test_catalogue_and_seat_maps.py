"""GET /concerts, /concerts/{id}/schedules, /schedules/{id}, seat maps, seats/events."""
import gzip
import itertools
import re
import threading
import time
from urllib.parse import quote

import pytest

from support.client import Stream
from support.expect import is_time, ok, problem
from support.stack import eventually


@pytest.fixture(scope="module")
def http(api):
    return api.http


def pages(http, path, limit):
    """All items by following nextCursor, and the number of pages."""
    items, cursor, n = [], None, 0
    while True:
        sep = "&" if "?" in path else "?"
        page = ok(http.get(f"{path}{sep}limit={limit}" + (f"&cursor={quote(cursor)}" if cursor else "")))
        items += page["items"]
        n += 1
        cursor = page["nextCursor"]
        if cursor is None:
            return items, n
        assert isinstance(cursor, str) and len(page["items"]) == limit


# --- concerts ---

def test_the_sample_concerts_are_listed(http):
    items = ok(http.get("/concerts"))["items"]
    assert [(c["id"], c["queueRequired"]) for c in items[:2]] == [(1, True), (2, False)]
    assert all(c["title"] and isinstance(c["description"], str) for c in items)
    assert ok(http.get("/concerts"))["nextCursor"] is None


def test_lists_go_page_by_page_in_the_order_of_ids(world, http):
    world.sql("INSERT INTO concert (title, description) SELECT '공연 ' || i, 'd' FROM generate_series(1, 25) i")
    everything, n = pages(http, "/concerts", 100)
    assert n == 1 and [c["id"] for c in everything] == sorted(c["id"] for c in everything) and len(everything) == 27
    for limit in (1, 5, 9, 27):
        items, n = pages(http, "/concerts", limit)
        assert items == everything and n == -(-27 // limit)
    assert len(ok(http.get("/concerts"))["items"]) == 20, "the default limit"
    assert everything[-1]["title"] == "공연 25"


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=-1", "limit=abc", "limit=1.5", "limit=", "limit=99999999999999999999"])
def test_a_limit_out_of_bounds_is_400(http, query):
    problem(http.get(f"/concerts?{query}"), 400, "VALIDATION_FAILED", field="limit")


@pytest.mark.parametrize("cursor", ["x", "%FF%FE", "A" * 300, "-1", "%27%20OR%201=1"])
def test_a_cursor_that_was_made_up_is_400(http, cursor):
    problem(http.get(f"/concerts?cursor={cursor}"), 400, "VALIDATION_FAILED", field="cursor")


def test_titles_with_quotes_and_every_script_survive(world, http):
    title, text = 'a "quoted" \\ title', "줄\n바꿈\t🎫 \u2028 <script>"
    cid = world.sql.one("INSERT INTO concert (title, description) VALUES (%s, %s) RETURNING id", title, text)
    found = [c for c in pages(http, "/concerts", 100)[0] if c["id"] == cid]
    assert [(c["title"], c["description"]) for c in found] == [(title, text)]


# --- schedules ---

def test_only_schedules_on_sale_unless_asked(http):
    items = ok(http.get("/concerts/2/schedules"))["items"]
    assert [s["id"] for s in items if s["id"] <= 5] == [2, 4, 5]
    assert all(s["status"] == "ON_SALE" and is_time(s["showAt"]) for s in items)
    assert [s["id"] for s in ok(http.get("/concerts/2/schedules?status=CLOSED"))["items"]] == [3]
    problem(http.get("/concerts/2/schedules?status=NOPE"), 400, "VALIDATION_FAILED", field="status")


def test_a_schedule_counts_what_is_available_by_grade(world, api, http):
    s = ok(http.get("/schedules/4"))
    assert (s["id"], s["status"], s["saleOpensAt"], s["showAt"]) == (4, "ON_SALE", None, "2035-05-20T10:00:00.000Z")
    assert s["remaining"] == {"VIP": 100, "R": 300, "S": 600}
    world.buyer(api).must_hold(4, world.seat(4, "VIP"))
    eventually(lambda: ok(http.get("/schedules/4"))["remaining"] == {"VIP": 99, "R": 300, "S": 600}, "one VIP less")
    listed = [x for x in ok(http.get("/concerts/2/schedules"))["items"] if x["id"] == 4]
    assert listed[0]["remaining"] == {"VIP": 99, "R": 300, "S": 600}


def test_schedules_are_filtered_by_time(world, http):
    cid = world.sql.one("INSERT INTO concert (title) VALUES ('by time') RETURNING id")
    for day in (1, 2, 3):
        world.sql("INSERT INTO schedule (concert_id, show_at, sale_opens_at) VALUES (%s, %s, %s)", cid,
                  f"2033-01-0{day}T10:00:00Z", f"2032-01-0{day}T10:00:00.250Z")

    def days(query):
        return [s["showAt"][9] for s in ok(http.get(f"/concerts/{cid}/schedules?{query}"))["items"]]
    assert days("") == ["1", "2", "3"]
    assert days("from=2033-01-02T00:00:00Z") == ["2", "3"]
    assert days("to=2033-01-02T23:59:59.999Z") == ["1", "2"]
    assert days("from=2033-01-02T00:00:00.000Z&to=2033-01-03T00:00:00Z") == ["2"]
    assert days("from=2033-01-02T09:00:00%2B09:00&to=2033-01-03T00:00:00Z") == ["2"]
    assert days("limit=2") == ["1", "2"]
    assert ok(http.get(f"/concerts/{cid}/schedules"))["items"][0]["saleOpensAt"] == "2032-01-01T10:00:00.250Z"
    problem(http.get(f"/concerts/{cid}/schedules?from=yesterday"), 400, "VALIDATION_FAILED", field="from")
    problem(http.get(f"/concerts/{cid}/schedules?to=2033-13-01T00:00:00Z"), 400, "VALIDATION_FAILED", field="to")
    assert pages(http, f"/concerts/{cid}/schedules", 2)[1] == 2


@pytest.mark.parametrize("path", ["/concerts/999999/schedules", "/concerts/0/schedules", "/concerts/abc/schedules",
                                  "/schedules/0", "/schedules/-1", "/schedules/abc", "/schedules/1.5", "/schedules/01x",
                                  "/schedules/9007199254740992", "/schedules/99999999999999999999", "/schedules/0/seats",
                                  "/schedules/%31%00/seats"])
def test_a_path_that_names_nothing_is_404(http, path):
    if "%00" in path:
        assert http.get(path).status in (400, 404)
    else:
        problem(http.get(path), 404, "NOT_FOUND")


@pytest.mark.parametrize("path", ["/schedules/999999", "/schedules/999999/seats", "/schedules/999999/seats/available",
                                  "/schedules/999999/seats/events", "/seats/available?scheduleId=999999",
                                  "/schedules/9007199254740991"])
def test_an_unknown_schedule_is_404(http, path):
    problem(http.get(path), 404, ("SCHEDULE_NOT_FOUND", "NOT_FOUND"))


# --- seat maps ---

def test_a_seat_map_has_every_seat(http):
    m = ok(http.get("/schedules/1/seats"))
    assert m["scheduleId"] == 1 and len(m["seats"]) == 1000
    assert m["seats"][0] == {"seatNo": "A-1", "section": "A", "grade": "VIP", "price": 150000, "status": "AVAILABLE"}
    assert m["seats"][999]["seatNo"] == "C-600" and m["seats"][100]["price"] == 120000
    assert {s["status"] for s in m["seats"]} == {"AVAILABLE"}


def test_fifty_thousand_seats_too(http):
    m = ok(http.get("/schedules/5/seats"))
    assert len(m["seats"]) == 50000 and m["seats"][-1]["seatNo"] == "D-50000"


def test_a_map_is_at_most_one_second_behind(world, api, http):
    buyer = world.buyer(api)
    sid = world.schedule(seats=5)

    def statuses(path=f"/schedules/{sid}/seats"):
        return {s["seatNo"]: s["status"] for s in ok(http.get(path))["seats"]}
    assert set(statuses().values()) == {"AVAILABLE"}
    for seat in ("Z-1", "Z-2", "Z-3"):
        buyer.must_hold(sid, seat)
        time.sleep(1.0)
        assert statuses()[seat] == "HOLD"
        assert seat not in statuses(f"/schedules/{sid}/seats/available")
    assert buyer.release(sid, "Z-2").status == 204
    time.sleep(1.0)
    assert statuses() == {"Z-1": "HOLD", "Z-2": "AVAILABLE", "Z-3": "HOLD", "Z-4": "AVAILABLE", "Z-5": "AVAILABLE"}
    world.redis.delete(f"seat:lock:{{{sid}}}:Z-1")
    time.sleep(1.0)
    assert statuses()["Z-1"] == "AVAILABLE"


def test_the_available_seats_alone(world, api, http):
    sid = world.schedule(seats=3)
    world.buyer(api).must_hold(sid, "Z-2")
    eventually(lambda: len(ok(http.get(f"/schedules/{sid}/seats/available"))["seats"]) == 2, "two left")
    a = ok(http.get(f"/schedules/{sid}/seats/available"))
    assert a["scheduleId"] == sid and [s["seatNo"] for s in a["seats"]] == ["Z-1", "Z-3"]
    assert {s["status"] for s in a["seats"]} == {"AVAILABLE"}
    assert ok(http.get(f"/seats/available?scheduleId={sid}")) == a
    problem(http.get("/seats/available"), 400, "VALIDATION_FAILED", field="scheduleId")
    problem(http.get("/seats/available?scheduleId=abc"), 400, "VALIDATION_FAILED", field="scheduleId")


def test_an_etag_is_strong_and_answers_304_until_something_changes(world, api, http):
    sid = world.schedule(seats=3)
    path = f"/schedules/{sid}/seats"
    first = http.get(path)
    tag = first.header("ETag")
    assert re.fullmatch(r'"[\x21\x23-\x7e]+"', tag or ""), f"no strong ETag: {tag}"
    for sent in (tag, f'"other", {tag}', f"W/{tag}", "*"):
        same = http.get(path, {"If-None-Match": sent})
        assert (same.status, same.body) == (304, b""), (sent, same)
        assert same.header("ETag") == tag
    assert http.get(path, {"If-None-Match": '"other"'}).status == 200
    world.buyer(api).must_hold(sid, "Z-1")
    time.sleep(1.0)
    changed = http.get(path, {"If-None-Match": tag})
    assert changed.status == 200 and changed.header("ETag") != tag


def test_gzip_on_request_with_an_etag_of_its_own(http):
    path = "/schedules/1/seats"
    plain, zipped = http.get(path), http.get(path, {"Accept-Encoding": "gzip"})
    assert plain.header("Content-Encoding") is None and zipped.header("Content-Encoding") == "gzip"
    assert gzip.decompress(zipped.body) == plain.body and len(zipped.body) < len(plain.body) / 5
    assert zipped.header("ETag") != plain.header("ETag")
    assert "accept-encoding" in (zipped.header("Vary") or "").lower() and "accept-encoding" in (plain.header("Vary") or "").lower()
    assert http.get(path, {"Accept-Encoding": "gzip", "If-None-Match": zipped.header("ETag")}).status == 304
    for accept, coded in (("gzip;q=0", None), ("identity", None), ("br", None), ("br, gzip;q=0.5", "gzip"), ("*", "gzip"),
                          ("gzip;q=0, *", None), ("GZIP", "gzip")):
        got = http.get(path, {"Accept-Encoding": accept}).header("Content-Encoding")
        assert got == coded or accept == "*", (accept, got)


def test_every_daemon_has_the_same_etag_for_the_same_content(world, api, http):
    second = world.api()
    sid = world.schedule(seats=20)
    world.buyer(api).must_hold(sid, "Z-7")
    path = f"/schedules/{sid}/seats"

    def tags():
        return {d.http.get(path, {"Accept-Encoding": enc}).header("ETag") for d in (api, second) for enc in ("gzip",)}
    eventually(lambda: len(tags()) == 1, "one ETag")
    assert api.http.get(path).header("ETag") == second.http.get(path).header("ETag")
    assert api.http.get(path).body == second.http.get(path).body
    second.stop()


def test_head_is_get_without_a_body(http):
    got, head = http.get("/schedules/1/seats"), http.request("HEAD", "/schedules/1/seats")
    assert head.status == 200 and head.body == b""
    assert head.header("ETag") == got.header("ETag") and head.header("Content-Length") == str(len(got.body))


# --- what changes, as it changes ---

def next_seats(stream):
    event, data = stream.next()
    assert event == "seats"
    return {s["seatNo"]: s["status"] for s in data}


def test_a_stream_gives_the_whole_first_and_then_only_what_changed(world, api, http):
    sid = world.schedule(seats=6)
    buyer = world.buyer(api)
    buyer.must_hold(sid, "Z-6")
    time.sleep(1.0)
    with Stream(http, f"/schedules/{sid}/seats/events") as s:
        assert s.status == 200 and s.content_type.startswith("text/event-stream")
        first = next_seats(s)
        assert first == {**{f"Z-{i}": "AVAILABLE" for i in range(1, 6)}, "Z-6": "HOLD"}
        buyer.must_hold(sid, "Z-1")
        assert next_seats(s) == {"Z-1": "HOLD"}
        buyer.must_hold(sid, "Z-2")
        assert next_seats(s) == {"Z-2": "HOLD"}
        buyer.release(sid, "Z-1")
        assert next_seats(s) == {"Z-1": "AVAILABLE"}


def test_many_listeners_hear_the_same_and_cost_one_look_up(world, api, http):
    sid = world.schedule(seats=4)
    buyer = world.buyer(api)
    streams = [Stream(http, f"/schedules/{sid}/seats/events") for _ in range(50)]
    try:
        for s in streams:
            assert len(next_seats(s)) == 4
        stats = world.servers.redis.client().info("stats")
        before, t0 = stats["total_commands_processed"], time.monotonic()
        buyer.must_hold(sid, "Z-3")
        for s in streams:
            assert next_seats(s) == {"Z-3": "HOLD"}
        time.sleep(1.0)
        took = time.monotonic() - t0
        asked = world.servers.redis.client().info("stats")["total_commands_processed"] - before
        assert asked < 60 + 60 * took, f"{asked} Redis commands in {took:.1f} s for 50 listeners"
    finally:
        for s in streams:
            s.close()


def test_listeners_who_leave_are_forgotten(world, api, http):
    sid = world.schedule(seats=2)
    rest = api.fds()
    streams = [Stream(http, f"/schedules/{sid}/seats/events") for _ in range(30)]
    for s in streams:
        next_seats(s)
    assert api.fds() >= rest + 30
    for s in streams:
        s.close()
    buyer = world.buyer(api)

    moves = itertools.cycle([buyer.hold, buyer.release])

    def gone():
        next(moves)(sid, "Z-1")
        return api.fds() <= rest + 5
    eventually(gone, "their descriptors are closed", every_s=0.7)


def test_a_listener_who_does_not_read_harms_nobody(world, api, http):
    sid = world.schedule(seats=200)
    buyer = world.buyer(api)
    deaf, good = Stream(http, f"/schedules/{sid}/seats/events"), Stream(http, f"/schedules/{sid}/seats/events")
    try:
        assert len(next_seats(good)) == 200
        heard = []
        t = threading.Thread(target=lambda: heard.append(next_seats(good)))
        t.start()
        buyer.must_hold(sid, "Z-1")
        t.join(30)
        assert heard == [{"Z-1": "HOLD"}]
    finally:
        deaf.close()
        good.close()
