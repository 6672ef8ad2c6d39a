# shellcheck shell=bash
# Our two daemons: built, started, waited for.

daemons_build() {
  [ "${GIVEN[TICKET_API_BIN]-}" = "" ] || [ "${GIVEN[TICKET_CONSUMER_BIN]-}" = "" ] || return 0
  if part_runs api && part_runs consumer; then return 0; fi
  say "building"
  (cd "$ROOT" && cmake --preset release && cmake --build --preset release) >"$RUN/log/build.log" 2>&1 </dev/null || {
    tail -n 30 "$RUN/log/build.log" >&2
    die "the build failed: $RUN/log/build.log"
  }
}

# daemon_start PART BINARY ADDRESS SETTING; sets WAS
daemon_start() {
  WAS=running
  if part_runs "$1"; then return 0; fi
  [ -x "$2" ] || die "$2 is not there or can't be run"
  port_free "$(port_of "$3")" "$4"
  part_spawn "$1" "$2"
  WAS=started
}
daemon_ready() { curl -sf -m 2 -o /dev/null "http://$(client_addr "$1")/readyz"; }

daemons_up() {
  local api consumer
  daemon_start api "$TICKET_API_BIN" "$TICKET_HTTP_ADDR" TICKET_HTTP_ADDR
  api=$WAS
  daemon_start consumer "$TICKET_CONSUMER_BIN" "$TICKET_CONSUMER_HTTP_ADDR" TICKET_CONSUMER_HTTP_ADDR
  consumer=$WAS
  part_await api 60 daemon_ready "$TICKET_HTTP_ADDR"
  tell api "$api    http://$(client_addr "$TICKET_HTTP_ADDR")"
  part_await consumer 60 daemon_ready "$TICKET_CONSUMER_HTTP_ADDR"
  tell consumer "$consumer    http://$(client_addr "$TICKET_CONSUMER_HTTP_ADDR")"
}
