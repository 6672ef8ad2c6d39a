# shellcheck shell=bash
# The rows of the table: what is done, beside which floor, and what is aimed at (docs/benchmarks.md).

ROWS=(memory floor hold hold-always ready mock-success seat-map visible half-peak confirm backlog)

# --- the floor itself: F1 beside F0 ---

floor_bare() {
  load "$1" -w 0.2 -d 1.2 "${PING[@]}" "${FLOOR[bare]}"
  ok "$1" 200
}
row_floor() {
  in_turns "$ROUNDS" floor_bare floor_ping floor
  compared floor "F1 (one PING) / F0 (bare)" 0.70 null
}

# --- hold ---

HOLDS_A_ROUND=60000
work_hold() {
  hold_requests "$HOLDS_A_ROUND"
  load "$1" -w 0.2 -f "$WORK/requests" "$TICKET_HTTP_ADDR"
  ok "$1" 201
}
row_hold() {
  seats_ensure $((HELD + ROUNDS * HOLDS_A_ROUND))
  in_turns "$ROUNDS" floor_ping work_hold hold
  compared hold "hold / F1" 0.60 0.75
}
row_hold_always() {
  HOLDS_A_ROUND=30000
  seats_ensure $((HELD + 3 * HOLDS_A_ROUND))
  "${REDIS[@]}" config set appendfsync always >/dev/null
  in_turns 3 floor_ping work_hold hold-always
  "${REDIS[@]}" config set appendfsync everysec >/dev/null
  HOLDS_A_ROUND=60000
  compared hold-always "hold, appendfsync always / F1" null null
}

# --- payment/ready, and pgbench's single INSERT into a table of the same form ---

READIES_A_ROUND=50000
work_ready() {
  ready_requests "$READIES_A_ROUND"
  ready_load "$1" -w 0.2
  ok "$1" 201
  insert_alone "${1/work/insert}"
}
insert_alone() {
  local tps
  pgbench -h 127.0.0.1 -p "$TICKET_PG_PORT" -d ticket -n -M prepared -c 32 -j 2 -T 2 -f "$WORK/insert.sql" \
    >"$WORK/pgbench.txt" 2>&1 || die "pgbench: $(tail -n 3 "$WORK/pgbench.txt")"
  tps=$(sed -n 's/^tps = \([0-9.]*\).*/\1/p' "$WORK/pgbench.txt")
  jq -n "{per_s: ($tps | round)}" >"$WORK/$1.json"
}
row_ready() {
  local w p
  sql -c 'CREATE TABLE bench_order (LIKE payment_order INCLUDING ALL)'
  cat >"$WORK/insert.sql" <<'END'
\set user random(1, 100000000)
\set seat random(1, 50000)
INSERT INTO bench_order (order_no, user_id, schedule_id, seat_no, amount, expires_at)
VALUES (gen_random_uuid(), :user, 1001, 'E-' || :seat, 90000, now() + interval '5 minutes');
END
  held_ensure $((READIED + ROUNDS * READIES_A_ROUND))
  in_turns "$ROUNDS" floor_ping work_ready ready
  sql -c 'DROP TABLE bench_order'
  compared ready "payment/ready / F1" 0.50 0.65
  w=$(median "$(series ready.work)") p=$(median "$(series ready.insert)")
  result ready-pgbench "payment/ready / pgbench INSERT" "$w" "$p" "$(jq -n "($w / $p * 100 | round) / 100")" 2.5 null MORE req/s \
    "$(jq -n --argjson insert "$(series ready.insert)" '{insert: $insert}')"
}

# --- mock-success ---

PAYMENTS_A_ROUND=40000
work_pay() {
  pay_requests "$PAYMENTS_A_ROUND"
  load "$1" -w 0.2 -f "$WORK/requests" "$TICKET_HTTP_ADDR"
  ok "$1" 202
  settle
}
WARM_ROUNDS=6 # a broker compiles itself over its first 250,000 events: at first most of its CPU goes there
row_mock_success() {
  local i
  orders_ensure $((PAID + (ROUNDS + WARM_ROUNDS) * PAYMENTS_A_ROUND))
  for ((i = 0; i < WARM_ROUNDS; i++)); do work_pay warm; done
  in_turns "$ROUNDS" floor_ping work_pay mock-success
  compared mock-success "mock-success / F1" 0.30 0.45
}

# --- the seat map of 1,000 seats, compressed, beside its bytes as a constant ---

