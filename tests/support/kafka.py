"""A small Kafka client for tests: librdkafka through ctypes.

It can say what a polite client can't: any bytes as key and value, null values, any headers, a chosen partition.
Everything blocks with a deadline and raises KafkaError."""
import ctypes as c
import ctypes.util
import struct
import threading
import time
from collections import namedtuple

_lib = c.CDLL(ctypes.util.find_library("rdkafka") or "librdkafka.so.1")

PRODUCER, CONSUMER = 0, 1
EOF, UNKNOWN_TOPIC, TOPIC_EXISTS = -191, 3, 36
OFFSET_INVALID = -1001
# The group's coordinator is loading, not there yet, or somebody else by now.
TRY_AGAIN = (14, 15, 16, -185, -195, -187)
_TOPIC, _PARTITION, _VALUE, _KEY, _MSGFLAGS, _TIMESTAMP, _HEADER = 1, 3, 4, 5, 7, 8, 9
_COPY = 2

Message = namedtuple("Message", "topic partition offset key value headers timestamp")


class KafkaError(Exception):
    pass


class _Mem(c.Structure):
    _fields_ = [("ptr", c.c_void_p), ("size", c.c_size_t)]


class _Header(c.Structure):
    _fields_ = [("name", c.c_char_p), ("val", c.c_void_p), ("size", c.c_ssize_t)]


class _VuUnion(c.Union):
    _fields_ = [("cstr", c.c_char_p), ("i", c.c_int), ("i32", c.c_int32), ("i64", c.c_int64), ("mem", _Mem),
                ("header", _Header), ("ptr", c.c_void_p), ("pad", c.c_char * 64)]


class _Vu(c.Structure):
    _fields_ = [("vtype", c.c_int), ("u", _VuUnion)]


class _Message(c.Structure):
    _fields_ = [("err", c.c_int), ("rkt", c.c_void_p), ("partition", c.c_int32), ("payload", c.c_void_p),
                ("len", c.c_size_t), ("key", c.c_void_p), ("key_len", c.c_size_t), ("offset", c.c_int64),
                ("private", c.c_void_p)]


class _TopicPartition(c.Structure):
    _fields_ = [("topic", c.c_char_p), ("partition", c.c_int32), ("offset", c.c_int64), ("metadata", c.c_void_p),
                ("metadata_size", c.c_size_t), ("opaque", c.c_void_p), ("err", c.c_int), ("private", c.c_void_p)]


class _TopicPartitionList(c.Structure):
    _fields_ = [("cnt", c.c_int), ("size", c.c_int), ("elems", c.POINTER(_TopicPartition))]


class _MetaPartition(c.Structure):
    _fields_ = [("id", c.c_int32), ("err", c.c_int), ("leader", c.c_int32), ("replica_cnt", c.c_int),
                ("replicas", c.c_void_p), ("isr_cnt", c.c_int), ("isrs", c.c_void_p)]


class _MetaTopic(c.Structure):
    _fields_ = [("topic", c.c_char_p), ("partition_cnt", c.c_int), ("partitions", c.POINTER(_MetaPartition)),
                ("err", c.c_int)]


class _Meta(c.Structure):
    _fields_ = [("broker_cnt", c.c_int), ("brokers", c.c_void_p), ("topic_cnt", c.c_int),
                ("topics", c.POINTER(_MetaTopic)), ("orig_broker_id", c.c_int32), ("orig_broker_name", c.c_char_p)]


_DR = c.CFUNCTYPE(None, c.c_void_p, c.POINTER(_Message), c.c_void_p)
_LOG = c.CFUNCTYPE(None, c.c_void_p, c.c_int, c.c_char_p, c.c_char_p)


def _declare(name, res, *args):
    f = getattr(_lib, "rd_kafka_" + name)
    f.restype, f.argtypes = res, args
    return f


