"""The world a test runs in: servers and daemons as processes that it may stop, kill, freeze and wake.

Servers are those of script/up --servers, found by their pid files in TICKET_RUN_DIR; what was killed comes back by the
same command. Daemons are children of the test run. Every world has a database, topics, a consumer group and a Redis
database of its own, so tests don't meet. A daemon that ends unasked, writes a sanitizer's report or a log line that is
no JSON fails the test during which it was seen. Nothing is ever signalled but a pid from a pid file or a child's."""
import atexit
import functools
import itertools
import json
import os
import random
import re
import shutil
import signal
import socket
import struct
import subprocess
import threading
import time
import uuid

import psycopg2
import psycopg2.extras
import redis

from support.client import Acks, Buyer, Http
from support.kafka import Kafka

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PARTITIONS = 24
# Nothing here fails on time alone: a machine may be slow, not infinitely.
PATIENCE_S = float(os.environ.get("TICKET_TEST_PATIENCE_S", "60"))
QUEUE_SECRET = "queue-secret-of-the-tests-0123456789"
JWT_SECRET = "jwt-secret-of-the-tests-0123456789abcdef"
SANITIZER = re.compile(r"ERROR: (Address|Leak)Sanitizer|WARNING: ThreadSanitizer|runtime error:|Sanitizer: ")

psycopg2.extras.register_uuid()


def eventually(check, what, within_s=None, every_s=0.02):
    """The first true value of check(); AssertionError after within_s (default: PATIENCE_S)."""
    end = time.monotonic() + (within_s or PATIENCE_S)
    while True:
        got = check()
        if got:
            return got
        if time.monotonic() > end:
            raise AssertionError(f"not within {within_s or PATIENCE_S:g} s: {what() if callable(what) else what}")
        time.sleep(every_s)


def free_port(taken=set()):
    """A port nobody listens on, below the range from which the system takes its own."""
    for _ in range(1000):
        port = random.SystemRandom().randrange(12000, 32000)
        if port in taken:
            continue
        with socket.socket() as s:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                s.bind(("127.0.0.1", port))
            except OSError:
                continue
        taken.add(port)
        return port
    raise AssertionError("no free port")


def _read_env(path):
    with open(path) as f:
        return dict(line.rstrip("\n").split("=", 1) for line in f if "=" in line)


def _stat(pid):
    """[state, ppid, ...] of a process, None when it is gone."""
    try:
        with open(f"/proc/{pid}/stat") as f:
            return f.read().rsplit(")", 1)[1].split()
    except OSError:
        return None


def _alive(pid):
    stat = _stat(pid)
    return stat is not None and stat[0] not in "ZX"


def _children(pid):
    out = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            stat = _stat(name)
            if stat and int(stat[1]) == pid:
                out.append(int(name))
    return out


class Server:
    """One of postgres, redis, kafka, by the pid that script/up wrote down."""

    def __init__(self, servers, name):
        self.servers, self.name = servers, name

    @property
    def pid(self):
        with open(f"{self.servers.run}/pids/{self.name}.pid") as f:
            return int(f.read())

    def alive(self):
        return _alive(self.pid)

    def _all(self):
        return [self.pid, *_children(self.pid)]

    def kill(self):
        """SIGKILL: no flush, no goodbye; PostgreSQL's children with it."""
        pids = self._all()
        for pid in pids:
            self._signal(pid, signal.SIGKILL)
        eventually(lambda: not any(map(_alive, pids)), f"{self.name} is gone")

    def stop(self):
        pids = self._all()
        self._signal(pids[0], signal.SIGINT if self.name == "postgres" else signal.SIGTERM)
        eventually(lambda: not any(map(_alive, pids)), f"{self.name} has stopped")

    def freeze(self):
        for pid in self._all():
            self._signal(pid, signal.SIGSTOP)

    def thaw(self):
        for pid in self._all():
            self._signal(pid, signal.SIGCONT)

    def start(self):
        self.servers.up()

    def restart(self):
        self.stop()
        self.start()

    @staticmethod
    def _signal(pid, sig):
        try:
            os.kill(pid, sig)
        except ProcessLookupError:
            pass