MAP=(-p /schedules/4/seats -H 'Accept-Encoding: gzip')
floor_map() {
  load "$1" -w 0.2 -d 1.2 "${MAP[@]}" "${FLOOR[map]}"
  ok "$1" 200
}
work_map() {
  load "$1" -w 0.2 -d 1.2 "${MAP[@]}" "$TICKET_HTTP_ADDR"
  ok "$1" 200
}
row_seat_map() {
  curl -sf -H 'Accept-Encoding: gzip' "http://$TICKET_HTTP_ADDR/schedules/4/seats" >"$WORK/map.gz"
  [ "$(gzip -dc "$WORK/map.gz" | jq '.seats | length')" = 1000 ] || die "the seat map has no 1,000 seats"
  floor_up map "$BIN/bench_floor_bare" "$WORK/map.gz" application/json gzip
  in_turns "$ROUNDS" floor_map work_map seat-map
  compared seat-map "seat map, gzip, $(stat -c %s "$WORK/map.gz") bytes / constant" 0.80 0.90
}

# --- mock-success answered → PAID visible, one order after the other on an idle system ---

row_visible() {
  orders_ensure $((PAID + 300))
  settle
  sed -n "$((PAID + 1)),$((PAID + 300))p" "$WORK/orders" >"$WORK/requests"
  PAID=$((PAID + 300))
  "$BIN/bench_until_paid" "$TICKET_HTTP_ADDR" <"$WORK/requests" >"$WORK/visible.json" || die "visible: not all became PAID"
  result visible "mock-success → PAID visible, p99" "$(jq '.latency_us.p99 / 1000' "$WORK/visible.json")" null null 60 25 LESS ms \
    "$(cat "$WORK/visible.json")"
}

# --- hold at half its peak rate, open loop ---

row_half_peak() {
  local peak
  HOLDS_A_ROUND=60000
  [ -e "$WORK/hold.work.1.json" ] || in_turns 3 floor_ping work_hold hold
  peak=$(median "$(series hold.work)")
  hold_requests $((peak / 2 * 5))
  load half-peak -r $((peak / 2)) -w 0.5 -d 4 -f "$WORK/requests" "$TICKET_HTTP_ADDR"
  ok half-peak 201
  result half-peak "hold at half peak ($((peak / 2))/s), p99" "$(jq '.latency_us.p99 / 1000' "$WORK/half-peak.json")" null null 10 5 \
    LESS ms "$(cat "$WORK/half-peak.json")"
}

# --- confirmation: one consumer, beside its own SQL fed from memory, beside the bare two writes ---

EVENTS=300000
confirmed() {
  curl -sf -m 2 "http://$TICKET_CONSUMER_HTTP_ADDR/metrics" | sed -n 's/^ticket_confirmations_total{result="confirmed"} //p' || echo 0
}
sql_alone() { # NAME
  "$BIN/bench_confirm_sql" "$DATABASE" 5 1000 >"$WORK/$1.json" || die "bench_confirm_sql failed"
}
# Approved orders, as the API leaves them (ids are UUIDv7), and their events in the log.
events_prepare() {
  sql -c "WITH o AS (
      INSERT INTO payment_order (order_no, user_id, schedule_id, seat_no, amount, approved_at, rev, expires_at)
      SELECT (lpad(to_hex((extract(epoch FROM now()) * 1000)::bigint + n / 50), 12, '0') || '7' ||
              lpad(to_hex(s % 4096), 3, '0') || '8' || substr(md5(random()::text || n), 1, 15))::uuid,
          $FIRST_USER + n, s, 'E-' || (n % $SEATS_EACH * 7919 % $SEATS_EACH + 1), 90000, now(), nextval('seat_rev'), now() + interval '1 hour'
      FROM generate_series(0, $EVENTS - 1) n, LATERAL (SELECT $1 + n / $SEATS_EACH) AS x (s) ORDER BY n
      RETURNING *), p AS (
      INSERT INTO payment (order_no, user_id, schedule_id, seat_no, amount, method, status, event_id)
      SELECT order_no, user_id, schedule_id, seat_no, amount, 'CARD', 'APPROVED', (left(order_no::text, 15) || '000-8' || substr(md5(random()::text || user_id), 1, 3)
          || '-' || substr(md5(random()::text || order_no), 1, 12))::uuid FROM o RETURNING event_id, order_no)
    SELECT p.event_id, o.order_no, o.user_id, o.schedule_id, o.seat_no, o.amount FROM p JOIN o USING (order_no)" -F ' ' >"$WORK/events"
  sql -c 'VACUUM ANALYZE payment_order, payment, reservation, inbox' -c CHECKPOINT
  "$BIN/bench_publish" "$BROKERS" payment.completed <"$WORK/events" >"$WORK/publish.json" || die "not all events were published"
}
# Sampled between the first and the last event, so that neither the start nor the rebalance counts.
consumer_timed() {
  local n=0 first= last end=$((SECONDS + 120)) at
  while :; do
    n=$(confirmed) at=$(date +%s%N)
    n=${n%.*} n=${n:-0}
    if ((n > 0)) && [ -z "$first" ]; then first="$n $at"; fi
    ((n < EVENTS)) || break
    ((SECONDS < end)) || die "only $n of $EVENTS events were confirmed within 120 s"
    sleep 0.05
  done
  last="$n $at"
  awk -v a="$first" -v b="$last" 'BEGIN { split(a, f); split(b, l); print int((l[1] - f[1]) / ((l[2] - f[2]) / 1e9)) }'
}
row_confirm() {
  local from=$((SEATS / SEATS_EACH + FIRST_SCHEDULE)) rate own bare
  seats_ensure $((SEATS + EVENTS))
  HELD=$SEATS READIED=$SEATS # those seats are spoken for
  settle
  sql_alone confirm.sql.0
  part_stop consumer 30 TERM >/dev/null
  events_prepare "$from"
  stack_again
  rate=$(consumer_timed)
  settle
  sql_alone confirm.sql.1
  own=$(jq -s 'map(.confirm_per_s) | add / length | round' "$WORK"/confirm.sql.?.json)
  bare=$(jq -s 'map(.bare_per_s) | add / length | round' "$WORK"/confirm.sql.?.json)
  result confirm "confirmation, one consumer / its SQL" "$rate" "$own" "$(jq -n "($rate / $own * 1000 | round) / 1000")" 0.75 0.90 \
    MORE events/s
  result confirm-sql "its SQL / the bare two writes" "$own" "$bare" "$(jq -n "($own / $bare * 1000 | round) / 1000")" 0.60 0.75 \
    MORE events/s "$(jq -s . "$WORK"/confirm.sql.?.json)"
}

