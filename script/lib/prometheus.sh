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

prometheus_start() {
  port_free "$TICKET_PROMETHEUS_PORT" TICKET_PROMETHEUS_PORT
  prometheus_configure
  mkdir -p "$RUN/data/prometheus"
  part_spawn prometheus prometheus --config.file="$RUN/prometheus.yml" --storage.tsdb.path="$RUN/data/prometheus" \
    --storage.tsdb.retention.time=15d --web.listen-address="127.0.0.1:$TICKET_PROMETHEUS_PORT" --log.level=warn
}

prometheus_up() {
  part_up prometheus prometheus_ready prometheus_start
  tell prometheus "$WAS    $PROMETHEUS_URL"
}
