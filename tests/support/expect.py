"""What an answer must look like, in the words of contract section 3."""
import re
import uuid

HANGUL = re.compile("[\uac00-\ud7a3]")
INTERNALS = re.compile(r"select |insert |update |pg_|sqlstate|redis|seat:lock|127\.0\.0\.1|kafka|\.c:\d+|eval", re.I)


def problem(answer, status, code, field=None):
    """An RFC 9457 problem with this status and code (one of several, given as a tuple); returns it."""
    codes = code if isinstance(code, tuple) else (code,)
    assert answer.status == status, f"{status} {code} expected: {answer}"
    assert (answer.header("Content-Type") or "").startswith("application/problem+json"), (answer, answer.headers)
    p = answer.json
    for name in ("type", "title", "detail", "code", "traceId"):
        assert isinstance(p.get(name), str) and (p[name] or name == "detail"), f"{name}: {p}"
    assert p["status"] == status and p["code"] in codes, f"{status} {code} expected: {p}"
    assert re.fullmatch("[0-9a-f]{32}", p["traceId"]) and set(p["traceId"]) != {"0"}, p
    if status in (429, 503):
        assert re.fullmatch(r"\d+", answer.header("Retry-After") or ""), f"{status} without Retry-After: {answer.headers}"
    if status >= 500:
        assert not INTERNALS.search(p["detail"] + p["title"]), f"a 5xx shows its inside: {p}"
    if p["code"] == "VALIDATION_FAILED":
        assert isinstance(p.get("errors"), list) and p["errors"], f"no errors: {p}"
        for e in p["errors"]:
            assert isinstance(e.get("field"), str) and e.get("message"), p
        if field is not None:
            assert field in [e["field"] for e in p["errors"]], f"field {field!r} expected: {p}"
    return p


def ok(answer, status=200):
    assert answer.status == status, f"{status} expected: {answer}"
    assert (answer.header("Content-Type") or "").startswith("application/json"), answer.headers
    return answer.json


def is_time(s):
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", s or ""), f"no RFC 3339 UTC time with ms: {s!r}"
    return s


def is_uuid7(s):
    assert re.fullmatch("[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", s or ""), f"no UUIDv7: {s!r}"
    return s


def schedule_bits(s):
    """rand_a of a UUIDv7: the schedule's number mod 4096."""
    return uuid.UUID(s).int >> 64 & 0xFFF