_P = c.c_void_p
conf_new = _declare("conf_new", _P)
conf_set = _declare("conf_set", c.c_int, _P, c.c_char_p, c.c_char_p, c.c_char_p, c.c_size_t)
conf_set_dr = _declare("conf_set_dr_msg_cb", None, _P, _DR)
conf_set_log = _declare("conf_set_log_cb", None, _P, _LOG)
rk_new = _declare("new", _P, c.c_int, _P, c.c_char_p, c.c_size_t)
flush = _declare("flush", c.c_int, _P, c.c_int)
produceva = _declare("produceva", _P, _P, c.POINTER(_Vu), c.c_size_t)
error_string = _declare("error_string", c.c_char_p, _P)
error_destroy = _declare("error_destroy", None, _P)
err2str = _declare("err2str", c.c_char_p, c.c_int)
list_new = _declare("topic_partition_list_new", c.POINTER(_TopicPartitionList), c.c_int)
list_add = _declare("topic_partition_list_add", c.POINTER(_TopicPartition), c.POINTER(_TopicPartitionList),
                    c.c_char_p, c.c_int32)
list_destroy = _declare("topic_partition_list_destroy", None, c.POINTER(_TopicPartitionList))
assign = _declare("assign", c.c_int, _P, c.POINTER(_TopicPartitionList))
consumer_poll = _declare("consumer_poll", c.POINTER(_Message), _P, c.c_int)
message_destroy = _declare("message_destroy", None, c.POINTER(_Message))
message_headers = _declare("message_headers", c.c_int, c.POINTER(_Message), c.POINTER(_P))
header_get_all = _declare("header_get_all", c.c_int, _P, c.c_size_t, c.POINTER(c.c_char_p), c.POINTER(_P),
                          c.POINTER(c.c_size_t))
message_timestamp = _declare("message_timestamp", c.c_int64, c.POINTER(_Message), c.POINTER(c.c_int))
topic_name = _declare("topic_name", c.c_char_p, _P)
watermarks = _declare("query_watermark_offsets", c.c_int, _P, c.c_char_p, c.c_int32, c.POINTER(c.c_int64),
                      c.POINTER(c.c_int64), c.c_int)
metadata = _declare("metadata", c.c_int, _P, c.c_int, _P, c.POINTER(c.POINTER(_Meta)), c.c_int)
metadata_destroy = _declare("metadata_destroy", None, c.POINTER(_Meta))
queue_new = _declare("queue_new", _P, _P)
queue_destroy = _declare("queue_destroy", None, _P)
queue_poll = _declare("queue_poll", _P, _P, c.c_int)
event_error = _declare("event_error", c.c_int, _P)
event_error_string = _declare("event_error_string", c.c_char_p, _P)
event_destroy = _declare("event_destroy", None, _P)
new_topic = _declare("NewTopic_new", _P, c.c_char_p, c.c_int, c.c_int, c.c_char_p, c.c_size_t)
new_topic_destroy = _declare("NewTopic_destroy", None, _P)
create_topics = _declare("CreateTopics", None, _P, c.POINTER(_P), c.c_size_t, _P, _P)
create_result = _declare("event_CreateTopics_result", _P, _P)
create_result_topics = _declare("CreateTopics_result_topics", c.POINTER(_P), _P, c.POINTER(c.c_size_t))
delete_topic_new = _declare("DeleteTopic_new", _P, c.c_char_p)
delete_topic_destroy = _declare("DeleteTopic_destroy", None, _P)
delete_topics = _declare("DeleteTopics", None, _P, c.POINTER(_P), c.c_size_t, _P, _P)
delete_result = _declare("event_DeleteTopics_result", _P, _P)
delete_result_topics = _declare("DeleteTopics_result_topics", c.POINTER(_P), _P, c.POINTER(c.c_size_t))
topic_result_error = _declare("topic_result_error", c.c_int, _P)
topic_result_error_string = _declare("topic_result_error_string", c.c_char_p, _P)
delete_group_new = _declare("DeleteGroup_new", _P, c.c_char_p)
delete_group_destroy = _declare("DeleteGroup_destroy", None, _P)
delete_groups = _declare("DeleteGroups", None, _P, c.POINTER(_P), c.c_size_t, _P, _P)
group_result_error = _declare("group_result_error", _P, _P)
group_result_partitions = _declare("group_result_partitions", c.POINTER(_TopicPartitionList), _P)


