"""5,000 buyers for the 1,000 seats of schedule 4, all at once."""
import asyncio
import random
from collections import Counter

from support import invariants
from support.lines import Line

BUYERS, SEATS = 5000, 1000


async def buy(line, user, seats, rng, heard, acks):
    """Tries seats until one is paid for, or until every seat is someone else's; a person buys one."""
    for seat in rng.sample(seats, len(seats)):
        status, a = await line.post("/tickets/hold", {"userId": user, "scheduleId": 4, "seatNo": seat})
        heard["hold", status, a.get("code")] += 1
        if status == 409:
            if heard.paid >= SEATS:
                return
            continue
        if status != 201:
            return
        status, a = await line.post("/payment/ready", {"userId": user, "scheduleId": 4, "seatNo": seat})
        heard["ready", status, a.get("code")] += 1
        if status != 201:
            continue
        acks.append((user, seat, a["orderNo"]))
        status, p = await line.post("/payment/mock-success", {"userId": user, "orderNo": a["orderNo"]})
        heard["pay", status, p.get("code")] += 1
        if status == 202:
            heard.paid += 1
            return


class Heard(Counter):
    paid = 0


def test_five_thousand_buyers_for_a_thousand_seats(world, api, consumer):
    seats = [r["seat_no"] for r in world.sql("SELECT seat_no FROM seat WHERE schedule_id = 4")]
    rng, heard, acks = random.Random(4), Heard(), []

    async def all_of_them():
        door = asyncio.Semaphore(200)
        lines = await asyncio.gather(*[Line(api.port).open(door) for _ in range(BUYERS)])
        await asyncio.gather(*[buy(line, 10_001 + i, seats, rng, heard, acks) for i, line in enumerate(lines)])
        for line in lines:
            line.w.close()
    asyncio.run(all_of_them())

    assert {status for _, status, _ in heard} <= {201, 202, 409}, heard
    assert {code for what, status, code in heard if status == 409} <= {"SEAT_HELD", "SEAT_SOLD"}, heard
    assert heard["pay", 202, None] == SEATS, heard
    invariants.settle(world)
    by_status = {r["status"]: r["n"] for r in world.sql("SELECT status, count(*) AS n FROM payment_order GROUP BY 1")}
    assert by_status == {"PAID": SEATS}, by_status
    assert world.sql.one("SELECT count(DISTINCT seat_no) FROM reservation WHERE status = 'CONFIRMED' AND schedule_id = 4") == SEATS
    assert world.sql.one("SELECT count(DISTINCT user_id) FROM payment_order") == SEATS
    orders = {str(r["order_no"]): (r["user_id"], r["seat_no"]) for r in world.sql("SELECT * FROM payment_order")}
    assert {o: (u, s) for u, s, o in acks} == orders
    invariants.assert_all(world)
    left = {s["status"] for s in api.http.get("/schedules/4/seats").json["seats"]}
    assert left == {"SOLD_OUT"} or left == {"SOLD_OUT", "HOLD"}
