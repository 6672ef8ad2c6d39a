# shellcheck shell=bash
# The stack that script/bench measures, its floors, and what they are fed with.

BUILD=${BENCH_BUILD:-$ROOT/build/release}
BIN=$BUILD/bench
WORK=$RUN/bench
RESULTS=$bench/results
ROUNDS=${BENCH_ROUNDS:-5}
CONNECTIONS=128
SEATS_EACH=50000 FIRST_SCHEDULE=1001 FIRST_USER=1000001
declare -A PID=() # what we started besides the stack: floors

bench_build() {
  mkdir -p "$RUN"/{data,log,pids} "$WORK" "$RESULTS"
  [ -z "${BENCH_BUILD-}" ] || return 0
  say "building"
  (cd "$ROOT" && cmake --preset release && cmake --build --preset release) >"$RUN/log/build.log" 2>&1 </dev/null || {
    tail -n 30 "$RUN/log/build.log" >&2
    die "the build failed: $RUN/log/build.log"
  }
}

# Below those that the system gives to clients; Kafka's controller takes the one after its own.
port_any() {
  local p
  while :; do
    p=$((20000 + RANDOM % 11000))
    port_open "$p" || port_open $((p + 1)) || break
  done
  printf '%s' "$p"
}

bench_up() {
  # A run that was killed may have left some; they are ours by their pid files.
  "$ROOT/script/down" --purge >/dev/null
  mkdir -p "$RUN"/{data,log,pids} "$WORK"
  export TICKET_PG_PORT TICKET_REDIS_PORT TICKET_KAFKA_PORT TICKET_PROMETHEUS_PORT TICKET_HTTP_ADDR TICKET_CONSUMER_HTTP_ADDR
  TICKET_PG_PORT=$(port_any) TICKET_REDIS_PORT=$(port_any) TICKET_KAFKA_PORT=$(port_any)
  TICKET_PROMETHEUS_PORT=$(port_any) TICKET_HTTP_ADDR=127.0.0.1:$(port_any) TICKET_CONSUMER_HTTP_ADDR=127.0.0.1:$(port_any)
  export TICKET_AUTH=off TICKET_HTTP_SHARDS=1 TICKET_REDIS_APPENDFSYNC=everysec TICKET_HOLD_TTL_S=7200
  export TICKET_API_BIN=$BUILD/api/ticket-api TICKET_CONSUMER_BIN=$BUILD/consumer/ticket-consumer
  "$ROOT/script/up" --no-walk >"$RUN/log/up.log" 2>&1 || {
    tail -n 20 "$RUN/log/up.log" >&2
    die "the stack did not come up"
  }
  DATABASE=postgresql://127.0.0.1:$TICKET_PG_PORT/ticket BROKERS=127.0.0.1:$TICKET_KAFKA_PORT
  REDIS=(redis-cli -p "$TICKET_REDIS_PORT")
  # A rewrite of the file at some moment would be measured in one round and not in the next.
  "${REDIS[@]}" config set auto-aof-rewrite-percentage 0 >/dev/null
  floor_up ping "$BIN/bench_floor_ping" "redis://127.0.0.1:$TICKET_REDIS_PORT/0"
  floor_up bare "$BIN/bench_floor_bare"
}

# floor_up NAME PROGRAM ARGUMENT...: the port is its first argument
declare -A FLOOR=()
floor_up() {
  local name=$1 program=$2 port
  shift 2
  port=$(port_any)
  "$program" "$port" "$@" >>"$RUN/log/floor-$name.log" 2>&1 </dev/null &
  PID[$name]=$!
  FLOOR[$name]=127.0.0.1:$port
  waits 10 port_open "$port" || die "the floor $name did not come up: $RUN/log/floor-$name.log"
}