def _declare_offsets(what):
    """The calls of ListConsumerGroupOffsets and AlterConsumerGroupOffsets differ in their names only."""
    return (_declare(f"{what}_new", _P, c.c_char_p, c.POINTER(_TopicPartitionList)),
            _declare(what, None, _P, c.POINTER(_P), c.c_size_t, _P, _P),
            _declare(f"{what}_destroy", None, _P),
            _declare(f"event_{what}_result", _P, _P),
            _declare(f"{what}_result_groups", c.POINTER(_P), _P, c.POINTER(c.c_size_t)))


list_offsets_new, list_offsets, list_offsets_destroy, list_offsets_result, list_offsets_groups = \
    _declare_offsets("ListConsumerGroupOffsets")
alter_offsets_new, alter_offsets, alter_offsets_destroy, alter_offsets_result, alter_offsets_groups = \
    _declare_offsets("AlterConsumerGroupOffsets")


@_LOG
def _quiet(rk, level, fac, buf):
    pass


def murmur2(key):
    """Kafka's Java clients choose `(murmur2(key) & 0x7fffffff) % partitions`."""
    m, h = 0x5BD1E995, 0x9747B28C ^ len(key)
    for i in range(0, len(key) & ~3, 4):
        k = struct.unpack_from("<I", key, i)[0] * m & 0xFFFFFFFF
        k = (k ^ k >> 24) * m & 0xFFFFFFFF
        h = h * m & 0xFFFFFFFF ^ k
    tail = key[len(key) & ~3:]
    if tail:
        h ^= int.from_bytes(tail, "little")
        h = h * m & 0xFFFFFFFF
    h = (h ^ h >> 13) * m & 0xFFFFFFFF
    return h ^ h >> 15


def _text(b):
    return b.decode() if b else ""


