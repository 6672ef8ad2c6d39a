"""Contract section 3 and the guard of promises section 4: what a request must be, and what a bad one hears."""
import gzip
import json
import re
import socket
import time

import pytest

from support.client import answers, read_to_end
from support.expect import HANGUL, ok, problem
from support.stack import eventually, together, uuid7

JSON = {"Content-Type": "application/json"}


@pytest.fixture(scope="module")
def http(api):
    return api.http


@pytest.fixture
def good(world):
    """A body that would be accepted."""
    return {"userId": world.user(), "scheduleId": 2, "seatNo": world.seat()}


def post(http, body, path="/tickets/hold", headers=None):
    return http.post(path, body, headers or JSON)


# --- bodies ---

NO_OBJECT = [b"", b"{", b"}", b"[]", b'"x"', b"null", b"true", b"7", b"{]", b"hello", b'{"userId":7', b'{"userId":7,}',
             b"{'userId':7}", b'{userId:7}', b'{"userId":7} x', b'{"userId":7}{"userId":8}', b'{"userId":NaN}',
             b'{"userId":Infinity}', b'{"userId":-}', b'{"userId":1.}', b'{"userId":.5}', b'{"userId":1e}',
             b'{"userId":0x7}', b'{"userId":07}', b'{"userId":+7}', b'{"userId" 7}', b'{"a":"\x01"}', b'{"a":"\\x41"}',
             b'{"a":"\\u12"}', b'/* hi */ {"userId":7}', b'{"userId":7} // hi', b'{"a":tru}', b'{"a":nul}', b'{,}', b'{"a"}',
             b'\xef\xbb\xbf{"userId":']


@pytest.mark.parametrize("body", NO_OBJECT, ids=repr)
def test_a_body_that_is_no_json_object_is_400(http, body):
    problem(post(http, body), 400, "VALIDATION_FAILED", field="")


def test_ones_own_seat_number_in_every_wrong_shape_is_400(http, good):
    for bad in ("", " ", "A" * 21, "A 1", "A_1", "좌석", "A-1\n", "a/b", 5, 1.5, True, None, [], {}, ["A-1"]):
        problem(post(http, {**good, "seatNo": bad}), 400, "VALIDATION_FAILED", field="seatNo")
    for missing in ("userId", "scheduleId"):
        problem(post(http, {k: v for k, v in good.items() if k != missing}), 400, "VALIDATION_FAILED", field=missing)


@pytest.mark.parametrize("field", ["userId", "scheduleId"])
@pytest.mark.parametrize("value", ["0", "-1", "9007199254740992", "9223372036854775807", "9223372036854775808",
                                   "18446744073709551617", "1e400", "-1e400", "1.5", '"2"', '"12abc"', "true", "null", "[]",
                                   "[2]", "{}", "1" + "0" * 400, '""'])
def test_a_number_that_is_none_or_out_of_range_is_400(http, good, field, value):
    body = json.dumps({k: v for k, v in good.items() if k != field})[:-1] + f', "{field}": {value}}}'
    problem(post(http, body), 400, "VALIDATION_FAILED", field=field)


def test_several_faults_are_named_together(http):
    p = problem(post(http, {"userId": 0, "scheduleId": "x"}), 400, "VALIDATION_FAILED", field="userId")
    assert {e["field"] for e in p["errors"]} >= {"userId", "scheduleId"}


