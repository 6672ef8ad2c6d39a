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

# daemon_start PART BINARY ADDRESS SETTING
daemon_start() {
  [ -x "$2" ] || die "$2 is not there or can't be run"
  port_free "${3##*:}" "$4"
  part_spawn "$1" "$2"
}
daemon_ready() { curl -sf -m 2 -o /dev/null "http://$(client_addr "$1")/readyz"; }

api_start() { daemon_start api "$TICKET_API_BIN" "$TICKET_HTTP_ADDR" TICKET_HTTP_ADDR; }
api_ready() { daemon_ready "$TICKET_HTTP_ADDR"; }
consumer_start() {
  daemon_start consumer "$TICKET_CONSUMER_BIN" "$TICKET_CONSUMER_HTTP_ADDR" TICKET_CONSUMER_HTTP_ADDR
}
consumer_ready() { daemon_ready "$TICKET_CONSUMER_HTTP_ADDR"; }

daemons_up() {
  part_up api api_ready api_start
  tell api "$WAS    http://$(client_addr "$TICKET_HTTP_ADDR")"
  part_up consumer consumer_ready consumer_start
  tell consumer "$WAS    http://$(client_addr "$TICKET_CONSUMER_HTTP_ADDR")"
}