# --- 60 s without Kafka ---

BACKLOG_S=60 BACKLOG_RATE=1000
outbox_empty() { [ "$(sql -c 'SELECT count(*) FROM outbox')" = 0 ]; }
row_backlog() {
  local back waited rows
  orders_ensure $((PAID + BACKLOG_S * BACKLOG_RATE))
  settle
  pay_requests $((BACKLOG_S * BACKLOG_RATE))
  part_stop kafka 30 TERM >/dev/null
  load backlog -r "$BACKLOG_RATE" -d "$BACKLOG_S" -f "$WORK/requests" "$TICKET_HTTP_ADDR"
  ok backlog 202
  rows=$(sql -c 'SELECT count(*) FROM outbox')
  kafka_again
  back=$(date +%s%N)
  waits 120 outbox_empty || die "the outbox is not empty 120 s after Kafka's return"
  waited=$(jq -n "($(date +%s%N) - $back) / 1e8 | round / 10")
  result backlog "backlog of $rows rows gone after" "$waited" null null 15 5 LESS s "$(jq '{latency_us, status}' "$WORK/backlog.json")"
  settle
}

# --- memory of the API ---

resident_kb() { sed -n 's/^VmRSS:[^0-9]*\([0-9]*\).*/\1/p' "/proc/$1/status"; }
HOLD_AGAIN=(-m POST -p /tickets/hold -b '{"userId":7,"scheduleId":4,"seatNo":"C-7"}')
row_memory() {
  local api rest used many wait
  api=$(part_pid api)
  sleep 1
  rest=$(resident_kb "$api")
  load memory.few -c 16 -n 20000 "${HOLD_AGAIN[@]}" "$TICKET_HTTP_ADDR"
  used=$(resident_kb "$api")
  mkfifo "$WORK/hold-open"
  "$BIN/bench_drive" -c 5000 -n 20000 -l "${HOLD_AGAIN[@]}" "$TICKET_HTTP_ADDR" >"$WORK/memory.json" <"$WORK/hold-open" &
  PID[many]=$!
  exec 8>"$WORK/hold-open"
  wait=$((SECONDS + 60))
  until [ -s "$WORK/memory.json" ]; do
    ((SECONDS < wait)) || die "5,000 connections were not answered within 60 s"
    sleep 0.1
  done
  sleep 0.5
  many=$(resident_kb "$api")
  exec 8>&-
  wait "${PID[many]}" || :
  unset 'PID[many]'
  result memory-rest "API memory at rest" "$(jq -n "$rest / 102.4 | round / 10")" null null 30 15 LESS MB
  result memory-connection "API memory per connection, 5,000 used and idle" "$(jq -n "($many - $used) / 500 | round / 10")" null null \
    12 9 LESS KB "$(jq -n "{rest_kb: $rest, used_kb: $used, with_5000_kb: $many}")"
}
