# shellcheck shell=bash
# Prometheus of this run folder, watching the two daemons.

prometheus_ready() { curl -sf -m 2 -o /dev/null "$PROMETHEUS_URL/-/ready"; }

prometheus_configure() {
  local dir=$ROOT/grafana/prometheus
  prometheus_target() { printf '/job_name: %s$/,/targets/s|"127[^"]*"|"%s"|' "$1" "$2"; }
  sed -e "$(prometheus_target ticket-api "$(client_addr "$TICKET_HTTP_ADDR")")" \
    -e "$(prometheus_target ticket-consumer "$(client_addr "$TICKET_CONSUMER_HTTP_ADDR")")" \
    -e "$(prometheus_target prometheus "127.0.0.1:$TICKET_PROMETHEUS_PORT")" \
    -e "s|rules/|$dir/rules/|" "$dir/prometheus.yml" >"$RUN/prometheus.yml"
}

prometheus_up() {
  if part_runs prometheus; then
    part_await prometheus 60 prometheus_ready
    tell prometheus "running    $PROMETHEUS_URL"
    return 0
  fi
  port_free "$TICKET_PROMETHEUS_PORT" TICKET_PROMETHEUS_PORT
  prometheus_configure
  mkdir -p "$RUN/data/prometheus"
  part_spawn prometheus prometheus --config.file="$RUN/prometheus.yml" --storage.tsdb.path="$RUN/data/prometheus" \
    --storage.tsdb.retention.time=15d --web.listen-address="127.0.0.1:$TICKET_PROMETHEUS_PORT" --log.level=warn
  part_await prometheus 60 prometheus_ready
  tell prometheus "started    $PROMETHEUS_URL"
}
