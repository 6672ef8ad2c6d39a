"""Commands, settings and their bounds, exit codes, health, metrics, start-up checks, clean stops."""
import json
import os
import signal
import socket
import subprocess
import time

import pytest

from support.expect import ok, problem
from support.stack import JWT_SECRET, QUEUE_SECRET, ROOT, binary, eventually, free_port, plain_env, run_once, uuid7

DAEMONS = ["api", "consumer"]
SANITIZED = os.environ.get("TICKET_TEST_BUILD") in ("asan", "tsan")
BASE = {"jwt_secret": JWT_SECRET, "queue_secret": QUEUE_SECRET}

NUMBERS = {
    "api": ["HTTP_SHARDS", "HTTP_MAX_CONNECTIONS", "REQUEST_TIMEOUT_MS", "DATABASE_TIMEOUT_MS", "REDIS_TIMEOUT_MS",
            "QUEUE_TIMEOUT_MS", "QUEUE_BYPASS_PER_S", "DATABASE_CONNECTIONS", "JWT_TTL_S", "HOLD_TTL_S", "PAYMENT_TTL_S",
            "MAX_SEATS_PER_USER", "QUEUE_MAX_ACTIVE", "QUEUE_ADMIT_PER_S", "QUEUE_ACTIVE_TTL_S", "QUEUE_CLAIM_TTL_S",
            "QUEUE_WAIT_GRACE_S", "OUTBOX_MAX", "RATE_LIMIT_PER_S"],
    "consumer": ["DATABASE_TIMEOUT_MS", "REDIS_TIMEOUT_MS"],
}
WORDS = {"api": ["ROLE", "QUEUE_BYPASS", "AUTH", "HOLD_STORE", "GATEWAY"], "consumer": []}
ADDRESSES = {"api": "HTTP_ADDR", "consumer": "CONSUMER_HTTP_ADDR"}
SETTINGS = """HTTP_ADDR HTTP_SHARDS HTTP_MAX_CONNECTIONS REQUEST_TIMEOUT_MS DATABASE_TIMEOUT_MS REDIS_TIMEOUT_MS CORS_ORIGINS ROLE
    QUEUE_URL QUEUE_TIMEOUT_MS QUEUE_BYPASS QUEUE_BYPASS_PER_S QUEUE_SECRET DATABASE_URL DATABASE_CONNECTIONS REDIS_URL
    QUEUE_REDIS_URL KAFKA_BROKERS TOPIC_PAYMENT TOPIC_RESERVATION AUTH JWT_SECRET JWT_TTL_S HOLD_STORE HOLD_TTL_S PAYMENT_TTL_S
    MAX_SEATS_PER_USER QUEUE_MAX_ACTIVE QUEUE_ADMIT_PER_S QUEUE_ACTIVE_TTL_S QUEUE_CLAIM_TTL_S QUEUE_WAIT_GRACE_S OUTBOX_MAX
    GATEWAY WEBHOOK_SECRET RATE_LIMIT_PER_S""".split()


def check(kind, **settings):
    return run_once(kind, "--check-config", settings={**BASE, **settings})


def refused(done, setting):
    """Exit 2 and one line that names the setting."""
    assert done.returncode == 2, (setting, done)
    lines = [line for line in done.stderr.splitlines() if line.strip()]
    assert len(lines) == 1 and f"TICKET_{setting}" in lines[0], (setting, done.stderr)


# --- commands and settings ---

@pytest.mark.parametrize("kind", DAEMONS)
def test_help_lists_every_setting_and_version_a_number(kind):
    done = run_once(kind, "--help")
    assert done.returncode == 0
    names = SETTINGS if kind == "api" else ["CONSUMER_HTTP_ADDR", "DATABASE_URL", "KAFKA_BROKERS", "TOPIC_PAYMENT",
                                            "TOPIC_RESERVATION", "CONSUMER_GROUP", "REDIS_URL"]
    missing = [n for n in names if f"TICKET_{n}" not in done.stdout]
    assert not missing
    done = run_once(kind, "--version")
    assert done.returncode == 0 and any(ch.isdigit() for ch in done.stdout)


@pytest.mark.parametrize("kind", DAEMONS)
def test_a_good_configuration_is_confirmed_and_an_unknown_setting_ignored(kind):
    assert check(kind).returncode == 0
    assert check(kind, no_such_setting="x", http_addrs="y").returncode == 0


