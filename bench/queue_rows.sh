# shellcheck shell=bash
# The rows of the waiting room (docs/benchmarks.md).

ROWS+=(queue-enter queue-status queue-always queue-million queue-rush queue-memory queue-serving queue-streams)

# --- lines ---

QUEUE_SCHEDULE=9000 QUEUE_USER=50000000
# A schedule of concert 1, whose line stands: nobody is admitted. Its number in LINE.
line_make() {
  LINE=$((++QUEUE_SCHEDULE))
  sql -c "INSERT INTO schedule (id, concert_id, show_at) VALUES ($LINE, 1, now() + interval '1 year');
    INSERT INTO seat (schedule_id, seat_no, section, grade, price) VALUES ($LINE, 'Q-1', 'Q', 'S', 90000);
    INSERT INTO queue_setting (schedule_id, max_active, admit_per_s) VALUES ($LINE, 0, 500)"
  curl -sf -m 10 -o /dev/null "http://$TICKET_HTTP_ADDR/queue/serving?scheduleId=$LINE" || die "no schedule $LINE"
}
line_drop() { # SCHEDULE
  "${REDIS[@]}" --scan --pattern "queue*{$1}*" | xargs -r "${REDIS[@]}" unlink >/dev/null
  "${REDIS[@]}" srem queue:open "$1" >/dev/null
}
enter_requests() { # SCHEDULE COUNT: users who have not been here before
  awk -v s="$1" -v u="$QUEUE_USER" -v n="$2" 'BEGIN {
    for (i = 0; i < n; i++) printf "POST /queue/enter {\"userId\":%d,\"scheduleId\":%d}\n", u + i, s
  }' >"$WORK/requests"
  QUEUE_USER=$((QUEUE_USER + $2))
}
# line_fill SCHEDULE COUNT: its first user in FIRST
line_fill() {
  FIRST=$QUEUE_USER
  enter_requests "$1" "$2"
  load fill -f "$WORK/requests" "$TICKET_HTTP_ADDR"
  ok fill 200
}
status_requests() { # SCHEDULE FIRST-USER USERS COUNT: in no order
  awk -v s="$1" -v u="$2" -v m="$3" -v n="$4" 'BEGIN {
    for (i = 0; i < n; i++) printf "GET /queue/status?userId=%d&scheduleId=%d\n", u + i * 7919 % m, s
  }'
}
enter_load() { # NAME SCHEDULE COUNT
  enter_requests "$2" "$3"
  load "$1" -w 0.1 -f "$WORK/requests" "$TICKET_HTTP_ADDR"
  ok "$1" 200
}
status_load() { # NAME FILE
  load "$1" -w 0.1 -f "$2" "$TICKET_HTTP_ADDR"
  ok "$1" 200
}

# --- enter, status ---

ENTRIES_A_ROUND=60000
work_enter() { enter_load "$1" "$LINE" "$ENTRIES_A_ROUND"; }
row_queue_enter() {
  line_make
  line_fill "$LINE" 1000
  in_turns "$ROUNDS" floor_ping work_enter queue-enter
  line_drop "$LINE"
  compared queue-enter "queue/enter / F1" 0.60 0.75
}
work_status() { status_load "$1" "$WORK/statuses"; }
row_queue_status() {
  line_make
  line_fill "$LINE" 1000
  status_requests "$LINE" "$FIRST" 1000 60000 >"$WORK/statuses"
  in_turns "$ROUNDS" floor_ping work_status queue-status
  line_drop "$LINE"
  compared queue-status "queue/status / F1" 0.60 0.75
}
row_queue_always() {
  line_make
  line_fill "$LINE" 1000
  status_requests "$LINE" "$FIRST" 1000 60000 >"$WORK/statuses"
  "${REDIS[@]}" config set appendfsync always >/dev/null
  ENTRIES_A_ROUND=30000
  in_turns 3 floor_ping work_enter queue-enter-always
  ENTRIES_A_ROUND=60000
  in_turns 3 floor_ping work_status queue-status-always
  "${REDIS[@]}" config set appendfsync everysec >/dev/null
  line_drop "$LINE"
  compared queue-enter-always "queue/enter, appendfsync always / F1" null null
  compared queue-status-always "queue/status, appendfsync always / F1" null null
}

# --- 1,000,000 waiting, beside 1,000 ---

MILLION=1000000
enter_short() {
  line_make
  line_fill "$LINE" 1000
  enter_load "$1" "$LINE" 30000
  line_drop "$LINE"
}
enter_long() { enter_load "$1" "$LONG" 30000; }
status_short() { status_load "$1" "$WORK/statuses.short"; }
status_long() { status_load "$1" "$WORK/statuses.long"; }
row_queue_million() {
  local short
  line_make
  LONG=$LINE
  line_fill "$LONG" "$MILLION"
  status_requests "$LONG" "$FIRST" "$MILLION" 60000 >"$WORK/statuses.long"
  line_make
  short=$LINE
  line_fill "$short" 1000
  status_requests "$short" "$FIRST" 1000 60000 >"$WORK/statuses.short"
  in_turns "$ROUNDS" status_short status_long queue-status-million
  in_turns "$ROUNDS" enter_short enter_long queue-enter-million
  line_drop "$LONG"
  line_drop "$short"
  compared queue-status-million "queue/status, 1,000,000 waiting / 1,000" 0.90 null
  compared queue-enter-million "queue/enter, 1,000,000 waiting / 1,000" 0.90 null
}

# --- a rush ---

