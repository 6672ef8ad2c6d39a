"""POST /tickets/hold, /tickets/release, GET /tickets/holds."""
import time
from datetime import datetime, timezone

import pytest

from support.expect import is_time, ok, problem
from support.stack import eventually, together

HOLD_TTL_S = 300


def when(text):
    return datetime.strptime(is_time(text), "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=timezone.utc).timestamp()


def key(schedule, seat):
    return f"seat:lock:{{{schedule}}}:{seat}"


def test_a_hold_says_what_it_is_and_until_when(world, api):
    buyer, seat = world.buyer(api), world.seat(2, "VIP")
    before = time.time()
    h = ok(buyer.hold(2, seat), 201)
    assert {k: h[k] for k in ("scheduleId", "seatNo", "section", "grade", "price")} == {
        "scheduleId": 2, "seatNo": seat, "section": "A", "grade": "VIP", "price": 150000}
    assert HOLD_TTL_S - 1 <= h["ttlSeconds"] <= HOLD_TTL_S and isinstance(h["ttlSeconds"], int)
    assert before + HOLD_TTL_S - 2 <= when(h["expiresAt"]) <= time.time() + HOLD_TTL_S + 2


def test_a_hold_in_redis_is_one_key_with_the_users_id_and_the_holds_time(world, api):
    buyer, seat = world.buyer(api), world.seat()
    buyer.must_hold(2, seat)
    assert world.redis.get(key(2, seat)) == str(buyer.user)
    assert 0 < world.redis.ttl(key(2, seat)) <= HOLD_TTL_S


def test_deleting_the_key_frees_the_seat(world, api):
    a, b, seat = world.buyer(api), world.buyer(api), world.seat()
    a.must_hold(2, seat)
    problem(b.hold(2, seat), 409, "SEAT_HELD")
    world.redis.delete(key(2, seat))
    ok(b.hold(2, seat), 201)
    assert world.redis.get(key(2, seat)) == str(b.user)


def test_deleting_keys_gives_back_the_limit_too(world, api):
    buyer, seats = world.buyer(api), world.seats(5)
    ok(buyer.hold_all(2, seats[:4]), 201)
    world.redis.delete(*[key(2, s) for s in seats[:4]])
    ok(buyer.hold(2, seats[4]), 201)


def test_ones_own_hold_again_is_200_and_not_prolonged(world, api):
    buyer, seat = world.buyer(api), world.seat()
    first = buyer.must_hold(2, seat)
    world.redis.pexpire(key(2, seat), 100_000)
    again = ok(buyer.hold(2, seat), 200)
    assert again["seatNo"] == seat and again["price"] == first["price"]
    assert world.redis.pttl(key(2, seat)) <= 100_000
    assert again["ttlSeconds"] <= 100


def test_the_end_of_a_hold_is_told_alike_every_time(world, api):
    buyer, seat = world.buyer(api), world.seat()
    first = buyer.must_hold(2, seat)
    told = {ok(buyer.hold(2, seat), 200)["expiresAt"] for _ in range(100)}
    told |= {ok(buyer.holds(2), 200)["items"][0]["expiresAt"] for _ in range(100)}
    assert told == {first["expiresAt"]}


def test_of_a_hundred_who_want_one_seat_one_gets_it_and_99_hear_409(world, api):
    seat = world.seat()
    got = together([lambda b=world.buyer(api): b.hold(2, seat) for _ in range(100)])
    assert sorted(a.status for a in got) == [201] + [409] * 99
    for a in got:
        if a.status == 409:
            problem(a, 409, "SEAT_HELD")


def test_the_same_user_many_times_at_once_gets_one_hold(world, api):
    buyer, seat = world.buyer(api), world.seat()
    got = together([lambda: buyer.hold(2, seat) for _ in range(20)])
    assert sorted(a.status for a in got) == [200] * 19 + [201]


def test_the_fifth_seat_is_beyond_the_limit_of_four(world, api):
    buyer, seats = world.buyer(api), world.seats(6)
    for s in seats[:4]:
        buyer.must_hold(2, s)
    problem(buyer.hold(2, seats[4]), 409, "HOLD_LIMIT_EXCEEDED")
    ok(buyer.hold(2, seats[0]), 200)
    assert buyer.release(2, seats[0]).status == 204
    ok(buyer.hold(2, seats[5]), 201)
    problem(buyer.hold(2, seats[4]), 409, "HOLD_LIMIT_EXCEEDED")


def test_the_limit_is_per_schedule(world, api):
    buyer = world.buyer(api)
    ok(buyer.hold_all(2, world.seats(4, 2)), 201)
    ok(buyer.hold_all(4, world.seats(4, 4)), 201)


def test_the_limit_counts_what_is_paid_for(world, api, consumer):
    buyer, seats = world.buyer(api), world.seats(5)
    for s in seats[:2]:
        world.settled(buyer.must_pay(2, s), "PAID")
    ok(buyer.hold_all(2, seats[2:4]), 201)
    problem(buyer.hold(2, seats[4]), 409, "HOLD_LIMIT_EXCEEDED")


def test_many_holds_of_one_user_at_once_stay_within_the_limit(world, api):
    buyer, seats = world.buyer(api), world.seats(12)
    got = together([lambda s=s: buyer.hold(2, s) for s in seats])
    assert sorted(a.status for a in got) == [201] * 4 + [409] * 8
    assert len(ok(buyer.holds(2))["items"]) == 4


def test_the_limit_is_judged_before_the_seats_state(world, api):
    a, b = world.buyer(api), world.buyer(api)
    taken = world.seat()
    b.must_hold(2, taken)
    ok(a.hold_all(2, world.seats(4)), 201)
    problem(a.hold(2, taken), 409, "HOLD_LIMIT_EXCEEDED")


def test_a_sold_seat_is_sold_for_everybody(world, api, consumer):
    a, b, seat = world.buyer(api), world.buyer(api), world.seat()
    world.settled(a.must_pay(2, seat), "PAID")
    eventually(lambda: b.hold(2, seat).code == "SEAT_SOLD", "SEAT_SOLD for others")
    problem(a.hold(2, seat), 409, "SEAT_SOLD")


# --- several seats ---

def test_several_seats_are_held_together(world, api):
    buyer, seats = world.buyer(api), world.seats(3)
    h = ok(buyer.hold_all(2, seats), 201)
    assert h["scheduleId"] == 2 and [x["seatNo"] for x in h["holds"]] == seats
    assert 0 < h["ttlSeconds"] <= HOLD_TTL_S and is_time(h["expiresAt"])
    for x in h["holds"]:
        assert (x["section"], x["grade"], x["price"]) == ("C", "S", 90000)
    assert all(world.redis.get(key(2, s)) == str(buyer.user) for s in seats)


def test_one_taken_seat_among_several_is_named_and_none_is_held(world, api):
    a, b, seats = world.buyer(api), world.buyer(api), world.seats(3)
    b.must_hold(2, seats[1])
    p = problem(a.hold_all(2, seats), 409, "SEAT_HELD")
    assert seats[1] in p["detail"]
    assert world.redis.get(key(2, seats[0])) is None and world.redis.get(key(2, seats[2])) is None
    assert ok(a.holds(2))["items"] == []


def test_ones_own_among_several_stay_as_they_are(world, api):
    buyer, seats = world.buyer(api), world.seats(3)
    buyer.must_hold(2, seats[0])
    world.redis.pexpire(key(2, seats[0]), 100_000)
    ok(buyer.hold_all(2, seats), 201)
    assert world.redis.pttl(key(2, seats[0])) <= 100_000 < world.redis.pttl(key(2, seats[1]))


def test_several_beyond_the_limit_hold_none(world, api):
    buyer, seats = world.buyer(api), world.seats(6)
    problem(buyer.hold_all(2, seats[:5]), 409, "HOLD_LIMIT_EXCEEDED")
    assert ok(buyer.holds(2))["items"] == []
    ok(buyer.hold_all(2, seats[:2]), 201)
    problem(buyer.hold_all(2, seats[2:5]), 409, "HOLD_LIMIT_EXCEEDED")
    assert len(ok(buyer.holds(2))["items"]) == 2
    ok(buyer.hold_all(2, seats[:4]), 201)


def test_no_seats_and_the_same_seat_twice_are_refused(world, api):
    buyer, seat = world.buyer(api), world.seat()
    problem(buyer.hold_all(2, []), 400, "VALIDATION_FAILED", field="seatNos")
    problem(buyer.hold_all(2, [seat, seat]), 400, "VALIDATION_FAILED", field="seatNos")
    problem(buyer.hold_all(2, [seat, 5]), 400, "VALIDATION_FAILED")
    problem(buyer.hold_all(2, "A-1"), 400, "VALIDATION_FAILED", field="seatNos")


def test_an_unknown_seat_among_several_is_404_and_none_is_held(world, api):
    buyer, seat = world.buyer(api), world.seat()
    problem(buyer.hold_all(2, [seat, "NOPE-1"]), 404, "SEAT_NOT_FOUND")
    assert world.redis.get(key(2, seat)) is None


def test_groups_that_overlap_at_once_never_share_a_seat(world, api):
    seats = world.seats(8)
    groups = [[seats[(i + k) % 8] for k in range(3)] for i in range(8)]
    buyers = [world.buyer(api) for _ in groups]
    got = together([lambda b=b, g=g: b.hold_all(2, g) for b, g in zip(buyers, groups)])
    owners = {}
    for b, g, a in zip(buyers, groups, got):
        assert a.status in (201, 409), a
        if a.status == 201:
            for s in g:
                assert owners.setdefault(s, b.user) == b.user
    assert owners
    for s in seats:
        held = world.redis.get(key(2, s))
        assert held == (str(owners[s]) if s in owners else None)


# --- what stands before the seat ---

def test_unknown_schedule_and_seat(world, api):
    buyer = world.buyer(api)
    problem(buyer.hold(999_999, "A-1"), 404, "SCHEDULE_NOT_FOUND")
    problem(buyer.hold(2, "NOPE-1"), 404, "SEAT_NOT_FOUND")
    problem(buyer.hold(5, "A-1"), 404, "SEAT_NOT_FOUND")


def test_a_closed_schedule_says_so_even_of_an_unknown_seat(world, api):
    buyer = world.buyer(api)
    problem(buyer.hold(3, "A-1"), 409, "SCHEDULE_CLOSED")
    problem(buyer.hold(3, "NOPE-1"), 409, "SCHEDULE_CLOSED")


def test_a_schedule_with_a_queue_wants_a_token_before_anything_about_the_seat(world, api):
    buyer = world.buyer(api)
    problem(buyer.hold(1, "A-1"), 403, "QUEUE_TOKEN_REQUIRED")
    problem(buyer.hold(1, "NOPE-1"), 403, "QUEUE_TOKEN_REQUIRED")
    assert world.redis.get(key(1, "A-1")) is None


def test_a_sale_that_has_not_opened_knows_its_seats_and_then_opens(world, api):
    buyer = world.buyer(api)
    sid = world.schedule(opens="1 hour")
    problem(buyer.hold(sid, "Z-1"), 409, "SALE_NOT_OPEN")
    problem(buyer.hold(sid, "NOPE-1"), 404, "SEAT_NOT_FOUND")
    world.sql("UPDATE schedule SET sale_opens_at = now() WHERE id = %s", sid)
    eventually(lambda: buyer.hold(sid, "Z-1").status in (200, 201), "the sale opens")


def test_a_sale_opens_by_itself_when_its_time_comes(world, api):
    buyer = world.buyer(api)
    sid = world.schedule(opens="2 s")
    problem(buyer.hold(sid, "Z-1"), 409, "SALE_NOT_OPEN")
    eventually(lambda: buyer.hold(sid, "Z-1").status in (200, 201), "the sale opens")
    assert world.sql.one("SELECT now() >= sale_opens_at FROM schedule WHERE id = %s", sid)


def test_closed_in_mid_sale_takes_no_new_holds_and_those_who_hold_may_pay(world, api, consumer):
    a, b = world.buyer(api), world.buyer(api)
    sid = world.schedule()
    a.must_hold(sid, "Z-1")
    order = b.must_ready(sid, "Z-2")
    world.sql("UPDATE schedule SET status = 'CLOSED' WHERE id = %s", sid)
    eventually(lambda: b.hold(sid, "Z-3").code == "SCHEDULE_CLOSED", "the schedule is closed")
    a_order = a.ready(sid, "Z-1")
    assert a_order.status == 201, a_order
    for buyer, number in ((a, a_order.json["orderNo"]), (b, order)):
        assert buyer.pay(number).status == 202
        world.settled(number, "PAID")


def test_rows_inserted_by_sql_alone_are_as_good_as_any(world, api):
    buyer = world.buyer(api)
    sid = world.schedule(seats=1, price=77000, grade="R")
    h = buyer.must_hold(sid, "Z-1")
    assert (h["grade"], h["price"], h["section"]) == ("R", 77000, "Z")
    world.sql("INSERT INTO seat (schedule_id, seat_no, section, grade, price) VALUES (%s, 'Y-1', 'Y', 'S', 5)", sid)
    eventually(lambda: buyer.hold(sid, "Y-1").status in (200, 201), "a new seat is found")


# --- release ---

def test_a_released_seat_is_free_at_once_and_again_is_204(world, api):
    a, b, seat = world.buyer(api), world.buyer(api), world.seat()
    a.must_hold(2, seat)
    got = a.release(2, seat)
    assert got.status == 204 and got.body == b""
    assert a.release(2, seat).status == 204
    ok(b.hold(2, seat), 201)


def test_nothing_held_is_204(world, api):
    assert world.buyer(api).release(2, world.seat()).status == 204


def test_someone_elses_hold_is_not_released(world, api):
    a, b, seat = world.buyer(api), world.buyer(api), world.seat()
    a.must_hold(2, seat)
    problem(b.release(2, seat), 409, "HOLD_NOT_OWNED")
    assert world.redis.get(key(2, seat)) == str(a.user)


def test_releasing_a_seat_with_a_ready_order_fails_the_order(world, api):
    buyer, seat = world.buyer(api), world.seat()
    order = buyer.must_ready(2, seat)
    assert buyer.release(2, seat).status == 204
    o = ok(buyer.order(order))
    assert (o["status"], o["failReason"]) == ("FAILED", "RELEASED")
    problem(buyer.pay(order), 409, "ORDER_NOT_PAYABLE")
    assert world.redis.get(key(2, seat)) is None


def test_after_the_approval_the_seat_stays(world, api, consumer):
    a, b, seat = world.buyer(api), world.buyer(api), world.seat()
    order = a.must_ready(2, seat)
    consumer.freeze()
    try:
        assert a.pay(order).status == 202
        problem(a.release(2, seat), 409, "PAYMENT_IN_PROGRESS")
        problem(b.hold(2, seat), 409, "SEAT_HELD")
    finally:
        consumer.thaw()
    world.settled(order, "PAID")
    problem(a.release(2, seat), 409, "SEAT_SOLD")


def test_a_seat_of_an_approved_payment_is_not_given_away_when_its_key_is_gone(world, api, consumer):
    a, b, seat = world.buyer(api), world.buyer(api), world.seat()
    order = a.must_ready(2, seat)
    consumer.freeze()
    try:
        assert a.pay(order).status == 202
        world.redis.delete(key(2, seat))
        problem(b.hold(2, seat), 409, "SEAT_HELD")
    finally:
        consumer.thaw()
    world.settled(order, "PAID")


# --- one's own ---

def test_ones_holds_are_listed_per_schedule_and_nobody_elses(world, api):
    a, b = world.buyer(api), world.buyer(api)
    mine, other = world.seats(2), world.seat(4)
    for s in mine:
        a.must_hold(2, s)
    a.must_hold(4, other)
    b.must_hold(2, world.seat())
    items = ok(a.holds(2))["items"]
    assert sorted(i["seatNo"] for i in items) == sorted(mine)
    for i in items:
        assert i["scheduleId"] == 2 and i["price"] == 90000 and i["grade"] == "S" and i["section"] == "C"
        assert 0 < i["ttlSeconds"] <= HOLD_TTL_S and is_time(i["expiresAt"])
    assert [i["seatNo"] for i in ok(a.holds(4))["items"]] == [other]
    a.release(2, mine[0])
    assert [i["seatNo"] for i in ok(a.holds(2))["items"]] == [mine[1]]
    problem(a.http.get(f"/tickets/holds?userId={a.user}"), 400, "VALIDATION_FAILED", field="scheduleId")


def test_the_api_prefix_reaches_the_same_holds(world, api):
    buyer, seat = world.buyer(api), world.seat()
    ok(api.http.post("/api/tickets/hold", {"userId": buyer.user, "scheduleId": 2, "seatNo": seat}), 201)
    ok(buyer.hold(2, seat), 200)
    assert api.http.post("/api/tickets/release", {"userId": buyer.user, "scheduleId": 2, "seatNo": seat}).status == 204


def test_two_daemons_see_the_same_holds(world, api):
    second = world.api()
    a, seat = world.buyer(api), world.seat()
    a.must_hold(2, seat)
    problem(world.buyer(second).hold(2, seat), 409, "SEAT_HELD")
    ok(world.buyer(second, a.user).hold(2, seat), 200)
    assert world.buyer(second, a.user).release(2, seat).status == 204
    second.stop()


# --- the end of a hold ---

@pytest.fixture(scope="module")
def brief(world):
    """An API whose holds last 1 s."""
    return world.api(hold_ttl_s=1, payment_ttl_s=0)


def test_a_hold_ends_by_itself(world, brief):
    a, b, seat = world.buyer(brief), world.buyer(brief), world.seat()
    a.must_hold(2, seat)
    eventually(lambda: b.hold(2, seat).status == 201, "the hold ends")


def test_ended_holds_no_longer_count_against_the_limit(world, brief):
    buyer, seats = world.buyer(brief), world.seats(5)
    ok(buyer.hold_all(2, seats[:4]), 201)
    eventually(lambda: buyer.hold(2, seats[4]).status == 201, "the limit is free again")


def test_a_release_after_the_end_leaves_the_next_ones_hold_alone(world, brief, api):
    a, b, seat = world.buyer(brief), world.buyer(api), world.seat()
    a.must_hold(2, seat)
    eventually(lambda: b.hold(2, seat).status == 201, "the hold ends")
    problem(a.release(2, seat), 409, "HOLD_NOT_OWNED")
    assert world.redis.get(key(2, seat)) == str(b.user)
