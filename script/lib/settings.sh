# shellcheck shell=bash
# The settings of a run: from the environment, else as an earlier run of the same folder was given them, else the default.
# Sets RUN (the run folder) and CACHE, and exports every TICKET_ variable that has a value.
#
#   $RUN/given   what was given, so that a later `script/up` brings a killed part back as it was; `TICKET_X= script/up` forgets X
#   $RUN/env     everything in force, for other tools

# name, default. "-" has no fixed default: left out unless given, or worked out below.
SETTINGS_TABLE='
TICKET_PG_PORT                5432
TICKET_REDIS_PORT             6379
TICKET_REDIS_APPENDFSYNC      always
TICKET_KAFKA_PORT             9092
TICKET_PROMETHEUS_PORT        9090
TICKET_HTTP_ADDR              127.0.0.1:8080
TICKET_HTTP_SHARDS            -
TICKET_HTTP_MAX_CONNECTIONS   20000
TICKET_REQUEST_TIMEOUT_MS     10000
TICKET_DATABASE_TIMEOUT_MS    2000
TICKET_REDIS_TIMEOUT_MS       400
TICKET_CORS_ORIGINS           -
TICKET_ROLE                   all
TICKET_QUEUE_URL              -
TICKET_QUEUE_TIMEOUT_MS       300
TICKET_QUEUE_BYPASS           on
TICKET_QUEUE_BYPASS_PER_S     -
TICKET_QUEUE_SECRET           -
TICKET_DATABASE_URL           -
TICKET_DATABASE_CONNECTIONS   -
TICKET_REDIS_URL              -
TICKET_QUEUE_REDIS_URL        -
TICKET_KAFKA_BROKERS          -
TICKET_TOPIC_PAYMENT          payment.completed
TICKET_TOPIC_RESERVATION      reservation.events
TICKET_CONSUMER_GROUP         reservation-confirm
TICKET_CONSUMER_HTTP_ADDR     127.0.0.1:8082
TICKET_AUTH                   jwt
TICKET_JWT_SECRET             -
TICKET_JWT_TTL_S              3600
TICKET_HOLD_STORE             redis
TICKET_HOLD_TTL_S             300
TICKET_PAYMENT_TTL_S          60
TICKET_MAX_SEATS_PER_USER     4
TICKET_QUEUE_MAX_ACTIVE       1000
TICKET_QUEUE_ADMIT_PER_S      500
TICKET_QUEUE_ACTIVE_TTL_S     120
TICKET_QUEUE_CLAIM_TTL_S      30
TICKET_QUEUE_WAIT_GRACE_S     300
TICKET_OUTBOX_MAX             1000000
TICKET_GATEWAY                mock
TICKET_WEBHOOK_SECRET         -
TICKET_RATE_LIMIT_PER_S       0
TICKET_API_BIN                -
TICKET_CONSUMER_BIN           -
'
declare -a SETTINGS=()
declare -A SETTING_DEFAULT=()
while read -r _name _default; do
  [ -n "$_name" ] || continue
  SETTINGS+=("$_name")
  [ "$_default" = - ] || SETTING_DEFAULT[$_name]=$_default
done <<<"$SETTINGS_TABLE"
unset _name _default

# What a running part was started with and can't change afterwards. The daemons take everything else.
SETTINGS_OF_postgres='TICKET_PG_PORT'
SETTINGS_OF_redis='TICKET_REDIS_PORT TICKET_REDIS_APPENDFSYNC'
SETTINGS_OF_kafka='TICKET_KAFKA_PORT'
SETTINGS_OF_prometheus='TICKET_PROMETHEUS_PORT TICKET_HTTP_ADDR TICKET_CONSUMER_HTTP_ADDR'

RUN=$(absolute "${TICKET_RUN_DIR:-$ROOT/.run}")
CACHE=$(absolute "${TICKET_CACHE_DIR:-$ROOT/.cache}")

# settings_read FILE MAP: the KEY=value lines of a file; nothing when there is none.
settings_read() {
  local -n into=$2
  local line
  [ -f "$1" ] || return 0
  while IFS= read -r line; do
    case $line in [A-Z]*=*) into[${line%%=*}]=${line#*=} ;; esac
  done <"$1"
}

# settings_write FILE MAP [NAME...]: the named keys that have a value, for the owner's eyes: secrets are among them.
settings_write() {
  local file=$1 name
  local -n from=$2
  shift 2
  (
    umask 077
    for name in "$@"; do
      if [ -n "${from[$name]-}" ]; then printf '%s=%s\n' "$name" "${from[$name]}"; fi
    done >"$file.new"
  )
  mv -f "$file.new" "$file"
}

# The address that a client on this machine uses for a listen address.
client_addr() {
  case $1 in
    0.0.0.0:* | '*':* | :*) printf '127.0.0.1:%s' "${1##*:}" ;;
    '[::]':*) printf '[::1]:%s' "${1##*:}" ;;
    *) printf '%s' "$1" ;;
  esac
}

# An address without the password that may be in it.
masked() { sed -E 's|(://[^:/@]*):[^/]*@|\1:***@|; s|(password=)[^& ]*|\1***|' <<<"$1"; }