@pytest.mark.parametrize("kind", DAEMONS)
def test_an_unknown_option_is_refused(kind):
    assert run_once(kind, "--nonsense", settings=BASE).returncode not in (0, -6, -11)


@pytest.mark.parametrize("kind, name", [(k, n) for k in DAEMONS for n in NUMBERS[k]])
def test_a_number_is_a_number_within_bounds(kind, name):
    for bad in ("abc", "1x", "1.5", "-5", "99999999999999999999", "0x10", " ", "1 "):
        refused(check(kind, **{name.lower(): bad}), name)


def test_the_bounds_of_the_contract():
    for name, worst, least in (("PAYMENT_TTL_S", "-1", "0"), ("QUEUE_MAX_ACTIVE", "-1", "0"), ("QUEUE_WAIT_GRACE_S", "-1", "0"),
                               ("RATE_LIMIT_PER_S", "-1", "0"), ("HOLD_TTL_S", "0", "1"), ("MAX_SEATS_PER_USER", "0", "1"),
                               ("JWT_TTL_S", "0", "1"), ("HTTP_SHARDS", "0", "1"), ("QUEUE_BYPASS_PER_S", "-1", "0"), ("OUTBOX_MAX", "0", "1"), ("HTTP_MAX_CONNECTIONS", "0", "1")):
        refused(check("api", **{name.lower(): worst}), name)
        assert check("api", **{name.lower(): least}).returncode == 0, name
    refused(check("api", database_connections="0"), "DATABASE_CONNECTIONS")


@pytest.mark.parametrize("name", WORDS["api"])
def test_a_word_is_one_of_those_known(name):
    for bad in ("nope", "", "REDIS", "all|queue"):
        done = check("api", **{name.lower(): bad})
        if bad:
            refused(done, name)