class RedisServer(Server):
    """Also: forgets everything, and comes back from what it knew long ago."""

    def client(self, db=0):
        return redis.Redis(host="127.0.0.1", port=self.servers.redis_port, db=db, decode_responses=True,
                           socket_timeout=PATIENCE_S)

    def flushall(self):
        self.client().flushall()

    def _files(self):
        r = self.client()
        return r.config_get("dir")["dir"], r.config_get("appenddirname")["appenddirname"]

    def snapshot(self):
        """A copy of its files as they are now."""
        folder, name = self._files()
        copy = f"{self.servers.run}/redis-snapshot"
        shutil.rmtree(copy, ignore_errors=True)
        self.freeze()
        try:
            shutil.copytree(f"{folder}/{name}", copy)
        finally:
            self.thaw()
        return folder, name, copy

    def bring_back(self, snapshot):
        """Killed, and started from the copy: what happened since is forgotten."""
        folder, name, copy = snapshot
        self.kill()
        shutil.rmtree(f"{folder}/{name}")
        shutil.copytree(copy, f"{folder}/{name}")
        self.start()


class Servers:
    def __init__(self, run_dir):
        self.run = os.path.join(ROOT, run_dir)
        self.settings = _read_env(f"{self.run}/env")
        self.pg_port = int(self.settings["TICKET_PG_PORT"])
        self.redis_port = int(self.settings["TICKET_REDIS_PORT"])
        self.kafka_port = int(self.settings["TICKET_KAFKA_PORT"])
        self.brokers = f"127.0.0.1:{self.kafka_port}"
        self.kafka_client = Kafka(self.brokers)
        self.postgres, self.kafka = Server(self, "postgres"), Server(self, "kafka")
        self.redis = RedisServer(self, "redis")
        self.all = (self.postgres, self.redis, self.kafka)

    def up(self):
        """Starts what is not running and waits until it is ready."""
        env = {k: v for k, v in os.environ.items() if not k.startswith(("TICKET_", "ASAN_", "UBSAN_", "TSAN_", "LSAN_"))}
        env["TICKET_RUN_DIR"] = self.run
        for name in ("TICKET_PG_PORT", "TICKET_REDIS_PORT", "TICKET_KAFKA_PORT"):
            env[name] = self.settings[name]
        done = subprocess.run([f"{ROOT}/script/up", "--servers"], env=env, stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert done.returncode == 0, f"script/up --servers: {done.stdout}"

    def heal(self):
        """Whatever a test did to them: awake and running again."""
        for s in self.all:
            if s.alive():
                s.thaw()
        if not all(s.alive() for s in self.all):
            self.up()

    def database_url(self, name):
        return f"postgresql://127.0.0.1:{self.pg_port}/{name}"

    def connect(self, name):
        conn = psycopg2.connect(self.database_url(name), connect_timeout=int(PATIENCE_S))
        conn.autocommit = True
        return conn


class Sql:
    """One connection, autocommit, built again when the server has gone and come back."""

    def __init__(self, servers, name):
        self.servers, self.name, self._conn = servers, name, None

    def __call__(self, query, *args):
        """The rows, as lists of dicts; [] for statements without rows."""
        for attempt in (1, 2):
            try:
                if self._conn is None or self._conn.closed:
                    self._conn = self.servers.connect(self.name)
                with self._conn.cursor(cursor_factory=psycopg2.extras.RealDictCursor) as cur:
                    cur.execute(query, args or None)
                    return [dict(r) for r in cur.fetchall()] if cur.description else []
            except (psycopg2.OperationalError, psycopg2.InterfaceError):
                self.close()
                if attempt == 2:
                    raise

    def one(self, query, *args):
        """The only column of the only row."""
        rows = self(query, *args)
        assert len(rows) == 1, f"{len(rows)} rows: {query} {args}"
        return next(iter(rows[0].values()))

    def transaction(self):
        """A connection of its own, not autocommit: for holding locks. The caller closes it."""
        conn = self.servers.connect(self.name)
        conn.autocommit = False
        return conn

    def close(self):
        if self._conn is not None:
            self._conn.close()
            self._conn = None


def binary(kind):
    """The daemon under test: TICKET_TEST_BUILD names the preset that it was built with."""
    build = os.environ.get("TICKET_TEST_BUILD", "release")
    return f"{ROOT}/build/{build}/{kind}/ticket-{kind}"


def plain_env(**settings):
    """The environment of a daemon: nothing of ours but what is given. None leaves a setting out."""
    env = {k: v for k, v in os.environ.items() if not k.startswith("TICKET_")}
    env.setdefault("ASAN_OPTIONS", "exitcode=99:detect_leaks=1:abort_on_error=0")
    env.setdefault("UBSAN_OPTIONS", "print_stacktrace=1:halt_on_error=1")
    for name, value in settings.items():
        if value is not None:
            env["TICKET_" + name.upper()] = str(value)
    return env


def run_once(kind, *args, settings=None, within_s=None):
    """A daemon's command that ends by itself."""
    return subprocess.run([binary(kind), *args], env=plain_env(**(settings or {})), stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=within_s or PATIENCE_S)


@functools.lru_cache
def other_clock(servers):
    """The library that gives a daemon a clock of its own."""
    made = f"{servers.run}/other_clock.so"
    subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", made, f"{ROOT}/tests/support/preload/other_clock.c"], check=True)
    return made


class Daemon:
    """ticket-api or ticket-consumer. A planned end is one that the test asked for."""

    ids = itertools.count(1)

    def __init__(self, world, kind, addr_setting, settings, clock=None):
        """`clock`: how far its own is from everybody's, in seconds; None: it has the machine's."""
        self.world, self.kind = world, kind
        self.port = free_port()
        self.settings = {**settings, addr_setting: f"127.0.0.1:{self.port}"}
        self.log_path = f"{world.folder}/{kind}-{next(self.ids)}.log"
        self.process = self._planned = None
        self._checked = 0
        self.http = Http("127.0.0.1", self.port)
        self._clock_path = self.log_path + ".clock" if clock is not None else None
        if clock is not None:
            self.set_clock(clock)

    def set_clock(self, seconds):
        """Its clock steps there at once; see other_clock.c."""
        mode = "r+b" if os.path.exists(self._clock_path) else "wb"
        with open(self._clock_path, mode, buffering=0) as f:
            f.write(struct.pack("=q", seconds))

    def _clock_env(self):
        return {"LD_PRELOAD": other_clock(self.world.servers), "TEST_CLOCK_FILE": self._clock_path} if self._clock_path else {}

    def start(self, ready=True):
        self._planned = False
        with open(self.log_path, "ab") as log:
            # It does not outlive us, whatever becomes of us.
            self.process = subprocess.Popen(["setpriv", "--pdeathsig", "KILL", binary(self.kind)],
                                            env={**plain_env(**self.settings), **self._clock_env()},
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        if ready:
            self.await_ready()
        return self

    def await_ready(self):
        eventually(self.is_ready, lambda: f"{self.kind} is ready\n{self.log()[-3000:]}")
        return self

    def is_ready(self):
        self.check()
        try:
            return self.http.get("/readyz").status == 200
        except OSError:
            return False

    @property
    def pid(self):
        return self.process.pid

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        self._planned = True
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(PATIENCE_S)

    def freeze(self):
        self.process.send_signal(signal.SIGSTOP)
        eventually(lambda: _stat(self.pid)[0] == "T", f"{self.kind} is frozen")

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def term(self, sig=signal.SIGTERM):
        """Asks it to stop, and does not wait."""
        self._planned = True
        self.process.send_signal(sig)

    def wait(self):
        """Its exit code after term(), 0 if all is well."""
        try:
            code = self.process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.kind} does not stop\n{self.log()[-3000:]}") from None
        self.check()
        return code

    def stop(self):
        if not self.alive():
            return
        self.thaw()
        self.term()
        code = self.wait()
        assert code == 0, f"{self.kind} stopped with {code}\n{self.log()[-3000:]}"

    def restart(self):
        self.stop()
        return self.start()

    def log(self):
        with open(self.log_path, errors="replace") as f:
            return f.read()

    def log_lines(self):
        return [json.loads(line) for line in self.log().splitlines() if line]

    def check(self):
        """AssertionError on an unplanned end, a sanitizer's report, a line that is no JSON object, a secret."""
        if self.process is None:
            return
        ended = self.process.poll() is not None and not self._planned
        with open(self.log_path, "rb") as f:
            f.seek(self._checked)
            fresh = f.read()
        whole = fresh[:fresh.rfind(b"\n") + 1]
        self._checked += len(whole)
        text = fresh.decode(errors="replace")
        assert not ended, f"{self.kind} ended by itself with {self.process.returncode}\n{text[-3000:]}"
        assert not SANITIZER.search(text), f"{self.kind}: a sanitizer's report\n{text[:6000]}"
        for line in whole.decode(errors="replace").splitlines():
            try:
                ok = isinstance(json.loads(line), dict)
            except ValueError:
                ok = False
            assert ok, f"{self.kind}: a log line that is no JSON object: {line[:500]}"
        for secret in (QUEUE_SECRET, JWT_SECRET):
            assert secret not in text, f"{self.kind}: a secret in the log"

    def metrics(self):
        return Metrics(self.http.get("/metrics").body.decode())

    def fds(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))