RAW = {
    "a field twice": b'{"userId":7,"scheduleId":2,"seatNo":"C-1","seatNo":"C-2"}',
    "a number twice": b'{"userId":7,"userId":8,"scheduleId":2,"seatNo":"C-1"}',
    "a field twice by an escape": b'{"userId":7,"\\u0075serId":8,"scheduleId":2,"seatNo":"C-1"}',
    "NUL escaped": b'{"userId":7,"scheduleId":2,"seatNo":"C-1\\u0000"}',
    "NUL as it is": b'{"userId":7,"scheduleId":2,"seatNo":"C-1\x00"}',
    "NUL after the body": b'{"userId":7,"scheduleId":2,"seatNo":"C-1"}\x00',
    "NUL in the name of a field": b'{"userId":7,"scheduleId":2,"seatNo":"C-1","a\\u0000b":1}',
    "a lone high surrogate": b'{"userId":7,"scheduleId":2,"seatNo":"\\ud800"}',
    "a lone low surrogate": b'{"userId":7,"scheduleId":2,"seatNo":"\\udc00"}',
    "surrogates the wrong way round": b'{"userId":7,"scheduleId":2,"seatNo":"\\udc00\\ud800"}',
    "a lone surrogate in an unknown field": b'{"userId":7,"scheduleId":2,"seatNo":"C-1","x":"\\ud83d"}',
    "invalid UTF-8": b'{"userId":7,"scheduleId":2,"seatNo":"C-\xff"}',
    "overlong UTF-8": b'{"userId":7,"scheduleId":2,"seatNo":"C-\xc0\xb1"}',
    "a surrogate in UTF-8": b'{"userId":7,"scheduleId":2,"seatNo":"\xed\xa0\x80"}',
    "beyond Unicode": b'{"userId":7,"scheduleId":2,"seatNo":"\xf4\x90\x80\x80"}',
    "UTF-8 cut short": b'{"userId":7,"scheduleId":2,"seatNo":"C-1\xe2\x82"}',
    "invalid UTF-8 in an unknown field": b'{"userId":7,"scheduleId":2,"seatNo":"C-1","x":"\xff"}',
    "too deep": b'{"userId":7,"scheduleId":2,"seatNo":"C-1","x":' + b"[" * 20000 + b"]" * 20000 + b"}",
    "too deep and unclosed": b"[" * 60000,
    "too deep objects": b'{"a":' * 10000 + b"1" + b"}" * 10000,
    "UTF-16": '{"userId":7,"scheduleId":2,"seatNo":"C-1"}'.encode("utf-16"),
}


@pytest.mark.parametrize("what", RAW)
def test_a_malformed_body_is_400_and_holds_nothing(world, http, what):
    problem(post(http, RAW[what]), 400, "VALIDATION_FAILED")
    assert not world.redis.exists("seat:lock:{2}:C-1", "seat:lock:{2}:C-2") or world.redis.get("seat:lock:{2}:C-1") != "7"


def test_unknown_fields_are_ignored_and_white_space_is_allowed(http, good):
    ok(post(http, json.dumps({**good, "extra": {"a": [1, 2.5e3, None, "좌석 🎫"]}, "seats": "x"}, indent=2)), 201)
    ok(post(http, b" \r\n\t" + json.dumps(good, ensure_ascii=False).encode() + b"\n"), 200)


def test_escapes_are_letters_like_any(http, good):
    escaped = "".join(f"\\u{ord(ch):04x}" for ch in good["seatNo"])
    ok(post(http, json.dumps(good).replace(good["seatNo"], escaped)), 201)


def test_the_same_rules_everywhere(http):
    for path in ("/tickets/release", "/payment/ready", "/payment/mock-success", "/payment/mock-fail"):
        problem(post(http, b"{", path), 400, "VALIDATION_FAILED", field="")
        problem(post(http, b"{}", path), 400, "VALIDATION_FAILED")
    for path in ("/payment/mock-success", "/payment/mock-fail"):
        for bad in ("x", 7, None, "0190c7f0-0000-7000-8000-00000000000", "0190c7f0-0000-7000-8000-0000000000000", "{" + uuid7() + "}"):
            problem(post(http, {"userId": 7, "orderNo": bad, "reason": "r"}, path), 400, "VALIDATION_FAILED", field="orderNo")
        problem(post(http, b'{"orderNo":"x","orderNo":"y","reason":"r"}', path), 400, "VALIDATION_FAILED")


# --- sizes ---

def padded(good, size):
    base = json.dumps({**good, "x": ""}).encode()
    return base.replace(b'"x": ""', b'"x": "' + b"a" * (size - len(base)) + b'"')


