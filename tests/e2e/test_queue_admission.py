"""What an admission is told to who came before the opening: a place and a token that open the gate."""
import pytest

from support.client import Stream
from support.expect import ok


@pytest.fixture(scope="module")
def early(world, api):
    """Users in the pre-queue of a schedule that opens in a moment, each listening; and that schedule."""
    sid = world.schedule(seats=5, concert=1, opens="3 seconds")
    users = [world.user() for _ in range(3)]
    for u in users:
        assert ok(api.http.post("/queue/enter", {"userId": u, "scheduleId": sid}))["status"] == "PRE_QUEUE"
    streams = {u: Stream(api.http, f"/queue/events?scheduleId={sid}&userId={u}") for u in users}
    yield sid, streams
    for s in streams.values():
        s.close()


def admission(stream):
    while True:
        event, place = stream.next()
        if event == "admitted":
            return place


def test_who_is_drawn_and_admitted_at_once_hears_the_number_and_a_token_that_holds_a_seat(api, early):
    """Draw and admission follow each other faster than streams are told of the line."""
    sid, streams = early
    for i, (user, stream) in enumerate(streams.items()):
        told = admission(stream)
        asked = ok(api.http.get(f"/queue/status?scheduleId={sid}&userId={user}"))
        assert (told["number"], told["token"]) == (asked["number"], asked["token"]) and told["number"] in (1, 2, 3)
        body = {"userId": user, "scheduleId": sid, "seatNo": f"Z-{i + 1}"}
        ok(api.http.post("/tickets/hold", body, {"Queue-Token": told["token"]}), 201)