class Metrics:
    """Prometheus' text format: {(name, labels as a frozenset of pairs): value}."""

    LINE = re.compile(r"^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)(?: \d+)?$")
    LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')

    def __init__(self, text):
        self.samples, self.types = {}, {}
        for line in text.splitlines():
            if line.startswith("# TYPE "):
                _, _, name, kind = line.split(" ", 3)
                self.types[name] = kind
            elif line and not line.startswith("#"):
                m = self.LINE.match(line)
                assert m, f"not a sample: {line}"
                key = m[1], frozenset(self.LABEL.findall(m[2] or ""))
                assert key not in self.samples, f"twice: {line}"
                self.samples[key] = float(m[3])

    def names(self):
        return {name for name, _ in self.samples}

    def get(self, name, default=None, **labels):
        """The sum of all samples of that name with these labels."""
        want = {(k, str(v)) for k, v in labels.items()}
        found = [v for (n, ls), v in self.samples.items() if n == name and want <= ls]
        return sum(found) if found else default


class World:
    """A database with schema and sample data, topics, a group, a Redis database, and the daemons on them."""

    ids = itertools.count(1)

    def __init__(self, servers, name="w", topics=True, **settings):
        self.servers = servers
        n = next(self.ids)
        self.name = re.sub(r"\W", "_", f"{name}_{os.getpid()}_{n}")[-50:]
        self.folder = f"{servers.run}/log/{self.name}"
        os.makedirs(self.folder, exist_ok=True)
        self.daemons, self.acks = [], Acks()
        self._users, self._lock = itertools.count(2000), threading.Lock()
        self._seats = {}
        maker = servers.connect("postgres")
        with maker.cursor() as cur:
            cur.execute(f'CREATE DATABASE "{self.name}" TEMPLATE ticket')
        maker.close()
        self.sql = Sql(servers, self.name)
        self.redis_db = n % 15 + 1
        self.redis = servers.redis.client(self.redis_db)
        self.redis.flushdb()
        self.kafka = servers.kafka_client
        self.topic = f"{self.name}.payment.completed"
        self.dlq = self.topic + ".dlq"
        self.events = f"{self.name}.reservation.events"
        self.group = f"{self.name}.confirm"
        if topics:
            for topic, partitions in ((self.topic, PARTITIONS), (self.dlq, 1), (self.events, PARTITIONS)):
                self.kafka.create_topic(topic, partitions)
            self.kafka.topics_settle(self.topic, self.dlq, self.events)
        common = dict(database_url=servers.database_url(self.name),
                      redis_url=f"redis://127.0.0.1:{servers.redis_port}/{self.redis_db}",
                      kafka_brokers=servers.brokers, topic_payment=self.topic, topic_reservation=self.events,
                      queue_secret=QUEUE_SECRET, jwt_secret=JWT_SECRET)
        self.api_settings = {**common, "auth": "off", "http_shards": 2, **settings}
        self.consumer_settings = {**common, "consumer_group": self.group,
                                  **{k: v for k, v in settings.items() if k in ("database_timeout_ms",)}}

    # --- daemons ---

    def api(self, ready=True, clock=None, **settings):
        d = Daemon(self, "api", "http_addr", {**self.api_settings, **settings}, clock)
        self.daemons.append(d)
        return d.start(ready)

    def consumer(self, ready=True, **settings):
        d = Daemon(self, "consumer", "consumer_http_addr", {**self.consumer_settings, **settings})
        self.daemons.append(d)
        return d.start(ready)

    def check(self):
        for d in self.daemons:
            d.check()

    def close(self):
        """Stops the daemons cleanly (each must exit 0) and drops what was made."""
        problems = []
        for d in self.daemons:
            try:
                d.stop()
                d.check()
            except AssertionError as e:
                problems.append(str(e))
            finally:
                if d.alive():
                    d.kill()
        self.sql.close()
        try:
            for topic in (self.topic, self.dlq, self.events):
                self.kafka.delete_topic(topic)
            self.redis.flushdb()
            maker = self.servers.connect("postgres")
            with maker.cursor() as cur:
                cur.execute(f'DROP DATABASE IF EXISTS "{self.name}" WITH (FORCE)')
            maker.close()
        finally:
            assert not problems, "\n".join(problems)

    # --- people and places ---

    def user(self):
        """Somebody who has done nothing yet."""
        with self._lock:
            return next(self._users)

    def buyer(self, api, user=None, **more):
        return Buyer(api.http, user or self.user(), self.acks, **more)

    def seat(self, schedule=2, grade="S"):
        """A seat that no test of this world has touched."""
        return self.seats(1, schedule, grade)[0]

    def seats(self, n, schedule=2, grade="S"):
        with self._lock:
            if (schedule, grade) not in self._seats:
                rows = self.sql("SELECT seat_no FROM seat WHERE schedule_id = %s AND grade = %s ORDER BY id", schedule,
                                grade)
                self._seats[schedule, grade] = iter([r["seat_no"] for r in rows])
            out = list(itertools.islice(self._seats[schedule, grade], n))
        assert len(out) == n, f"schedule {schedule} has no untouched {grade} seats left"
        return out

    def price(self, schedule, seat):
        return self.sql.one("SELECT price FROM seat WHERE schedule_id = %s AND seat_no = %s", schedule, seat)

    def schedule(self, seats=10, concert=2, status="ON_SALE", opens=None, price=90000, grade="S", show="30 days"):
        """A new schedule by SQL alone, with seats Z-1, Z-2, ..."""
        sid = self.sql.one("INSERT INTO schedule (concert_id, show_at, sale_opens_at, status) "
                           "VALUES (%s, now() + %s::interval, now() + %s::interval, %s) RETURNING id",
                           concert, show, opens, status)
        self.sql("INSERT INTO seat (schedule_id, seat_no, section, grade, price) "
                 "SELECT %s, 'Z-' || i, 'Z', %s, %s FROM generate_series(1, %s) i", sid, grade, price, seats)
        return sid

    def order_row(self, user, schedule, seat, status="READY", amount=None, expires="5 minutes", approved=False):
        """A payment order by SQL alone."""
        amount = self.price(schedule, seat) if amount is None else amount
        return str(self.sql.one(
            "INSERT INTO payment_order (order_no, user_id, schedule_id, seat_no, amount, status, expires_at, fail_reason) "
            "VALUES (%s, %s, %s, %s, %s, %s, now() + %s::interval, %s) RETURNING order_no",
            uuid7(), user, schedule, seat, amount, status, expires, "EXPIRED" if status == "FAILED" else None))

    def order(self, order_no):
        rows = self.sql("SELECT * FROM payment_order WHERE order_no = %s", str(order_no))
        return rows[0] if rows else None

    def payments(self, order_no):
        return self.sql("SELECT * FROM payment WHERE order_no = %s ORDER BY created_at, id", str(order_no))

    def refunds(self, order_no):
        return self.sql("SELECT * FROM refund WHERE order_no = %s", str(order_no))

    def reservations(self, schedule, seat, live=True):
        return self.sql("SELECT * FROM reservation WHERE schedule_id = %s AND seat_no = %s AND (active = 1 OR NOT %s) "
                        "ORDER BY created_at", schedule, seat, live)

    def waiting(self):
        """The pids of those of PostgreSQL's processes that wait for a lock."""
        return [r["pid"] for r in self.sql("SELECT pid FROM pg_stat_activity WHERE datname = current_database() "
                                           "AND wait_event_type = 'Lock' AND pid <> pg_backend_pid()")]

    def end_waiting(self):
        """Ends them, and what they were about to commit."""
        for pid in self.waiting():
            self.sql("SELECT pg_terminate_backend(%s, 10000)", pid)

    # --- events ---

    def event(self, order_no, user, schedule, seat, amount=None, event_id=None, method="CARD", **more):
        """A PaymentCompletedEvent as contract section 6 writes it; None leaves a field out."""
        e = {"eventId": event_id or uuid7(), "eventType": "PaymentCompletedEvent", "version": 1,
             "occurredAt": now_text(), "orderNo": str(order_no), "userId": user, "scheduleId": schedule, "seatNo": seat,
             "amount": self.price(schedule, seat) if amount is None else amount, "method": method, **more}
        return {k: v for k, v in e.items() if v is not MISSING}

    def publish(self, event, key=None, headers=(), partition=-1):
        """Any producer may publish: ours is none of the daemons. -> (partition, offset)"""
        if isinstance(event, dict):
            key = key or f"{event['scheduleId']}:{event['seatNo']}".encode()
            event = json.dumps(event).encode()
        return self.kafka.produce(self.topic, event, key, headers, partition)

    def consumed(self):
        """Waits until the consumer has committed everything that is in the topic now."""
        ends = self.kafka.ends(self.topic)

        def done():
            self.check()
            at = self.kafka.committed(self.group, self.topic)
            return all((a or 0) >= e for a, e in zip(at, ends))
        eventually(done, lambda: f"offsets {self.kafka.committed(self.group, self.topic)} reach {ends}", every_s=0.1)

    def settled(self, order_no, *statuses):
        """Waits for the order to be in one of the states (default: not READY); returns its row."""
        def there():
            self.check()
            row = self.order(order_no)
            return row if (row["status"] in statuses if statuses else row["status"] != "READY") else None
        return eventually(there, lambda: f"order becomes {statuses or 'decided'}: {self.order(order_no)}")


MISSING = object()


def now_text(shift_s=0):
    t = time.time() + shift_s
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(t)) + f".{int(t * 1000) % 1000:03d}Z"


def uuid7(schedule=None):
    ms = int(time.time() * 1000)
    rand_a = schedule % 4096 if schedule is not None else random.getrandbits(12)
    return str(uuid.UUID(int=ms << 80 | 7 << 76 | rand_a << 64 | 2 << 62 | random.getrandbits(62)))


def together(calls):
    """Runs the calls at the same moment, each in its thread; returns their results in order."""
    barrier, out, errors = threading.Barrier(len(calls)), [None] * len(calls), []

    def run(i, call):
        barrier.wait()
        try:
            out[i] = call()
        except BaseException as e:  # shown to the test, in whose thread it belongs
            errors.append(e)
    threads = [threading.Thread(target=run, args=(i, call)) for i, call in enumerate(calls)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    if errors:
        raise errors[0]
    return out


_worlds = []


def open_world(servers, name, **settings):
    w = World(servers, name, **settings)
    _worlds.append(w)
    return w


def close_world(w):
    _worlds.remove(w)
    w.close()


@atexit.register
def _leave_no_daemon():
    for w in _worlds:
        for d in w.daemons:
            if d.alive():
                d.kill()
