# shellcheck shell=bash
# Redis of this run folder. No snapshots besides the append-only file: each would fork in the middle of a sale.

redis_ready() { [ "$(timeout 2 redis-cli -h 127.0.0.1 -p "$TICKET_REDIS_PORT" ping 2>/dev/null)" = PONG ]; }

redis_start() {
  port_free "$TICKET_REDIS_PORT" TICKET_REDIS_PORT
  mkdir -p "$RUN/data/redis"
  part_spawn redis redis-server --bind 127.0.0.1 --port "$TICKET_REDIS_PORT" --dir "$RUN/data/redis" \
    --appendonly yes --appendfsync "$TICKET_REDIS_APPENDFSYNC" --maxmemory-policy noeviction --save '' \
    --daemonize no --logfile ''
}

redis_up() {
  part_up redis redis_ready redis_start
  tell redis "$WAS    127.0.0.1:$TICKET_REDIS_PORT, appendfsync $TICKET_REDIS_APPENDFSYNC"
}
