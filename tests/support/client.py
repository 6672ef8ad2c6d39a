"""What a buyer's browser does: HTTP, one connection a request, and a note of every promise that was given."""
import json
import re
import socket
import threading
import time
from http.client import HTTPConnection

TIMEOUT_S = 60
UUID7 = re.compile(r"^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")
TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def header(self, name):
        """The value of the header, None when it is not there; several are joined."""
        found = [v for k, v in self.headers if k.lower() == name.lower()]
        return ", ".join(found) if found else None

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def code(self):
        """The problem's code, None for an answer that is no problem."""
        if not (self.header("Content-Type") or "").startswith("application/problem+json"):
            return None
        return self.json.get("code")

    def __repr__(self):
        return f"<{self.status} {self.body[:600]!r}>"


class Http:
    def __init__(self, host, port, timeout_s=TIMEOUT_S):
        self.host, self.port, self.timeout_s = host, port, timeout_s

    def request(self, method, path, body=None, headers=None):
        """`body`: bytes or str go as they are, anything else as JSON."""
        headers = dict(headers or {})
        if body is not None:
            if not isinstance(body, (bytes, str)):
                body = json.dumps(body)
            body = body.encode() if isinstance(body, str) else body
            headers.setdefault("Content-Type", "application/json")
        conn = HTTPConnection(self.host, self.port, timeout=self.timeout_s)
        try:
            conn.request(method, path, body, headers)
            r = conn.getresponse()
            return Answer(r.status, r.getheaders(), r.read())
        finally:
            conn.close()

    def get(self, path, headers=None):
        return self.request("GET", path, headers=headers)

    def post(self, path, body=None, headers=None):
        return self.request("POST", path, body, headers)

    def raw(self, data, timeout_s=None, half_close=False):
        """Sends bytes as they are, reads until the other side closes; b"" if it closed without a word."""
        with socket.create_connection((self.host, self.port), timeout_s or self.timeout_s) as s:
            try:
                s.sendall(data)
                if half_close:
                    s.shutdown(socket.SHUT_WR)
            except OSError:
                pass  # it may answer and close before it has heard everything
            return read_to_end(s)

    def stream(self, path, headers=None):
        return Stream(self, path, headers)


def read_to_end(s):
    out = b""
    while True:
        try:
            got = s.recv(65536)
        except ConnectionResetError:
            return out
        if not got:
            return out
        out += got


def answers(data):
    """The answers in a byte stream, as Answers; for raw()."""
    out = []
    while data:
        head, sep, rest = data.partition(b"\r\n\r\n")
        if not sep:
            break
        lines = head.decode("latin-1").split("\r\n")
        headers = [tuple(x.strip() for x in line.split(":", 1)) for line in lines[1:]]
        status = int(lines[0].split(" ")[1])
        a = Answer(status, headers, b"")
        n = int(a.header("Content-Length") or 0)
        a.body, data = rest[:n], rest[n:]
        out.append(a)
    return out


class Stream:
    """A text/event-stream being listened to."""

    def __init__(self, source, path, headers=None):
        self.conn = HTTPConnection(source.host, source.port, timeout=TIMEOUT_S)
        self.conn.request("GET", path, headers=headers or {})
        self.response = self.conn.getresponse()
        self.status = self.response.status
        self.content_type = self.response.getheader("Content-Type")
        self.last_id = None

    def _line(self, end):
        """Heartbeats keep a connection alive for ever; not a test."""
        assert time.monotonic() < end, "nothing of what was waited for came"
        line = self.response.readline()
        assert line, "the stream has ended"
        return line

    def comment(self):
        """The next comment; events are passed over."""
        end = time.monotonic() + TIMEOUT_S
        while True:
            line = self._line(end)
            if line.startswith(b":"):
                return line

    def next(self):
        """(event, data as JSON) of the next event; comments are passed over."""
        event, data, end = "message", [], time.monotonic() + TIMEOUT_S
        while True:
            line = self._line(end).decode().rstrip("\r\n")
            if not line:
                if data:
                    return event, json.loads("\n".join(data))
                event = "message"
            elif line.startswith("event:"):
                event = line[6:].strip()
            elif line.startswith("data:"):
                data.append(line[5:].lstrip(" "))
            elif line.startswith("id:"):
                self.last_id = line[3:].strip()

    def close(self):
        self.response.close()
        self.conn.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Acks:
    """Everything that was promised with a 2xx; invariants.py looks whether it is so."""

    def __init__(self):
        self.rows, self._lock = [], threading.Lock()

    def note(self, what, answer, **facts):
        if 200 <= answer.status < 300:
            with self._lock:
                self.rows.append({"what": what, "status": answer.status, "at": time.time(), **facts})

    def of(self, what):
        with self._lock:
            return [r for r in self.rows if r["what"] == what]