class Kafka:
    """One test run's view of a broker, shared by its worlds. Not for several threads at once, save enqueue(). Its handles
    are never destroyed: that can hang in librdkafka 2.0.2, and the process ends soon enough."""

    def __init__(self, brokers, timeout_s=30):
        self.brokers, self.timeout_s = brokers, timeout_s
        self._handles = {}
        self._reports = []
        self._dr = _DR(self._delivered)
        self._lock = threading.Lock()

    def _open(self, kind, **conf):
        cf = conf_new()
        conf_set_log(cf, _quiet)
        err = c.create_string_buffer(512)
        conf = {"bootstrap.servers": self.brokers, "reconnect.backoff.ms": 50, "reconnect.backoff.max.ms": 300, **conf}
        for k, v in conf.items():
            if conf_set(cf, k.replace("_", ".").encode(), str(v).encode(), err, 512) != 0:
                raise KafkaError(_text(err.value))
        if kind == PRODUCER:
            conf_set_dr(cf, self._dr)
        rk = rk_new(kind, cf, err, 512)
        if not rk:
            raise KafkaError(_text(err.value))
        return rk

    def _producer(self):
        if "p" not in self._handles:
            self._handles["p"] = self._open(PRODUCER, linger_ms=2, partitioner="murmur2_random",
                                            message_timeout_ms=self.timeout_s * 1000, message_max_bytes=3000000)
        return self._handles["p"]

    def _reader(self):
        if "c" not in self._handles:
            self._handles["c"] = self._open(CONSUMER, group_id="tests-read", enable_auto_commit="false",
                                            fetch_wait_max_ms=20, enable_partition_eof="true",
                                            fetch_error_backoff_ms=50, auto_offset_reset="earliest")
        return self._handles["c"]

    # --- producing ---

    def _delivered(self, rk, msg, opaque):
        m = msg.contents
        self._reports.append((m.err, m.partition, m.offset))

    def enqueue(self, topic, value, key=None, headers=(), partition=-1, timestamp=0):
        """Hands a message to the producer; flush() makes sure of it."""
        keep = []

        def mem(b):
            buf = c.create_string_buffer(b, len(b))
            keep.append(buf)
            return c.cast(buf, _P).value

        vus = []

        def add(vtype, **u):
            v = _Vu(vtype)
            for name, x in u.items():
                setattr(v.u, name, x)
            vus.append(v)

        add(_TOPIC, cstr=topic.encode())
        add(_MSGFLAGS, i=_COPY)
        if partition >= 0:
            add(_PARTITION, i32=partition)
        if value is not None:
            add(_VALUE, mem=_Mem(mem(value), len(value)))
        if key is not None:
            add(_KEY, mem=_Mem(mem(key), len(key)))
        if timestamp:
            add(_TIMESTAMP, i64=timestamp)
        for name, val in headers:
            add(_HEADER, header=_Header(name.encode(), mem(val), len(val)))
        with self._lock:
            e = produceva(self._producer(), (_Vu * len(vus))(*vus), len(vus))
        if e:
            why = _text(error_string(e))
            error_destroy(e)
            raise KafkaError(why)

    def flush(self):
        """Waits until the broker has everything; returns [(partition, offset)] in order of the reports."""
        err = flush(self._producer(), self.timeout_s * 1000)
        reports, self._reports = self._reports, []
        bad = [r for r in reports if r[0]]
        if err or bad:
            raise KafkaError(_text(err2str(err or bad[0][0])))
        return [(p, o) for _, p, o in reports]

    def produce(self, topic, value, key=None, headers=(), partition=-1, timestamp=0):
        self.enqueue(topic, value, key, headers, partition, timestamp)
        return self.flush()[-1]

    # --- reading ---

    def partitions(self, topic):
        """How many partitions the topic has, 0 when there is no such topic."""
        meta = c.POINTER(_Meta)()
        err = metadata(self._producer(), 1, None, c.byref(meta), self.timeout_s * 1000)
        if err:
            raise KafkaError(_text(err2str(err)))
        try:
            for i in range(meta.contents.topic_cnt):
                t = meta.contents.topics[i]
                if t.topic == topic.encode() and not t.err:
                    led = sum(1 for k in range(t.partition_cnt) if t.partitions[k].leader >= 0)
                    return led if led == t.partition_cnt else 0
            return 0
        finally:
            metadata_destroy(meta)

    def ends(self, topic):
        """[end offset of each partition]"""
        low, high, out = c.c_int64(), c.c_int64(), []
        for p in range(self.partitions(topic)):
            err = watermarks(self._reader(), topic.encode(), p, c.byref(low), c.byref(high), self.timeout_s * 1000)
            if err:
                raise KafkaError(_text(err2str(err)))
            out.append(high.value)
        return out

    def read(self, topic, since=None):
        """All messages from `since` (as ends() gave it; None: the beginning) to the present end, by partition."""
        ends = self.ends(topic)
        since = since or [0] * len(ends)
        todo = {p for p in range(len(ends)) if ends[p] > since[p]}
        if not todo:
            return []
        rk, out = self._reader(), []
        tpl = list_new(len(todo))
        for p in todo:
            list_add(tpl, topic.encode(), p).contents.offset = since[p]
        err = assign(rk, tpl)
        list_destroy(tpl)
        if err:
            raise KafkaError(_text(err2str(err)))
        deadline = time.monotonic() + self.timeout_s
        while todo:
            if time.monotonic() > deadline:
                raise KafkaError(f"{topic}: partitions {sorted(todo)} not read to their end")
            msg = consumer_poll(rk, 200)
            if not msg:
                continue
            m = msg.contents
            if m.err == EOF:
                todo.discard(m.partition)
            elif m.err == 0:
                if m.offset < ends[m.partition]:
                    out.append(self._message(msg))
                if m.offset >= ends[m.partition] - 1:
                    todo.discard(m.partition)
            message_destroy(msg)
        assign(rk, None)
        return sorted(out, key=lambda m: (m.partition, m.offset))

    @staticmethod
    def _message(msg):
        m = msg.contents
        headers, hdrs = [], _P()
        if message_headers(msg, c.byref(hdrs)) == 0:
            name, val, size, i = c.c_char_p(), _P(), c.c_size_t(), 0
            while header_get_all(hdrs, i, c.byref(name), c.byref(val), c.byref(size)) == 0:
                headers.append((name.value.decode(), c.string_at(val.value, size.value) if val.value else None))
                i += 1
        kind = c.c_int()
        return Message(_text(topic_name(m.rkt)), m.partition, m.offset,
                       c.string_at(m.key, m.key_len) if m.key else None,
                       c.string_at(m.payload, m.len) if m.payload else None,
                       headers, message_timestamp(msg, c.byref(kind)))

    # --- groups and topics ---

    def _offsets(self, group, topic, offsets, new, call, free, result, result_groups):
        """Asks for, or sets, a group's offsets of all partitions of a topic."""
        n = self.partitions(topic)
        tpl = list_new(n)
        for p in range(n):
            list_add(tpl, topic.encode(), p).contents.offset = offsets[p] if offsets else OFFSET_INVALID
        item = new(group.encode(), tpl)
        list_destroy(tpl)
        found = {}

        def take(ev):
            count = c.c_size_t()
            group_result = result_groups(result(ev), c.byref(count))[0]
            err = group_result_error(group_result)
            if err:
                raise KafkaError(_text(error_string(err)))
            got = group_result_partitions(group_result).contents
            for i in range(got.cnt):
                e = got.elems[i]
                if e.err:
                    raise KafkaError(_text(err2str(e.err)))
                found[e.partition] = e.offset if e.offset >= 0 else None
        self._admin(call, item, free, take)
        return [found[p] for p in range(n)]

    def committed(self, group, topic):
        """[committed offset of each partition], None where there is none."""
        return self._offsets(group, topic, None, list_offsets_new, list_offsets, list_offsets_destroy, list_offsets_result,
                             list_offsets_groups)

    def commit(self, group, topic, offsets):
        """Sets a group's offsets (nobody may be in it)."""
        self._offsets(group, topic, offsets, alter_offsets_new, alter_offsets, alter_offsets_destroy, alter_offsets_result,
                      alter_offsets_groups)

    def lag(self, group, topic):
        return sum(end - (at or 0) for end, at in zip(self.ends(topic), self.committed(group, topic)))

    def _admin(self, call, item, free, take=None):
        """An admin request about one thing; `take` looks at the answer. One that finds no coordinator is repeated."""
        rk, deadline = self._producer(), time.monotonic() + self.timeout_s
        q, arr = queue_new(rk), (_P * 1)(item)
        try:
            while True:
                call(rk, arr, 1, None, q)
                ev = queue_poll(q, self.timeout_s * 1000)
                if not ev:
                    raise KafkaError("no answer")
                try:
                    err = event_error(ev)
                    if not err:
                        return take(ev) if take else None
                    if err not in TRY_AGAIN or time.monotonic() > deadline:
                        raise KafkaError(_text(event_error_string(ev)))
                finally:
                    event_destroy(ev)
                time.sleep(0.1)
        finally:
            free(item)
            queue_destroy(q)

    @staticmethod
    def _topic_result(result, result_topics, fine):
        def take(ev):
            n = c.c_size_t()
            each = result_topics(result(ev), c.byref(n))[0]
            err = topic_result_error(each)
            if err and err != fine:
                raise KafkaError(_text(topic_result_error_string(each)))
        return take

    def create_topic(self, name, partitions):
        err = c.create_string_buffer(512)
        item = new_topic(name.encode(), partitions, 1, err, 512)
        self._admin(create_topics, item, new_topic_destroy, self._topic_result(create_result, create_result_topics, TOPIC_EXISTS))

    def topics_settle(self, *names):
        """Waits until every partition of the topics has a leader."""
        deadline = time.monotonic() + self.timeout_s
        for name in names:
            while not self.partitions(name):
                if time.monotonic() > deadline:
                    raise KafkaError(f"topic {name} has no leaders")
                time.sleep(0.02)

    def delete_topic(self, name):
        self._admin(delete_topics, delete_topic_new(name.encode()), delete_topic_destroy,
                    self._topic_result(delete_result, delete_result_topics, UNKNOWN_TOPIC))

    def delete_group(self, name):
        self._admin(delete_groups, delete_group_new(name.encode()), delete_group_destroy)
