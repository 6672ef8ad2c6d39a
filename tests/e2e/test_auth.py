"""TICKET_AUTH=jwt: a signed token is required and believed. TICKET_AUTH=off: the request is."""
import base64
import hashlib
import hmac
import json
import time

import pytest

from support.client import answers
from support.expect import ok, problem
from support.stack import JWT_SECRET, run_once, uuid7


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def token(user=7, secret=JWT_SECRET, alg="HS256", expires=3600, digest=hashlib.sha256, header=None, sign=True, **claims):
    head = {"alg": alg, "typ": "JWT"} if header is None else header
    body = {"sub": str(user), "exp": int(time.time()) + expires, **claims}
    body = {k: v for k, v in body.items() if v is not None}
    signed = b64(json.dumps(head).encode()) + "." + b64(json.dumps(body).encode())
    return signed + "." + (b64(hmac.new(secret.encode(), signed.encode(), digest).digest()) if sign else "")


@pytest.fixture(scope="module")
def world_settings():
    return {"auth": "jwt"}


def issued(user, *args):
    done = run_once("api", "--issue-token", str(user), *args, settings={"jwt_secret": JWT_SECRET})
    assert done.returncode == 0, done
    return done.stdout.strip()


def test_an_issued_token_says_who_and_until_when():
    head, body, _ = issued(42).split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    assert json.loads(base64.urlsafe_b64decode(head + "=="))["alg"] == "HS256"
    assert str(claims["sub"]) == "42" and 3590 <= claims["exp"] - time.time() <= 3605
    assert claims.get("role") in (None, "user")
    admin = json.loads(base64.urlsafe_b64decode(issued(42, "--role", "admin").split(".")[1] + "=="))
    assert admin["role"] == "admin"


@pytest.mark.parametrize("args", [["0"], ["-1"], ["x"], [""], ["9007199254740992"], ["7", "--role", "king"]])
def test_a_token_is_not_issued_for_nonsense(args):
    done = run_once("api", "--issue-token", *args, settings={"jwt_secret": JWT_SECRET})
    assert done.returncode not in (0, -11, -6) and done.stdout == ""


def test_with_an_issued_token_the_whole_way_to_paid(world, api, consumer):
    buyer, seat = world.buyer(api, 42, token=issued(42)), world.seat()
    assert ok(buyer.hold(2, seat), 201)
    assert world.redis.get(f"seat:lock:{{2}}:{seat}") == "42"
    order = ok(buyer.ready(2, seat), 201)["orderNo"]
    assert buyer.pay(order).status == 202
    world.settled(order, "PAID")
    assert ok(buyer.order(order))["userId"] == 42
    assert ok(buyer.holds(2))["items"] == []


def test_a_token_made_elsewhere_with_the_same_key_is_as_good(world, api):
    assert ok(world.buyer(api, 43, token=token(43)).hold(2, world.seat()), 201)


BAD = {
    "none given": None,
    "empty": "Bearer ",
    "not a token": "Bearer abc",
    "another scheme": "Basic dXNlcjpwdw==",
    "no scheme": token(),
    "alg none": "Bearer " + token(alg="none", sign=False),
    "alg None, signed": "Bearer " + token(alg="None"),
    "no alg": "Bearer " + token(header={"typ": "JWT"}),
    "HS512": "Bearer " + token(alg="HS512", digest=hashlib.sha512),
    "HS384": "Bearer " + token(alg="HS384", digest=hashlib.sha384),
    "says RS256": "Bearer " + token(alg="RS256"),
    "another key": "Bearer " + token(secret="x" * 32),
    "no signature": "Bearer " + token(sign=False),
    "signature cut": "Bearer " + token()[:-2],
    "expired": "Bearer " + token(expires=-60),
    "not yet": "Bearer " + token(nbf=int(time.time()) + 3600),
    "not yet, by half a second": "Bearer " + token(nbf=int(time.time()) + 3600.5),
    "nbf a word": "Bearer " + token(nbf="later"),
    "no sub": "Bearer " + token(sub=None),
    "sub no number": "Bearer " + token(user="admin"),
    "sub zero": "Bearer " + token(user=0),
    "sub negative": "Bearer " + token(user=-7),
    "sub too large": "Bearer " + token(user=2**53),
    "sub with more": "Bearer " + token(user="7 or 1=1"),
    "exp a word": "Bearer " + token(exp="never"),
    "four parts": "Bearer " + token() + ".x",
    "very long": "Bearer " + "a" * 6000,
}


@pytest.mark.parametrize("what", BAD)
def test_a_bad_token_hears_401(world, api, what):
    headers = {"Authorization": BAD[what]} if BAD[what] is not None else {}
    seat = world.seat()
    problem(api.http.post("/tickets/hold", {"scheduleId": 2, "seatNo": seat}, headers), 401, "UNAUTHENTICATED")
    problem(api.http.get("/tickets/holds?scheduleId=2", headers), 401, "UNAUTHENTICATED")
    problem(api.http.get(f"/payment/orders/{uuid7()}", headers), 401, "UNAUTHENTICATED")
    assert world.redis.get(f"seat:lock:{{2}}:{seat}") is None