@pytest.mark.parametrize("kind", DAEMONS)
@pytest.mark.parametrize("bad", ["", "8080", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536", "127.0.0.1:-1", ":::"])
def test_an_address_is_an_address(kind, bad):
    done = check(kind, **{ADDRESSES[kind].lower(): bad})
    if bad:
        refused(done, ADDRESSES[kind])


@pytest.mark.parametrize("kind", DAEMONS)
@pytest.mark.parametrize("name, bad", [("DATABASE_URL", "nonsense://x"), ("DATABASE_URL", "postgresql://h:99999/d"),
                                       ("DATABASE_URL", "postgresql://h:x/d"), ("DATABASE_URL", "host=h port=0"),
                                       ("KAFKA_BROKERS", "h:99999"), ("KAFKA_BROKERS", "h:0"), ("REDIS_URL", "http://x"), ("REDIS_URL", "redis://"),
                                       ("REDIS_URL", "redis://h:99999/0"), ("REDIS_URL", "redis://127.0.0.1:6379/x")])
def test_an_url_is_an_url(kind, name, bad):
    refused(check(kind, **{name.lower(): bad}), name)


def test_the_secrets_that_must_be_there():
    refused(run_once("api", "--check-config", settings={"queue_secret": QUEUE_SECRET}), "JWT_SECRET")
    refused(run_once("api", "--check-config", settings={"jwt_secret": "short"}), "JWT_SECRET")
    refused(run_once("api", "--check-config", settings={"jwt_secret": "x" * 31}), "JWT_SECRET")
    assert run_once("api", "--check-config", settings={"jwt_secret": "x" * 32}).returncode == 0
    assert run_once("api", "--check-config", settings={"auth": "off", "queue_secret": QUEUE_SECRET}).returncode == 0
    refused(run_once("api", "--check-config", settings={"auth": "off"}), "QUEUE_SECRET")


@pytest.mark.parametrize("kind", DAEMONS)
def test_no_secret_is_shown(kind):
    for settings in ({"jwt_secret": "hunter2hunter2"}, {"jwt_secret": "hunter2" * 6}, {"queue_secret": "hunter2"},
                     {"database_url": "postgresql://u:hunter2@127.0.0.1/x"}, {"redis_url": "redis://u:hunter2@127.0.0.1:1/0"},
                     {"redis_url": "redis://:hunter2@127.0.0.1:1/x"}, {"webhook_secret": "hunter2" * 6}):
        done = check(kind, **settings)
        assert "hunter2" not in done.stderr + done.stdout, settings


@pytest.mark.parametrize("name, other", [("JWT_SECRET", "hush-hush-hush-hush-hush-hush-hush"), ("REDIS_URL", "redis://:hush@h:1/0"),
                                         ("DATABASE_URL", "postgresql://u:hush@h/d")])
def test_script_up_shows_no_secret_of_a_part_that_runs_with_another(tmp_path, name, other):
    agree = f"""set -e; . script/lib/common.sh; . script/lib/settings.sh; settings_load; settings_publish
               TICKET_{name}={JWT_SECRET if name == "JWT_SECRET" else "other"}; settings_agree api"""
    done = subprocess.run(["bash", "-c", agree], cwd=ROOT, env=plain_env(run_dir=tmp_path, **{name.lower(): other}),
                          stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode == 1 and f"TICKET_{name}" in done.stderr
    assert "hush" not in done.stdout + done.stderr and JWT_SECRET not in done.stdout + done.stderr


def test_a_daemon_itself_refuses_what_check_config_refuses():
    refused(run_once("api", settings={**BASE, "hold_ttl_s": "0"}), "HOLD_TTL_S")
    refused(run_once("consumer", settings={**BASE, "consumer_http_addr": "x"}), "CONSUMER_HTTP_ADDR")


# --- starting ---

def start_refused(world, kind, *words, **settings):
    """Exit 1 and one line that has these words."""
    base = world.api_settings if kind == "api" else world.consumer_settings
    addr = {"http_addr" if kind == "api" else "consumer_http_addr": f"127.0.0.1:{free_port()}"}
    done = run_once(kind, settings={**base, **addr, **settings})
    assert done.returncode == 1, done
    last = [line for line in done.stderr.splitlines() if all(w in line for w in words)]
    assert len(last) >= 1, f"{words} not named: {done.stderr}"
    for line in done.stderr.splitlines():
        json.loads(line)


@pytest.mark.parametrize("kind", DAEMONS)
def test_a_taken_address_is_named(world, kind):
    with socket.socket() as s:
        s.bind(("127.0.0.1", free_port()))
        s.listen()
        addr = f"127.0.0.1:{s.getsockname()[1]}"
        start_refused(world, kind, addr, **{"http_addr" if kind == "api" else "consumer_http_addr": addr})


def test_a_second_daemon_on_the_same_address_is_refused(world, api):
    """SO_REUSEPORT would let it in."""
    start_refused(world, "api", f"127.0.0.1:{api.port}", http_addr=f"127.0.0.1:{api.port}")


@pytest.mark.parametrize("kind, table", [("api", "payment_order"), ("api", "outbox"), ("api", "seat"), ("consumer", "inbox"),
                                         ("consumer", "refund"), ("consumer", "reservation")])
def test_a_missing_table_is_named(fresh_world, kind, table):
    w = fresh_world()
    w.sql(f"DROP TABLE {table} CASCADE")
    start_refused(w, kind, table)


@pytest.mark.parametrize("kind, statement, words", [
    ("api", "ALTER TABLE reservation DROP CONSTRAINT reservation_seat_live", "reservation"),
    ("consumer", "ALTER TABLE reservation DROP CONSTRAINT reservation_seat_live", "reservation"),
    ("consumer", "ALTER TABLE inbox DROP CONSTRAINT inbox_pkey", "inbox"),
    ("consumer", "ALTER TABLE refund DROP CONSTRAINT refund_once", "refund"),
    ("api", "DROP INDEX payment_one_kept", "payment"),
    ("api", "ALTER TABLE payment_order DROP CONSTRAINT payment_order_pkey CASCADE", "payment_order"),
])
def test_a_missing_unique_constraint_is_named(fresh_world, kind, statement, words):
    w = fresh_world()
    w.sql(statement)
    start_refused(w, kind, words)


@pytest.mark.parametrize("kind, which", [("api", "topic"), ("consumer", "topic"), ("consumer", "dlq"), ("consumer", "events")])
def test_a_missing_topic_is_named(fresh_world, kind, which):
    w = fresh_world()
    w.kafka.delete_topic(getattr(w, which))
    eventually(lambda: not w.kafka.partitions(getattr(w, which)), "the topic is gone")
    start_refused(w, kind, getattr(w, which))


@pytest.mark.parametrize("kind", DAEMONS)
@pytest.mark.parametrize("away", ["postgres", "redis"])
def test_a_server_that_is_away_at_the_start_is_waited_for(world, kind, away):
    port = free_port()
    d = getattr(world, kind)(ready=False, **({"database_url": f"postgresql://127.0.0.1:{port}/x"} if away == "postgres" else
                                             {"redis_url": f"redis://127.0.0.1:{port}/0"}))

    def alive():
        try:
            return d.http.get("/livez").status == 200
        except OSError:
            d.check()
            return False
    eventually(alive, "livez answers")
    time.sleep(1.5)
    got = d.http.get("/readyz")
    assert got.status == 503 and away[:5] in got.body.decode().lower(), got
    told = [line for line in d.log_lines() if line["event"] == "server_away"]
    assert any(line["server"].startswith(away[:5]) for line in told), told
    if kind == "api":
        assert d.http.get("/actuator/health").status in (200, 503)
        if away == "postgres":
            problem(d.http.get("/concerts"), 503, "UNAVAILABLE")
        else:
            problem(world.buyer(d).hold(2, world.seat()), 503, "UNAVAILABLE")
    d.stop()


def test_a_database_that_refuses_is_waited_for_and_the_log_says_why(world):
    d = world.api(ready=False, database_url=world.servers.database_url("nobody"))
    eventually(lambda: any(line["event"] == "server_away" and "nobody" in line["why"] for line in d.log_lines()), "the reason is logged")
    d.stop()


# --- health and metrics ---

def test_health(api, consumer):
    assert api.http.get("/livez").status == 200 and api.http.get("/readyz").status == 200
    assert ok(api.http.get("/actuator/health"))["status"] == "UP"
    assert api.http.get("/actuator/prometheus").header("Content-Type").startswith("text/plain")
    assert consumer.http.get("/livez").status == 200 and consumer.http.get("/readyz").status == 200


def test_the_metrics_of_the_contract_are_there(world, api, consumer):
    buyer, seat = world.buyer(api), world.seat()
    order = buyer.must_pay(2, seat)
    world.settled(order, "PAID")
    world.buyer(api).hold(2, seat)
    api.http.get(f"/payment/orders/{order}")
    api.http.get("/nope/4711")
    eventually(lambda: api.metrics().get("ticket_payment_events_total", 0) >= 1, "delivered")
    m = api.metrics()
    assert m.types["http_server_request_duration_seconds"] == "histogram"
    assert m.get("http_server_request_duration_seconds_count", method="POST", route="/tickets/hold", status=201) == 1
    assert m.get("http_server_request_duration_seconds_count", route="/payment/orders/{orderNo}") \
        or m.get("http_server_request_duration_seconds_count", route="/payment/orders/{id}") == 1
    text = api.http.get("/metrics").body.decode()
    assert "4711" not in text and order not in text and seat not in text, "a label that grows without end"
    assert m.get("ticket_holds_total") == 2
    assert m.get("ticket_payment_events_total", path="direct") == 1
    assert m.get("ticket_payment_events_total", path="relay") == 0
    for name in ("ticket_outbox_pending", "ticket_outbox_oldest_age_seconds", "ticket_oversold_seats", "ticket_refunds_pending",
                 "ticket_db_connections", "ticket_redis_inflight", "process_resident_memory_bytes", "process_open_fds",
                 "process_cpu_seconds_total", "process_start_time_seconds"):
        assert name in m.names(), f"{name} is missing: {sorted(m.names())}"
    assert m.get("ticket_oversold_seats") == 0
    eventually(lambda: api.metrics().get("ticket_outbox_pending") == 0, "the outbox is empty")
    c = consumer.metrics()
    assert c.get("ticket_confirmations_total", result="confirmed") >= 1
    for name in ("ticket_consumer_lag", "ticket_confirm_latency_seconds_bucket", "process_resident_memory_bytes"):
        assert name in c.names(), f"{name} is missing: {sorted(c.names())}"


def test_histograms_are_histograms(api):
    api.http.get("/concerts")
    m = api.metrics()
    buckets = sorted((float(dict(ls)["le"]), v) for (n, ls), v in m.samples.items()
                     if n == "http_server_request_duration_seconds_bucket" and dict(ls)["route"] == "/concerts" and dict(ls)["status"] == "200")
    assert buckets[-1][0] == float("inf") and [v for _, v in buckets] == sorted(v for _, v in buckets)
    assert buckets[-1][1] == m.get("http_server_request_duration_seconds_count", route="/concerts", status=200)


def test_the_outbox_is_counted_truly_at_the_scrape(world, api):
    world.sql("INSERT INTO outbox (event_id, order_no, next_try_at, created_at) VALUES (%s, %s, now() + interval '1 hour', now() - interval '90 s')",
              uuid7(), uuid7())
    m = eventually(lambda: (lambda m: m if m.get("ticket_outbox_pending") == 1 else None)(api.metrics()), "one row pending")
    assert 85 <= m.get("ticket_outbox_oldest_age_seconds") <= 300
    world.sql("DELETE FROM outbox")
    eventually(lambda: api.metrics().get("ticket_outbox_pending") == 0, "none pending")


def test_a_double_sale_in_the_data_itself_is_measured(fresh_world):
    w = fresh_world()
    api = w.api()
    w.sql("ALTER TABLE reservation DROP CONSTRAINT reservation_seat_live")
    for _ in (1, 2):
        w.sql("INSERT INTO reservation (id, user_id, schedule_id, seat_no, status, active) VALUES (%s, 7, 2, 'A-1', 'CONFIRMED', 1)", uuid7(2))
    eventually(lambda: api.metrics().get("ticket_oversold_seats") == 1, "one seat oversold")


# --- stopping ---

@pytest.mark.parametrize("kind", DAEMONS)
@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_is_clean(world, kind, sig):
    d = getattr(world, kind)()
    d.term(sig)
    assert d.wait() == 0
    with pytest.raises(OSError):
        d.http.get("/livez")


def test_a_request_under_way_is_finished_before_the_stop(world):
    """PostgreSQL's row lock keeps it under way."""
    api = world.api(database_timeout_ms=20000)
    buyer, seat = world.buyer(api), world.seat()
    order = buyer.must_ready(2, seat)
    lock = world.sql.transaction()
    with lock.cursor() as cur:
        cur.execute("SELECT 1 FROM payment_order WHERE order_no = %s FOR UPDATE", (order,))
    body = json.dumps({"userId": buyer.user, "orderNo": order}).encode()
    s = socket.create_connection(("127.0.0.1", api.port), 60)
    s.sendall(b"POST /payment/mock-success HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
              % (len(body), body))
    time.sleep(0.5)
    api.term()
    time.sleep(0.2)
    lock.rollback()
    lock.close()
    got = s.recv(65536)
    assert got.startswith((b"HTTP/1.1 202", b"HTTP/1.1 503")), got
    assert api.wait() == 0
    if got.startswith(b"HTTP/1.1 202"):
        assert world.order(order)["approved_at"] is not None


def test_a_stop_with_open_streams_and_idle_connections_ends(world):
    api = world.api(request_timeout_ms=1000)
    sid = world.schedule(seats=2)
    streams = [api.http.stream(f"/schedules/{sid}/seats/events") for _ in range(5)]
    for st in streams:
        st.next()
    idle = [socket.create_connection(("127.0.0.1", api.port), 30) for _ in range(5)]
    half = socket.create_connection(("127.0.0.1", api.port), 30)
    half.sendall(b"POST /tickets/hold HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n{")
    api.term()
    assert api.wait() == 0
    for c in (*streams, *idle, half):
        c.close()


def test_a_daemon_killed_by_its_starter_leaves_its_address_free(world):
    api = world.api()
    api.kill()
    api.start()
    assert ok(world.buyer(api).hold(2, world.seat()), 201)


def test_standard_error_that_is_closed_is_no_reason_to_die(world):
    port = free_port()
    p = subprocess.Popen([binary("api")], env=plain_env(**{**world.api_settings, "http_addr": f"127.0.0.1:{port}"}),
                         stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        p.stderr.close()

        def up():
            assert p.poll() is None, f"ended with {p.poll()}"
            with socket.socket() as s:
                return s.connect_ex(("127.0.0.1", port)) == 0
        eventually(up, "it serves")
    finally:
        p.terminate()
        assert p.wait(60) == 0


def test_payments_are_said_to_be_simulated(api):
    assert [line for line in api.log_lines() if "simulat" in json.dumps(line).lower() or "mock" in json.dumps(line).lower()]


@pytest.mark.skipif(SANITIZED, reason="a sanitizer keeps what was freed for a while")
def test_memory_and_descriptors_come_back(world, api):
    def rss():
        with open(f"/proc/{api.pid}/statm") as f:
            return int(f.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    for _ in range(2):
        for _ in range(300):
            api.http.get("/schedules/2")
        before, fds = rss(), api.fds()
    for _ in range(1500):
        api.http.get("/schedules/2")
    assert rss() - before < 8 << 20, f"{before} -> {rss()}"
    assert api.fds() <= fds + 3