class Buyer:
    """A person. With TICKET_AUTH=off the userId is in the request, with a token in the header."""

    def __init__(self, http, user, acks=None, token=None, headers=None):
        self.http, self.user, self.acks, self.token = http, user, acks or Acks(), token
        self.headers = dict(headers or {})
        if token:
            self.headers["Authorization"] = f"Bearer {token}"

    def _body(self, **fields):
        return fields if self.token else {"userId": self.user, **fields}

    def _path(self, path):
        return path if self.token else f"{path}{'&' if '?' in path else '?'}userId={self.user}"

    def hold(self, schedule, seat):
        a = self.http.post("/tickets/hold", self._body(scheduleId=schedule, seatNo=seat), self.headers)
        self.acks.note("hold", a, user=self.user, schedule=schedule, seat=seat)
        return a

    def hold_all(self, schedule, seats):
        a = self.http.post("/tickets/hold", self._body(scheduleId=schedule, seatNos=seats), self.headers)
        for seat in seats:
            self.acks.note("hold", a, user=self.user, schedule=schedule, seat=seat)
        return a

    def holds(self, schedule):
        return self.http.get(self._path(f"/tickets/holds?scheduleId={schedule}"), self.headers)

    def release(self, schedule, seat):
        a = self.http.post("/tickets/release", self._body(scheduleId=schedule, seatNo=seat), self.headers)
        self.acks.note("release", a, user=self.user, schedule=schedule, seat=seat)
        return a

    def ready(self, schedule, seat):
        a = self.http.post("/payment/ready", self._body(scheduleId=schedule, seatNo=seat), self.headers)
        self.acks.note("ready", a, user=self.user, schedule=schedule, seat=seat,
                       order=a.json["orderNo"] if a.status < 300 else None)
        return a

    def pay(self, order):
        a = self.http.post("/payment/mock-success", self._body(orderNo=order), self.headers)
        self.acks.note("pay", a, user=self.user, order=order, event=a.json["eventId"] if a.status < 300 else None)
        return a

    def fail(self, order, reason="CARD_DECLINED"):
        a = self.http.post("/payment/mock-fail", self._body(orderNo=order, reason=reason), self.headers)
        self.acks.note("fail", a, user=self.user, order=order)
        return a

    def order(self, order):
        return self.http.get(self._path(f"/payment/orders/{order}"), self.headers)

    # --- several steps that must succeed ---

    def must_hold(self, schedule, seat):
        a = self.hold(schedule, seat)
        assert a.status == 201, a
        return a.json

    def must_ready(self, schedule, seat):
        """Holds and orders; returns the order's number."""
        self.must_hold(schedule, seat)
        a = self.ready(schedule, seat)
        assert a.status == 201, a
        return a.json["orderNo"]

    def must_pay(self, schedule, seat):
        """Holds, orders and pays; returns the order's number."""
        order = self.must_ready(schedule, seat)
        a = self.pay(order)
        assert a.status == 202, a
        return order