settings_check() {
  local name value port
  declare -A user=()
  for name in "${SETTINGS[@]}"; do
    value=${!name-}
    case $value in *$'\n'*) die "$name: a value may not hold a line break" ;; esac
    case $name in
      *_PORT) port=$value ;;
      *_HTTP_ADDR)
        [[ $value == *:* ]] || die "$name: '$value' is not HOST:PORT"
        port=${value##*:}
        ;;
      *) continue ;;
    esac
    [[ $port =~ ^[1-9][0-9]{0,4}$ ]] || port=0
    ((port >= 1 && port <= 65535)) || die "$name: '$value' has no port from 1 to 65535"
    [ -z "${user[$port]-}" ] || die "$name: port $port is also that of ${user[$port]}"
    user[$port]=$name
    if [ "$name" = TICKET_KAFKA_PORT ]; then
      ((port < 65535)) || die "$name: the controller needs the port after $port"
      user[$((port + 1))]="$name's controller"
    fi
  done
  case $TICKET_REDIS_APPENDFSYNC in
    always | everysec | no) ;;
    *) die "TICKET_REDIS_APPENDFSYNC: '$TICKET_REDIS_APPENDFSYNC' is none of always, everysec, no" ;;
  esac
}

# The secret that signs this stack's tokens: made once, kept beside its data.
settings_secret() {
  local file=$RUN/jwt-secret
  if [ ! -s "$file" ]; then
    (umask 077 && od -An -N32 -tx1 /dev/urandom | tr -d ' \n' >"$file.new")
    mv "$file.new" "$file"
  fi
  cat "$file"
}

declare -A GIVEN=()
settings_load() {
  local name shards
  settings_read "$RUN/given" GIVEN
  for name in "${SETTINGS[@]}"; do
    if [ -n "${!name-}" ]; then
      GIVEN[$name]=${!name}
    elif [ -n "${!name+set}" ]; then
      unset "GIVEN[$name]"
    fi
    printf -v "$name" '%s' "${GIVEN[$name]-${SETTING_DEFAULT[$name]-}}"
  done
  shards=$(nproc)
  : "${TICKET_HTTP_SHARDS:=$shards}"
  : "${TICKET_DATABASE_URL:=postgresql://127.0.0.1:$TICKET_PG_PORT/ticket}"
  : "${TICKET_REDIS_URL:=redis://127.0.0.1:$TICKET_REDIS_PORT/0}"
  : "${TICKET_QUEUE_REDIS_URL:=$TICKET_REDIS_URL}"
  : "${TICKET_KAFKA_BROKERS:=127.0.0.1:$TICKET_KAFKA_PORT}"
  : "${TICKET_API_BIN:=$ROOT/build/release/api/ticket-api}"
  : "${TICKET_CONSUMER_BIN:=$ROOT/build/release/consumer/ticket-consumer}"
  : "${TICKET_JWT_SECRET:=$(settings_secret)}"
  : "${TICKET_QUEUE_BYPASS_PER_S:=$TICKET_QUEUE_ADMIT_PER_S}"
  if [[ $TICKET_HTTP_SHARDS =~ ^[0-9]{1,4}$ ]]; then
    : "${TICKET_DATABASE_CONNECTIONS:=$((4 * 10#$TICKET_HTTP_SHARDS))}"
  fi
  TICKET_API_BIN=$(absolute "$TICKET_API_BIN")
  TICKET_CONSUMER_BIN=$(absolute "$TICKET_CONSUMER_BIN")
  # shellcheck disable=SC2034 # written to $RUN/env
  PROMETHEUS_URL=http://127.0.0.1:$TICKET_PROMETHEUS_PORT
  settings_check
  for name in "${SETTINGS[@]}"; do
    if [ -n "${!name}" ]; then export "${name?}"; else unset "$name"; fi
  done
}

# settings_agree PART...: a running part keeps what it was started with; to say otherwise in $RUN/env would be a lie.
settings_agree() {
  local part name names
  declare -A old=()
  settings_read "$RUN/env" old
  for part in "$@"; do
    case $part in
      api | consumer) names="${SETTINGS[*]}" ;;
      *) names=SETTINGS_OF_$part names=${!names} ;;
    esac
    for name in $names; do
      case $part:$name in
        api:TICKET_CONSUMER_* | consumer:TICKET_API_BIN | consumer:TICKET_HTTP_*) continue ;;
        api:TICKET_PROMETHEUS_PORT | consumer:TICKET_PROMETHEUS_PORT) continue ;;
      esac
      [ "${old[$name]-}" != "${!name-}" ] || continue
      case $name in
        *_SECRET | *_URL) die "$part is running with another $name: run script/down first" ;;
        *) die "$part is running with another $name (${old[$name]:-none}, not ${!name:-none}): run script/down first" ;;
      esac
    done
  done
}

# settings_remember all|servers: the daemons' settings only once they have started with them.
settings_remember() {
  case $1 in
    all) settings_write "$RUN/given" GIVEN "${SETTINGS[@]}" ;;
    servers)
      declare -A kept=()
      local name
      settings_read "$RUN/given" kept
      for name in "${SETTINGS[@]}"; do
        case $name in *_PORT | *_ADDR | TICKET_REDIS_APPENDFSYNC | TICKET_TOPIC_*) kept[$name]=${GIVEN[$name]-} ;; esac
      done
      settings_write "$RUN/given" kept "${SETTINGS[@]}"
      ;;
  esac
}

settings_publish() {
  declare -A now=()
  local name
  for name in "${SETTINGS[@]}" PROMETHEUS_URL; do now[$name]=${!name-}; done
  # shellcheck disable=SC2034 # read by name
  now[TICKET_RUN_DIR]=$RUN
  settings_write "$RUN/env" now TICKET_RUN_DIR "${SETTINGS[@]}" PROMETHEUS_URL
}