def test_every_401_has_the_same_words(api):
    said = set()
    for what, header in BAD.items():
        a = api.http.get("/tickets/holds?scheduleId=2", {"Authorization": header} if header is not None else {})
        p = a.json
        p.pop("traceId")
        p.pop("instance", None)
        said.add(json.dumps(p, sort_keys=True))
    assert len(said) == 1, said


def test_a_token_whose_content_was_changed_is_refused(world, api):
    head, body, signature = token(7).split(".")
    other = b64(json.dumps({**json.loads(base64.urlsafe_b64decode(body + "==")), "sub": "8"}).encode())
    problem(api.http.get("/tickets/holds?scheduleId=2", {"Authorization": f"Bearer {head}.{other}.{signature}"}), 401,
            "UNAUTHENTICATED")


def test_a_token_ends_with_its_time(world):
    api = world.api(jwt_ttl_s=1)
    t = run_once("api", "--issue-token", "7", settings={"jwt_secret": JWT_SECRET, "jwt_ttl_s": 1}).stdout.strip()
    time.sleep(2.2)
    problem(api.http.get("/tickets/holds?scheduleId=2", {"Authorization": f"Bearer {t}"}), 401, "UNAUTHENTICATED")
    api.stop()


def test_the_token_says_who_and_a_request_that_names_someone_else_is_403(world, api):
    headers, seat = {"Authorization": "Bearer " + token(7001)}, world.seat()
    body = {"scheduleId": 2, "seatNo": seat}
    problem(api.http.post("/tickets/hold", {**body, "userId": 7002}, headers), 403, "USER_MISMATCH")
    assert world.redis.get(f"seat:lock:{{2}}:{seat}") is None
    ok(api.http.post("/tickets/hold", {**body, "userId": 7001}, headers), 201)
    for path in ("/tickets/release", "/payment/ready"):
        problem(api.http.post(path, {**body, "userId": 7002}, headers), 403, "USER_MISMATCH")
    problem(api.http.get("/tickets/holds?scheduleId=2&userId=7002", headers), 403, "USER_MISMATCH")
    ok(api.http.get("/tickets/holds?scheduleId=2&userId=7001", headers))
    problem(api.http.post("/tickets/hold", {**body, "userId": "x"}, headers), 400, "VALIDATION_FAILED", field="userId")


def test_someone_elses_order_is_not_found(world, api):
    a, b, seat = world.buyer(api, 7011, token=token(7011)), world.buyer(api, 7012, token=token(7012)), world.seat()
    order = a.must_ready(2, seat)
    problem(b.order(order), 404, "ORDER_NOT_FOUND")
    problem(b.pay(order), 404, "ORDER_NOT_FOUND")
    problem(b.fail(order), 404, "ORDER_NOT_FOUND")
    assert ok(a.order(order))["status"] == "READY"


@pytest.mark.parametrize("path", ["/concerts", "/concerts/2/schedules", "/schedules/2", "/schedules/2/seats",
                                  "/schedules/2/seats/available", "/seats/available?scheduleId=2", "/livez", "/readyz",
                                  "/actuator/health"])
def test_what_is_public_needs_no_token_and_does_not_mind_a_bad_one(api, path):
    assert api.http.get(path).status == 200
    assert api.http.get(path, {"Authorization": "Bearer abc"}).status in (200, 401)


def test_the_scheme_is_a_word_in_any_case(world, api):
    assert api.http.get("/tickets/holds?scheduleId=2", {"Authorization": "bearer " + token(7)}).status == 200


def test_blanks_behind_a_headers_value_are_not_part_of_it(world, api):
    body = json.dumps({"scheduleId": 2, "seatNo": world.seat()})
    got = answers(api.http.raw((f"POST /tickets/hold HTTP/1.1\r\nHost: x \r\nAuthorization: Bearer {token(world.user())} \t\r\n"
                                f"Content-Type: application/json \r\nConnection: close\r\nContent-Length: {len(body)}\r\n\r\n"
                                f"{body}").encode()))
    assert [a.status for a in got] == [201], got


def test_with_auth_off_the_user_must_be_named(world):
    api = world.api(auth="off")
    problem(api.http.post("/tickets/hold", {"scheduleId": 2, "seatNo": world.seat()}), 400, "VALIDATION_FAILED", field="userId")
    problem(api.http.get("/tickets/holds?scheduleId=2"), 400, "VALIDATION_FAILED", field="userId")
    for bad in ("0", "x", "-1", "9007199254740992", "7%00", ""):
        assert api.http.get(f"/tickets/holds?scheduleId=2&userId={bad}").status == 400
    ok(api.http.get("/tickets/holds?scheduleId=2&userId=9007199254740991"))
    ok(api.http.post("/tickets/hold", {"userId": 2**53 - 1, "scheduleId": 2, "seatNo": world.seat()}), 201)
    api.stop()


def test_no_token_is_in_a_log(world, api):
    secret_words = [t.split(" ")[-1] for t in BAD.values() if t and len(t) > 40]
    for d in world.daemons:
        assert not [w for w in secret_words if w in d.log()]
