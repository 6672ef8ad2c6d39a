# shellcheck shell=bash
# PostgreSQL of this run folder, on loopback, everybody on this machine trusted.

PG_SETTINGS=(
  listen_addresses=127.0.0.1
  max_connections=200
  cluster_name=ticket
  timezone=UTC log_timezone=UTC
  # What was acknowledged is on disk.
  fsync=on synchronous_commit=on full_page_writes=on
  # A machine that PostgreSQL shares with a broker, Redis and the daemons; short statements only.
  shared_buffers=512MB effective_cache_size=2GB work_mem=16MB maintenance_work_mem=256MB
  max_wal_size=4GB min_wal_size=512MB wal_compression=lz4 checkpoint_timeout=15min
  random_page_cost=1.1 jit=off
)

postgres_bin() {
  local -a found
  mapfile -t found < <(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V)
  PG_BIN=${found[-1]}
  [ -x "$PG_BIN/postgres" ] || die "no PostgreSQL below /usr/lib/postgresql"
}

# PostgreSQL refuses to run as root: then it is the user postgres. Where that user may not pass through a folder above
# (a checkout below /root), it gets the one capability to do so, and still can't write anywhere else.
postgres_user() {
  PG_AS=()
  PG_OWNER=$(id -un)
  [ "$(id -u)" = 0 ] || return 0
  PG_OWNER=postgres
  PG_AS=(setpriv --reuid=postgres --regid=postgres --init-groups)
  # Not `test -x`: access(2) asks without capabilities.
  "${PG_AS[@]}" stat "$RUN/data/." >/dev/null 2>&1 && return 0
  PG_AS+=(--inh-caps=+dac_read_search --ambient-caps=+dac_read_search)
  "${PG_AS[@]}" stat "$RUN/data/." >/dev/null 2>&1 ||
    die "the user postgres can't reach $RUN/data: give a folder that it can as TICKET_RUN_DIR"
}

postgres_init() {
  local data=$RUN/data/postgres new=$RUN/data/postgres.new
  [ ! -d "$data" ] || return 0
  rm -rf "$new"
  install -d -m 700 -o "$PG_OWNER" "$new"
  (cd / && "${PG_AS[@]}" "$PG_BIN/initdb" -D "$new" -U "$(id -un)" -A trust -E UTF8 --locale=C) \
    >>"$RUN/log/postgres.log" 2>&1 </dev/null || part_failed postgres "could not be initialised"
  mv "$new" "$data"
}

postgres_ready() { "$PG_BIN/pg_isready" -q -t 2 -d postgres -h 127.0.0.1 -p "$TICKET_PG_PORT"; }
# A query's rows, unaligned; the database of the stack unless PGDATABASE says another.
postgres_ask() {
  PGDATABASE=${PGDATABASE:-ticket} "$PG_BIN/psql" -X -q -A -t -v ON_ERROR_STOP=1 -h 127.0.0.1 -p "$TICKET_PG_PORT" "$@"
}

# The socket's path may not be longer than 107 bytes; a run folder's may.
postgres_socket_dir() {
  local dir=/tmp/ticket-pg-$TICKET_PG_PORT
  mkdir -m 700 "$dir" 2>/dev/null && chown "$PG_OWNER" "$dir"
  # stat looks at a link itself, whoever owns what it points to.
  [ "$(stat -c '%F %U' "$dir" 2>/dev/null)" = "directory $PG_OWNER" ] ||
    die "$dir belongs to someone else: give another TICKET_PG_PORT"
  printf '%s' "$dir"
}

postgres_start() {
  local socket setting command
  port_free "$TICKET_PG_PORT" TICKET_PG_PORT
  postgres_init
  socket=$(postgres_socket_dir)
  command=("${PG_AS[@]}" "$PG_BIN/postgres" -D "$RUN/data/postgres" -p "$TICKET_PG_PORT" -k "$socket")
  for setting in "${PG_SETTINGS[@]}"; do command+=(-c "$setting"); done
  # The children of one that was killed may keep its shared memory for a moment more, and a new one refuses to start
  # until they are gone.
  for _ in {1..20}; do
    part_spawn postgres "${command[@]}"
    waits 60 postgres_settled || :
    ! part_runs postgres || return 0
    tail -n 5 "$RUN/log/postgres.log" | grep -qE 'shared memory block|lock file "postmaster.pid"' || return 0
    sleep 0.5
  done
}
postgres_settled() { postgres_ready || ! part_runs postgres; }

postgres_up() {
  postgres_bin
  postgres_user
  part_up postgres postgres_ready postgres_start
  tell postgres "$WAS    127.0.0.1:$TICKET_PG_PORT"
}

# The roles and the database; the caller is the owner of the cluster already.
postgres_database() {
  local role
  PGDATABASE=postgres
  if [ "$(postgres_ask -c "SELECT count(*) FROM pg_database WHERE datname = 'ticket'")" = 0 ]; then
    # With sudo, whoever called it wants to look into the database too.
    role=${SUDO_USER:-}
    [ -z "$role" ] || [ "$role" = "$(id -un)" ] || postgres_ask -c "CREATE ROLE \"$role\" SUPERUSER LOGIN"
    postgres_ask -c 'CREATE DATABASE ticket'
  fi
  unset PGDATABASE
}

# Loaded in one transaction, and once for each content of the file: the database remembers which.
sample_up() {
  local file=$ROOT/sql/sample.sql sum have
  [ -f "$file" ] || return 0
  sum=$(sha256sum "$file") sum=${sum%% *}
  have=$(postgres_ask -c "SELECT current_setting('ticket.sample', true)")
  [ "$have" != "$sum" ] || return 0
  postgres_ask -1 -o /dev/null -f "$file" -c "ALTER DATABASE ticket SET ticket.sample = '$sum'" ||
    die "sql/sample.sql failed"
  tell sample "loaded"
}