row_queue_rush() {
  line_make
  enter_requests "$LINE" 100000
  load queue-rush -f "$WORK/requests" "$TICKET_HTTP_ADDR"
  ok queue-rush 200
  line_drop "$LINE"
  result queue-rush "100,000 entries took" "$(jq '.seconds * 10 | round / 10' "$WORK/queue-rush.json")" null null 5 null LESS s \
    "$(cat "$WORK/queue-rush.json")"
}

# --- what a waiting user costs Redis ---

WAITING=200000
dataset() { "${REDIS[@]}" info memory | tr -d '\r' | sed -n 's/^used_memory_dataset://p'; }
daemons_again() { # with the settings of the environment
  part_stop api 30 TERM >/dev/null
  part_stop consumer 30 TERM >/dev/null
  stack_again
}
bytes_each() {
  local before after
  line_make
  before=$(dataset)
  line_fill "$LINE" "$WAITING"
  sleep 2 # what Redis keeps for its log and its clients is gone
  after=$(dataset)
  line_drop "$LINE"
  jq -n "($after - $before) / $WAITING | round"
}
row_queue_memory() {
  local with without
  with=$(bytes_each)
  QUEUE_USER=$((QUEUE_USER + WAITING)) # that was a subshell's
  export TICKET_QUEUE_WAIT_GRACE_S=0
  daemons_again
  without=$(QUEUE_SCHEDULE=$((QUEUE_SCHEDULE + 1)) && bytes_each)
  QUEUE_USER=$((QUEUE_USER + WAITING)) QUEUE_SCHEDULE=$((QUEUE_SCHEDULE + 2))
  export TICKET_QUEUE_WAIT_GRACE_S=300
  daemons_again
  result queue-memory "Redis per waiting user, no grace" "$without" null null 130 null LESS bytes
  result queue-memory-grace "Redis per waiting user, with the grace" "$with" null null 260 null LESS bytes
}

# --- serving, beside its bytes as a constant ---

floor_serving() {
  load "$1" -w 0.2 -d 1.2 -p "/queue/serving?scheduleId=$LINE" "${FLOOR[serving]}"
  ok "$1" 200
}
work_serving() {
  load "$1" -w 0.2 -d 1.2 -p "/queue/serving?scheduleId=$LINE" "$TICKET_HTTP_ADDR"
  ok "$1" 200
}
row_queue_serving() {
  line_make
  line_fill "$LINE" 1000
  curl -sf "http://$TICKET_HTTP_ADDR/queue/serving?scheduleId=$LINE" >"$WORK/serving.json.body"
  floor_up serving "$BIN/bench_floor_bare" "$WORK/serving.json.body" application/json
  in_turns "$ROUNDS" floor_serving work_serving queue-serving
  line_drop "$LINE"
  compared queue-serving "queue/serving / constant" 0.90 null
}

# --- streams ---

STREAMS=10000 STREAMS_S=20
commands() {
  "${REDIS[@]}" info commandstats | awk -F '[=,]' '/^cmdstat_/ { n += $2 } END { print n }'
}
# listen LINES [COMMAND]: gives the streams a command, and waits until so many lines have been printed.
listen() {
  local end=$((SECONDS + 90))
  [ -z "${2-}" ] || echo "$2" >&9
  until [ "$(wc -l <"$WORK/listen.out")" -ge "$1" ]; do
    ((SECONDS < end)) || die "the streams say nothing: $RUN/log/listen.log"
    sleep 0.1
  done
}
row_queue_streams() {
  local api rest many before rate told
  line_make
  line_fill "$LINE" $((STREAMS + 10))
  api=$(part_pid api)
  rest=$(resident_kb "$api")
  mkfifo "$WORK/listen.in"
  : >"$WORK/listen.out"
  "$BIN/bench_listen" -c "$STREAMS" "$TICKET_HTTP_ADDR" "$LINE" $((FIRST + 10)) \
    <"$WORK/listen.in" >"$WORK/listen.out" 2>"$RUN/log/listen.log" &
  PID[listen]=$!
  exec 9>"$WORK/listen.in"
  listen 1
  sleep 2
  many=$(resident_kb "$api")
  for ((i = 0; i < 5; i++)); do listen $((2 + i)) "leave $((FIRST + i))"; done
  told=$(jq -s '[.[] | select(.told)] | map(if .told == .of then .us.max else 1e9 end) | sort | .[length / 2 | floor] / 1000 | round' \
    "$WORK/listen.out")
  sql -c "UPDATE queue_setting SET max_active = 1000000, admit_per_s = 50 WHERE schedule_id = $LINE"
  listen 7 "wait 3"
  before=$(commands)
  listen 8 "wait $STREAMS_S"
  rate=$((($(commands) - before) / STREAMS_S))
  exec 9>&-
  wait "${PID[listen]}" || :
  unset 'PID[listen]'
  line_drop "$LINE"
  result queue-streams-memory "API memory per stream, $STREAMS of them" "$(jq -n "($many - $rest) * 10 / $STREAMS | round / 10")" null null \
    12 null LESS KB
  result queue-streams-told "a changed place has reached $STREAMS streams after" "$told" null null 1000 null LESS ms \
    "$(jq -s 'map(select(.told))' "$WORK/listen.out")"
  result queue-streams-commands "Redis with $STREAMS streams, 50 admitted a second" "$rate" null null 200 null LESS commands/s \
    "$(jq -s 'map(select(.events))' "$WORK/listen.out")"
}