bench_finish() {
  local rc=$? name
  trap - EXIT
  for name in "${!PID[@]}"; do kill "${PID[$name]}" 2>/dev/null || :; done
  for name in "${!PID[@]}"; do wait "${PID[$name]}" 2>/dev/null || :; done
  cp "$WORK"/*.json "$RUN/log/" 2>/dev/null || :
  rm -rf "$WORK"
  if [ "$rc" = 0 ] && [ -z "${BENCH_KEEP-}" ]; then
    "$ROOT/script/down" --purge >/dev/null || :
  else
    "$ROOT/script/down" >/dev/null || :
    rm -rf "$RUN/data"
    say "logs: $RUN/log"
  fi
  exit "$rc"
}

sql() {
  psql -X -q -A -t -v ON_ERROR_STOP=1 -h 127.0.0.1 -p "$TICKET_PG_PORT" -d ticket "$@"
}

# --- seats, holds and orders: made as far as they are needed, used once ---

SEATS=0 HELD=0 READIED=0 PAID=0 ORDERS=0

# Schedules of 50,000 seats under concert 2, for the seats numbered up to $1.
seats_ensure() {
  local have=$((SEATS / SEATS_EACH)) want=$((($1 + SEATS_EACH - 1) / SEATS_EACH))
  ((want > have)) || return 0
  local from=$((FIRST_SCHEDULE + have)) to=$((FIRST_SCHEDULE + want - 1))
  sql -c "INSERT INTO schedule (id, concert_id, show_at) SELECT n, 2, now() + interval '1 year'
      FROM generate_series($from, $to) n;
    INSERT INTO seat (schedule_id, seat_no, section, grade, price)
      SELECT s, 'E-' || n, 'E', 'S', 90000 FROM generate_series($from, $to) s, generate_series(1, $SEATS_EACH) n;
    ANALYZE seat; CHECKPOINT"
  SEATS=$((want * SEATS_EACH))
  # Each schedule is looked up and its copy loaded once; that is not what is measured.
  local s
  for ((s = from; s <= to; s++)); do
    curl -sf -m 10 -o /dev/null "http://$TICKET_HTTP_ADDR/schedules/$s/seats" -H 'Accept-Encoding: gzip'
    curl -sf -m 10 -o /dev/null "http://$TICKET_HTTP_ADDR/tickets/release" -H 'Content-Type: application/json' \
      -d "{\"userId\":1,\"scheduleId\":$s,\"seatNo\":\"E-1\"}" || :
  done
}

# seat_requests PATH FROM COUNT: each seat has a user of its own, and comes in no order within its schedule.
seat_requests() {
  awk -v path="$1" -v from="$2" -v n="$3" -v each="$SEATS_EACH" -v s="$FIRST_SCHEDULE" -v u="$FIRST_USER" 'BEGIN {
    for (i = from; i < from + n; i++)
      printf "POST %s {\"userId\":%d,\"scheduleId\":%d,\"seatNo\":\"E-%d\"}\n", path, u + i, s + int(i / each),
        (i % each) * 7919 % each + 1
  }'
}
hold_requests() { # COUNT
  seats_ensure $((HELD + $1))
  seat_requests /tickets/hold "$HELD" "$1" >"$WORK/requests"
  HELD=$((HELD + $1))
}
ready_requests() { # COUNT
  held_ensure $((READIED + $1))
  seat_requests /payment/ready "$READIED" "$1" >"$WORK/requests"
  READIED=$((READIED + $1))
}
pay_requests() { # COUNT
  orders_ensure $((PAID + $1))
  sed -n "$((PAID + 1)),$((PAID + $1))s/.*/POST \/payment\/mock-success {\"orderNo\":\"&\"}/p" "$WORK/orders" >"$WORK/requests"
  PAID=$((PAID + $1))
}
# What no row has made before, made without being measured.
held_ensure() {
  (($1 > HELD)) || return 0
  hold_requests $(($1 - HELD))
  load prepare -f "$WORK/requests" "$TICKET_HTTP_ADDR"
  ok prepare 201
}
orders_ensure() {
  (($1 > ORDERS)) || return 0
  ready_requests $(($1 - ORDERS))
  ready_load prepare
  ok prepare 201
}
ready_load() { # NAME OPTION...
  load "$@" -f "$WORK/requests" -x orderNo -o "$WORK/orders.new" "$TICKET_HTTP_ADDR"
  cat "$WORK/orders.new" >>"$WORK/orders"
  ORDERS=$(wc -l <"$WORK/orders")
}

# --- measuring ---

# load NAME OPTION...: one run of the load generator; its JSON in $WORK/NAME.json
load() {
  local name=$1 part pid watched=(-P "floor=${PID[ping]}")
  shift
  for part in api redis consumer kafka; do
    ! pid=$(part_pid "$part") || watched+=(-P "$part=$pid")
  done
  for pid in $(pgrep -P "$(part_pid postgres)"); do watched+=(-P "postgres=$pid"); done
  "$BIN/bench_drive" -c "$CONNECTIONS" "${watched[@]}" "$@" >"$WORK/$name.json" </dev/null ||
    die "no answers: $name"
}
# ok NAME STATUS: nearly all answers must be what was asked for, or the figure means nothing.
ok() {
  jq -e --arg s "$2" '(.status[$s] // 0) >= .answers * 0.999 and .broken == 0' "$WORK/$1.json" >/dev/null ||
    die "$1: not all were answered $2: $(jq -c '{answers, status, broken}' "$WORK/$1.json")"
}

PING=(-m POST -p /ping -b '{"userId":1234567,"scheduleId":1001,"seatNo":"E-1234"}')
floor_ping() { # NAME
  load "$1" -w 0.2 -d 1.2 "${PING[@]}" "${FLOOR[ping]}"
  ok "$1" 200
}

# in_turns ROUNDS FLOOR-COMMAND WORK-COMMAND NAME: NAME.floor.N and NAME.work.N, the floor also at both ends
in_turns() {
  local n=$1 floor=$2 work=$3 name=$4 i
  "$floor" "$name.floor.0"
  for ((i = 1; i <= n; i++)); do
    "$work" "$name.work.$i"
    "$floor" "$name.floor.$i"
  done
}

# series NAME: the answers a second of its runs, as a JSON array
series() {
  jq -s -c 'map(.per_s)' "$WORK/$1".[0-9]*.json
}
median() { jq -c 'sort | if length % 2 == 1 then .[length / 2 | floor] else (.[length / 2 - 1] + .[length / 2]) / 2 end' <<<"$1"; }

# The consumer has nothing left to do, or 20 s have passed.
settled() {
  [ "$(sql -c 'SELECT count(*) FROM outbox')" = 0 ] &&
    [ "$(sql -c "SELECT count(*) FROM payment_order WHERE status = 'READY' AND approved_at IS NOT NULL")" = 0 ]
}
settle() { waits 20 settled || say "(the backlog did not empty within 20 s)"; }

# result NAME WORK MEASURED FLOOR RATIO TARGET AIM LESS|MORE UNIT [DETAIL-JSON]: a row of the table, and its file.
# LESS: the measured figure itself is compared, and small is good; MORE: the ratio is, and large is good.
RESULT_FILES=()
result() {
  local file=$RESULTS/$1.json
  jq -n --arg name "$1" --arg work "$2" --argjson measured "$3" --argjson floor "$4" --argjson ratio "$5" \
    --argjson target "$6" --argjson aim "$7" --arg way "$8" --arg unit "$9" --argjson detail "${10:-null}" \
    --arg cpu "$(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -1)" --argjson cores "$(nproc)" \
    --arg at "$(date -u +%FT%TZ)" '
    (if $way == "LESS" then -$measured else $ratio end) as $got
    | (if $way == "LESS" then -1 else 1 end) as $sign
    | {name: $name, work: $work, unit: $unit, measured: $measured, floor: $floor, ratio: $ratio, target: $target,
       aim: $aim, verdict: (if $target == null or $got == null then "-" elif $aim != null and $got >= $sign * $aim then "aim met"
         elif $got >= $sign * $target then "target met" else "MISSED" end),
       detail: $detail, machine: {cpu: $cpu, cores: $cores}, at: $at}' >"$file"
  RESULT_FILES+=("$file")
  jq -r '"   \(.work): \(.measured) \(.unit), floor \(.floor // "-"), ratio \(.ratio // "-"), \(.verdict)"' "$file"
}
# compared NAME WORK TARGET AIM: the rows of in_turns
compared() {
  local name=$1 work floor w f
  work=$(series "$name.work") floor=$(series "$name.floor")
  w=$(median "$work") f=$(median "$floor")
  result "$name" "$2" "$w" "$f" "$(jq -n "($w / $f * 1000 | round) / 1000")" "$3" "$4" MORE "req/s" "$(
    jq -s --argjson work "$work" --argjson floor "$floor" \
      '{work: $work, floor: $floor, latency_us: .[0].latency_us, cpu_us: .[0].cpu_us}' "$WORK/$name.work.1.json"
  )"
}

table() {
  {
    printf 'work\tmeasured\tfloor\tratio\ttarget\taim\tverdict\n'
    jq -r '[.work, "\(.measured) \(.unit)", .floor // "-", .ratio // "-", .target // "-", .aim // "-", .verdict] | @tsv' "${RESULT_FILES[@]}"
  } | awk -F '\t' '{ for (i = 1; i <= NF; i++) { c[NR, i] = $i; if (length($i) > w[i]) w[i] = length($i) } }
    END { for (r = 1; r <= NR; r++) { for (i = 1; i <= NF; i++) printf "%-" w[i] + 2 "s", c[r, i]; print "" } }'
}

# What was stopped comes back by itself; script/up returns when all of it is ready.
stack_again() {
  "$ROOT/script/up" --no-walk >>"$RUN/log/up.log" 2>&1 || die "the stack did not come back: $RUN/log/up.log"
}
kafka_again() {
  "$ROOT/script/up" --servers >>"$RUN/log/up.log" 2>&1 || die "Kafka did not come back: $RUN/log/up.log"
}