def test_64_kib_are_read_and_one_byte_more_is_413(http, good):
    assert len(padded(good, 65536)) == 65536
    ok(post(http, padded(good, 65536)), 201)
    problem(post(http, padded(good, 65537)), 413, "BODY_TOO_LARGE")


def test_a_declared_length_beyond_is_refused_without_reading_it(http):
    got = answers(http.raw(b"POST /tickets/hold HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                           b"Content-Length: 99999999999\r\n\r\n{", half_close=False))
    problem(got[0], 413, "BODY_TOO_LARGE")


def test_chunks_that_add_up_to_too_much_are_413(http):
    chunk = b"1000\r\n" + b" " * 4096 + b"\r\n"
    got = answers(http.raw(b"POST /tickets/hold HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                           b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n" + chunk * 20 + b"0\r\n\r\n"))
    problem(got[0], 413, "BODY_TOO_LARGE")


def test_a_chunked_body_is_read_like_any(http, good):
    body = json.dumps(good).encode()
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(body[i:i + 7]), body[i:i + 7]) for i in range(0, len(body), 7))
    got = answers(http.raw(b"POST /tickets/hold HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
                           b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n" + chunks + b"0\r\n\r\n"))
    assert got[0].status == 201, got


# --- types, methods, paths ---

@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", "application/xml", "application/jsonx",
                                  "multipart/form-data; boundary=x", "text/json", "json"])
def test_another_content_type_is_415(http, good, kind):
    problem(post(http, good, headers={"Content-Type": kind}), 415, "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.parametrize("kind", ["application/json", "application/json; charset=utf-8", "APPLICATION/JSON", "application/json;charset=UTF-8"])
def test_json_is_json_however_it_is_written(http, good, kind):
    ok(post(http, good, headers={"Content-Type": kind}), 201)


@pytest.mark.parametrize("method, path, allowed", [
    ("GET", "/tickets/hold", "POST"), ("DELETE", "/tickets/hold", "POST"), ("PUT", "/payment/ready", "POST"),
    ("PATCH", "/concerts", "GET"), ("POST", "/concerts", "GET"), ("DELETE", "/schedules/2/seats", "GET"),
    ("POST", "/livez", "GET"), ("HEAD", "/tickets/hold", "POST"), ("POST", f"/payment/orders/{uuid7()}", "GET"),
])
def test_a_wrong_method_is_405_and_hears_which_are_allowed(http, method, path, allowed):
    got = http.request(method, path, b"{}" if method in ("POST", "PUT", "PATCH") else None)
    if method == "HEAD":
        assert (got.status, got.body) == (405, b"")
    else:
        problem(got, 405, "METHOD_NOT_ALLOWED")
    assert allowed in [m.strip() for m in (got.header("Allow") or "").split(",")], got.headers


@pytest.mark.parametrize("path", ["/nope", "/tickets", "/tickets/hold/", "/tickets/hold/x", "/payment", "/concerts/2",
                                  "/schedules/2/nope", "/api", "/api/nope", "/apiconcerts", "//concerts", "/concerts/2/schedules/4",
                                  "/CONCERTS", "/schedules/2/seats/available/x", "/api/api/concerts"])
def test_an_unknown_path_is_404(http, path):
    problem(http.get(path), 404, "NOT_FOUND")


@pytest.mark.parametrize("path", ["/concerts", "/concerts/2/schedules", "/schedules/2", "/schedules/2/seats", "/livez", "/readyz",
                                  "/schedules/2/seats/available", "/seats/available?scheduleId=2", "/actuator/health", "/metrics"])
def test_every_path_answers_under_api_too(http, path):
    a, b = http.get(path), http.get("/api" + path)
    assert (a.status, b.status) == (200, 200)
    assert a.header("Content-Type") == b.header("Content-Type")


def test_head_is_as_get(http):
    for path in ("/concerts", "/schedules/2", "/livez"):
        got, head = http.get(path), http.request("HEAD", path)
        assert (head.status, head.body) == (200, b"")
        assert head.header("Content-Type") == got.header("Content-Type")
        assert head.header("Content-Length") == str(len(got.body))
    assert http.request("HEAD", "/nope").status == 404


# --- the guard ---

def raw_request(line=b"GET /livez HTTP/1.1", headers=(b"Host: x",), body=b""):
    return line + b"\r\n" + b"".join(h + b"\r\n" for h in headers) + b"\r\n" + body


SECOND = raw_request(b"GET /concerts HTTP/1.1")
REFUSED = {
    "two Content-Length": raw_request(b"POST /tickets/hold HTTP/1.1", (b"Host: x", b"Content-Type: application/json", b"Content-Length: 2", b"Content-Length: 2"), b"{}"),
    "two that differ": raw_request(b"POST /tickets/hold HTTP/1.1", (b"Host: x", b"Content-Type: application/json", b"Content-Length: 2", b"Content-Length: 60"), b"{}" + SECOND),
    "two on a GET": raw_request(headers=(b"Host: x", b"Content-Length: 0", b"Content-Length: 57")) + SECOND,
    "two in one header": raw_request(b"POST /tickets/hold HTTP/1.1", (b"Host: x", b"Content-Type: application/json", b"Content-Length: 2, 2"), b"{}"),
    "length and chunks": raw_request(b"POST /tickets/hold HTTP/1.1", (b"Host: x", b"Content-Type: application/json", b"Content-Length: 5", b"Transfer-Encoding: chunked"), b"0\r\n\r\n" + SECOND),
    "chunks and length": raw_request(b"POST /tickets/hold HTTP/1.1", (b"Host: x", b"Content-Type: application/json", b"Transfer-Encoding: chunked", b"Content-Length: 5"), b"0\r\n\r\n" + SECOND),
    "a negative length": raw_request(b"POST /tickets/hold HTTP/1.1", (b"Host: x", b"Content-Length: -1")),
    "a length with a sign": raw_request(b"POST /tickets/hold HTTP/1.1", (b"Host: x", b"Content-Length: +2"), b"{}"),
    "a length in hex": raw_request(b"POST /tickets/hold HTTP/1.1", (b"Host: x", b"Content-Length: 0x2"), b"{}"),
    "an unknown transfer encoding": raw_request(b"POST /tickets/hold HTTP/1.1", (b"Host: x", b"Transfer-Encoding: gzip"), b"{}"),
    "chunked twice": raw_request(b"POST /tickets/hold HTTP/1.1", (b"Host: x", b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"), b"0\r\n\r\n" + SECOND),
    "chunked not last": raw_request(b"POST /tickets/hold HTTP/1.1", (b"Host: x", b"Transfer-Encoding: chunked, identity"), b"0\r\n\r\n" + SECOND),
    "no Host": raw_request(headers=()),
    "two Hosts": raw_request(headers=(b"Host: x", b"Host: y")),
    "an absolute URL": raw_request(b"GET http://other.example/livez HTTP/1.1"),
    "a blank in the path": raw_request(b"GET /livez x HTTP/1.1"),
    "a blank before the colon": raw_request(b"POST /tickets/hold HTTP/1.1", (b"Host: x", b"Content-Type: application/json", b"Content-Length : 57")) + SECOND,
    "%00 in the path": raw_request(b"GET /livez%00 HTTP/1.1"),
    "%00 hides the rest": raw_request(b"GET /schedules/2%00/seats HTTP/1.1"),
    "%00 in an argument": raw_request(b"GET /concerts?limit=5%00 HTTP/1.1"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_an_ambiguous_request_is_400_and_nothing_after_it_is_served(http, what):
    got = answers(http.raw(REFUSED[what]))
    assert len(got) == 1, f"{len(got)} answers: {got}"
    assert got[0].status == 400 or (what == "an unknown transfer encoding" and got[0].status == 501), got
    assert (got[0].header("Connection") or "").lower() == "close", got[0].headers


@pytest.mark.parametrize("what", ["no Host", "two Hosts", "a blank in the path", "a blank before the colon", "%00 in the path"])
def test_what_the_guard_refuses_is_a_problem_like_any(http, what):
    problem(answers(http.raw(REFUSED[what]))[0], 400, "VALIDATION_FAILED", field="")


@pytest.mark.parametrize("path", ["/concerts?limit=5&limit=5", "/concerts?cursor=c1&limit=5&cursor=c2",
                                  "/concerts/2/schedules?status=ON_SALE&status=CLOSED", "/tickets/holds?scheduleId=2&userId=7&userId=8",
                                  "/seats/available?scheduleId=2&scheduleId=4"])
def test_an_argument_given_twice_is_400(http, path):
    problem(http.get(path), 400, "VALIDATION_FAILED")


@pytest.mark.parametrize("line", [b"FOO /livez HTTP/1.1", b"get /livez HTTP/1.1", b"TRACE /livez HTTP/1.1", b"CONNECT x:1 HTTP/1.1"])
def test_an_unknown_method_is_refused(http, line):
    got = answers(http.raw(raw_request(line)[:-2] + b"Connection: close\r\n\r\n"))
    assert len(got) == 1 and got[0].status in (400, 405, 501), got


@pytest.mark.parametrize("junk", [b"\x00\x01\x02\r\n\r\n", b"GET\r\n\r\n", b"HELLO\r\n\r\n", b"GET /livez\r\n\r\n", b"\r\n\r\n\r\n\r\n\r\n",
                                  b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"a" * 200, b"GET /livez HTTP/9.9\r\nHost: x\r\n\r\n",
                                  b"GET " + b"/a" * 40000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
                                  b"GET /livez HTTP/1.1\r\nHost: x\r\n" + b"X-A: b\r\n" * 20000 + b"\r\n",
                                  b"GET /livez HTTP/1.1\r\nHost: x\r\nX-A: " + b"b" * 200000 + b"\r\n\r\n",
                                  b"GET /livez HTTP/1.1\r\nHost x\r\n\r\n"], ids=lambda b: repr(b[:24]))
def test_junk_ends_the_connection_and_harms_nobody(http, junk):
    got = answers(http.raw(junk, half_close=True))
    assert all(a.status >= 400 or junk.endswith(b"HTTP/9.9\r\nHost: x\r\n\r\n") or a.status == 200 for a in got)
    assert len(got) <= 1
    assert http.get("/livez").status == 200


@pytest.mark.parametrize("path", ["/%zz", "/concerts?limit=%zz", "/concerts?cursor=%ff", "/%2e%2e/%2e%2e/etc/passwd", "/../concerts",
                                  "/schedules/2%2Fseats", "/concerts?" + "a=b&" * 50, "/?" + "a" * 2000, "/concerts?limit"],
                         ids=lambda p: p[:24])
def test_odd_urls_are_answered(http, path):
    assert 200 <= http.get(path).status < 500


@pytest.mark.parametrize("n", [110, 120, 150, 300, 1000])
def test_too_many_arguments_are_a_problem_at_once(http, n):
    """More than libmicrohttpd has room for: by itself it says nothing, and closes when something else wakes it."""
    start = time.monotonic()
    got = answers(http.raw(raw_request(b"GET /concerts?" + b"a=b&" * n + b" HTTP/1.1", (b"Host: x", b"Connection: close"))))
    problem(got[0], 400, "VALIDATION_FAILED", field="")
    assert time.monotonic() - start < 2 and len(got) == 1
    assert http.get("/livez").status == 200


def test_trace_is_a_method_that_no_path_has(http):
    got = http.request("TRACE", "/livez")
    problem(got, 405, "METHOD_NOT_ALLOWED")
    assert got.header("Allow") == "GET, HEAD, OPTIONS"
    problem(http.request("TRACE", "/nope"), 404, "NOT_FOUND")


def test_long_headers_take_no_longer_than_short_ones(http):
    """Twenty of 6 KB each: a token with many claims, or a browser's cookies."""
    start = time.monotonic()
    for _ in range(20):
        assert http.get("/concerts", {"Cookie": "c" * 6000}).status in (200, 431)
    assert time.monotonic() - start < 15


def test_requests_one_after_the_other_on_one_connection(http):
    got = answers(http.raw(raw_request() * 3 + raw_request(headers=(b"Host: x", b"Connection: close"))))
    assert [a.status for a in got] == [200] * 4


def test_pipelined_writes_are_answered_in_order(world, http):
    user, seats = world.user(), world.seats(3)
    reqs = b""
    for s in seats:
        body = json.dumps({"userId": user, "scheduleId": 2, "seatNo": s}).encode()
        reqs += raw_request(b"POST /tickets/hold HTTP/1.1", (b"Host: x", b"Content-Type: application/json", b"Content-Length: %d" % len(body)), body)
    got = answers(http.raw(reqs + raw_request(headers=(b"Host: x", b"Connection: close"))))
    assert [a.status for a in got] == [201, 201, 201, 200] and [a.json["seatNo"] for a in got[:3]] == seats


def test_expect_100_continue(http, good):
    body = json.dumps(good).encode()
    with socket.create_connection((http.host, http.port), 30) as s:
        s.sendall(raw_request(b"POST /tickets/hold HTTP/1.1", (b"Host: x", b"Content-Type: application/json", b"Connection: close",
                                                               b"Expect: 100-continue", b"Content-Length: %d" % len(body))))
        assert s.recv(100).startswith(b"HTTP/1.1 100")
        s.sendall(body)
        assert read_to_end(s).startswith(b"HTTP/1.1 201")


def test_a_client_that_goes_in_the_middle_of_its_body_has_no_effect(world, http, good):
    body = json.dumps(good).encode()
    with socket.create_connection((http.host, http.port), 30) as s:
        s.sendall(raw_request(b"POST /tickets/hold HTTP/1.1", (b"Host: x", b"Content-Type: application/json",
                                                               b"Content-Length: %d" % (len(body) + 10)), body))
    ok(post(http, {**good, "userId": world.user()}), 201)


def test_clients_that_hang_up_before_the_answer_leak_nothing(world, api, http):
    http.get("/livez")
    before = api.fds()
    for seat in world.seats(100):
        body = json.dumps({"userId": world.user(), "scheduleId": 2, "seatNo": seat}).encode()
        s = socket.create_connection((http.host, http.port), 30)
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        s.sendall(raw_request(b"POST /tickets/hold HTTP/1.1", (b"Host: x", b"Content-Type: application/json",
                                                               b"Content-Length: %d" % len(body)), body))
        s.close()
    eventually(lambda: api.fds() <= before + 3, "their descriptors are closed")
    assert http.get("/livez").status == 200


# --- slow clients ---

TIMEOUT_MS = 700


@pytest.fixture(scope="module")
def strict(world):
    """An API that waits 0.7 s for a request."""
    return world.api(request_timeout_ms=TIMEOUT_MS)


def cut_after(s, send=None):
    """Seconds until the other side ends the connection; `send()` is called every 100 ms meanwhile."""
    start = time.monotonic()
    s.settimeout(0.1)
    while time.monotonic() - start < 60:
        try:
            if not s.recv(65536):
                return time.monotonic() - start
        except socket.timeout:
            pass
        except OSError:
            return time.monotonic() - start
        if send:
            try:
                send(s)
            except OSError:
                return time.monotonic() - start
    raise AssertionError("never cut off")


SLOW = {
    "half a request line": (b"GET /live", None),
    "half the headers": (b"GET /livez HTTP/1.1\r\nHost: x\r\nX-", None),
    "half a body": (b"POST /tickets/hold HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{", None),
    "headers a byte at a time": (b"GET /livez HTTP/1.1\r\nHost: x\r\nX-A: ", b"b"),
    "a body a byte at a time": (b"POST /tickets/hold HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 60000\r\n\r\n", b" "),
    "chunks a byte at a time": (b"POST /tickets/hold HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n"),
    "lines before a request": (b"\r\n", b"\r\n"),
}


@pytest.mark.parametrize("what", SLOW)
def test_a_request_that_does_not_arrive_whole_is_cut_off(strict, what):
    first, then = SLOW[what]
    with socket.create_connection(("127.0.0.1", strict.port), 30) as s:
        s.sendall(first)
        took = cut_after(s, (lambda c: c.sendall(then)) if then else None)
    assert took >= TIMEOUT_MS / 1000 - 0.15, f"cut off after {took:.2f} s already"


def test_a_silent_connection_is_cut_off_in_the_end(strict):
    with socket.create_connection(("127.0.0.1", strict.port), 30) as s:
        cut_after(s)


def test_slow_clients_keep_nobody_waiting(world, strict):
    rest = strict.fds()
    slow = [socket.create_connection(("127.0.0.1", strict.port), 30) for _ in range(200)]
    try:
        for s in slow:
            s.sendall(b"POST /tickets/hold HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
        ok(world.buyer(strict).hold(2, world.seat()), 201)
    finally:
        for s in slow:
            s.close()
    eventually(lambda: strict.fds() <= rest + 5, "their descriptors are closed")


def test_a_request_in_time_on_an_old_connection_is_served(strict):
    """The deadline is the request's, not the connection's: it begins anew with each."""
    with socket.create_connection(("127.0.0.1", strict.port), 30) as s:
        for _ in range(4):
            s.sendall(raw_request())
            assert b"200 OK" in s.recv(65536)
            time.sleep(TIMEOUT_MS / 1000 * 0.5)


def test_a_stream_is_not_cut_off(world, strict):
    sid = world.schedule(seats=2)
    with strict.http.stream(f"/schedules/{sid}/seats/events") as s:
        s.next()
        time.sleep(TIMEOUT_MS / 1000 * 2.5)
        world.buyer(strict).must_hold(sid, "Z-1")
        assert s.next()[1] == [{"seatNo": "Z-1", "status": "HOLD"}]


def test_connections_beyond_the_limit_are_refused(world):
    api = world.api(http_max_connections=20, http_shards=1)
    time.sleep(0.3)
    held = []
    try:
        def full():
            s = socket.create_connection((api.http.host, api.port), 30)
            s.sendall(raw_request())
            s.settimeout(30)
            try:
                got = s.recv(65536)
            except OSError:
                got = b""
            if got.startswith(b"HTTP/1.1 200"):
                held.append(s)
                return False
            s.close()
            return got == b"" or b" 503 " in got
        refused = next((i for i in range(60) if full()), None)
        assert refused is not None and len(held) <= 20, f"{len(held)} connections are open"
    finally:
        for s in held:
            s.close()
    eventually(lambda: api.is_ready(), "connections are accepted again")
    api.stop()


# --- words and traces ---

def test_problems_speak_korean_or_english(world, http, api):
    def told(language):
        headers = {**JSON, **({"Accept-Language": language} if language else {})}
        p = problem(post(http, {"userId": 7, "scheduleId": 999_999, "seatNo": "A-1"}, headers=headers), 404, "SCHEDULE_NOT_FOUND")
        v = problem(post(http, {"userId": 0, "scheduleId": 2, "seatNo": "A-1"}, headers=headers), 400, "VALIDATION_FAILED")
        assert bool(HANGUL.search(p["title"])) == bool(HANGUL.search(p["detail"])) == bool(HANGUL.search(v["title"]))
        return "ko" if HANGUL.search(p["title"]) else "en"
    assert told("ko") == told("ko-KR,ko;q=0.9,en;q=0.8") == told("KO") == told("fr, ko;q=0.5") == "ko"
    assert told("en") == told("en-US,en;q=0.9,ko;q=0.1") == told("ko;q=0.1, en;q=0.9") == told("ko;q=0, en") == "en"
    assert told(None) == told("fr") == told("*") == told(";;;,,,=") == told("x" * 5000)


def test_a_trace_is_taken_up_and_a_bad_one_replaced(http):
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"

    def told(parent):
        return problem(http.get("/nope", {"traceparent": parent}), 404, "NOT_FOUND")["traceId"]
    assert told(f"00-{trace}-00f067aa0ba902b7-01") == trace
    assert told(f"cc-{trace}-00f067aa0ba902b7-01-what-the-future-will-be-like") == trace
    for bad in ("x", f"00-{'0' * 32}-00f067aa0ba902b7-01", f"00-{trace}-{'0' * 16}-01", f"ff-{trace}-00f067aa0ba902b7-01",
                f"00-{trace.upper()}-00f067aa0ba902b7-01", f"00-{trace[:-1]}-00f067aa0ba902b7-01", f"00-{trace}-00f067aa0ba902b7-01-x"):
        assert told(bad) != trace, bad
    assert len({problem(http.get("/nope"), 404, "NOT_FOUND")["traceId"] for _ in range(5)}) == 5


def test_money_and_times_have_their_form(world, api):
    buyer, seat = world.buyer(api), world.seat()
    order = buyer.must_ready(2, seat)
    o = ok(buyer.order(order))
    assert type(o["amount"]) is int and type(o["userId"]) is int
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", o["createdAt"])


# --- CORS ---

def test_cross_origin_requests_are_allowed_for_the_origins_given_only(world, http):
    api = world.api(cors_origins="https://shop.example,https://m.shop.example")
    for origin in ("https://shop.example", "https://m.shop.example"):
        pre = api.http.request("OPTIONS", "/tickets/hold", headers={
            "Origin": origin, "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "authorization, content-type, idempotency-key"})
        assert pre.status in (200, 204), pre
        assert pre.header("Access-Control-Allow-Origin") == origin
        assert "POST" in pre.header("Access-Control-Allow-Methods")
        allowed = pre.header("Access-Control-Allow-Headers").lower()
        assert all(h in allowed for h in ("authorization", "content-type"))
        got = api.http.get("/concerts", {"Origin": origin})
        assert got.header("Access-Control-Allow-Origin") == origin and "origin" in got.header("Vary").lower()
        assert api.http.get("/nope", {"Origin": origin}).header("Access-Control-Allow-Origin") == origin
    for origin in ("https://evil.example", "https://shop.example.evil.example", "http://shop.example", "null"):
        pre = api.http.request("OPTIONS", "/tickets/hold", headers={"Origin": origin, "Access-Control-Request-Method": "POST"})
        assert pre.header("Access-Control-Allow-Origin") is None
        assert api.http.get("/concerts", {"Origin": origin}).header("Access-Control-Allow-Origin") is None
    assert http.get("/concerts", {"Origin": "https://shop.example"}).header("Access-Control-Allow-Origin") is None
    api.stop()


def test_the_daemons_own_origin_is_allowed(http):
    own = f"http://{http.host}:{http.port}"
    assert http.get("/concerts", {"Origin": own}).header("Access-Control-Allow-Origin") == own
    pre = http.request("OPTIONS", "/tickets/hold", headers={"Origin": own, "Access-Control-Request-Method": "POST"})
    assert pre.header("Access-Control-Allow-Origin") == own and "POST" in pre.header("Access-Control-Allow-Methods")
    for other in (f"{own}0", f"ftp{own[4:]}", f"http://{http.host}", "http://", own[7:]):
        assert http.get("/concerts", {"Origin": other}).header("Access-Control-Allow-Origin") is None


def test_options_tells_what_is_allowed(http):
    got = http.request("OPTIONS", "/tickets/hold")
    assert got.status in (200, 204) and "POST" in (got.header("Allow") or got.header("Access-Control-Allow-Methods") or "")


def test_a_hundred_at_once_on_all_paths_never_5xx(world, api, http):
    def one(i):
        return http.get(("/concerts", "/schedules/2", "/schedules/2/seats", "/nope", "/livez", "/concerts?limit=0")[i % 6],
                        {"Accept-Encoding": "gzip"} if i % 2 else {})
    got = together([lambda i=i: one(i) for i in range(100)])
    assert all(a.status in (200, 400, 404) for a in got)
    for a in got:
        if a.header("Content-Encoding") == "gzip":
            gzip.decompress(a.body)
