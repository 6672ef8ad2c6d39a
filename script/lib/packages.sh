# shellcheck shell=bash
# Debian packages: what is missing is installed, nothing else is touched.

PACKAGES_BUILD='gcc libc6-dev cmake ninja-build pkg-config libmicrohttpd-dev libhiredis-dev libpq-dev libjson-c-dev
librdkafka-dev libcmocka-dev libjwt-dev libssl-dev libsodium-dev libcurl4-openssl-dev uthash-dev libxxhash-dev zlib1g-dev'
PACKAGES_SERVERS='postgresql redis-server prometheus maven curl jq ca-certificates'

as_root() {
  if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# packages_missing NAME...
packages_missing() {
  local have name
  have=" $(dpkg-query -W -f '${db:Status-Abbrev}${binary:Package} ' "$@" 2>/dev/null | sed 's/:[a-z0-9]* / /g') "
  for name in "$@"; do
    [[ $have == *"ii $name "* ]] || printf '%s ' "$name"
  done
}

# Installing a server must not start one, nor make a database cluster that takes our port at the next boot. Both
# are switched off while apt runs, and only where the machine's owner has not said something about it already.
packages_install() {
  local policy=/usr/sbin/policy-rc.d cluster=/etc/postgresql-common/createcluster.d/ticket.conf rc=0
  local update=(env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o DPkg::Lock::Timeout=300)
  [ "$(id -u)" = 0 ] || command -v sudo >/dev/null ||
    die "missing packages: $*: install them, or run this as root"
  say "installing $*"
  [ ! -e "$policy" ] || policy=
  if [ -n "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
    as_root chmod 755 "$policy"
  fi
  if packages_have postgresql; then
    cluster=
  else
    as_root mkdir -p "${cluster%/*}"
    printf 'create_main_cluster = false\n' | as_root tee "$cluster" >/dev/null
  fi
  { as_root "${update[@]}" update && as_root "${update[@]}" --no-install-recommends install "$@"; } \
    >>"$RUN/log/packages.log" 2>&1 </dev/null || rc=$?
  [ -z "$policy" ] || as_root rm -f "$policy"
  [ -z "$cluster" ] || as_root rm -f "$cluster"
  [ "$rc" = 0 ] || {
    tail -n 15 "$RUN/log/packages.log" >&2
    die "apt-get failed: $RUN/log/packages.log"
  }
}
packages_have() { [ -z "$(packages_missing "$@")" ]; }

# packages_ensure NAME...
packages_ensure() {
  local missing
  missing=$(packages_missing "$@")
  # shellcheck disable=SC2086 # a list of words
  [ -z "$missing" ] || packages_install $missing
}

packages_for_the_stack() {
  local java=
  # Any Java from 17 on will do; Debian's default is one.
  command -v java >/dev/null || java=default-jre-headless
  # shellcheck disable=SC2086 # lists of words
  packages_ensure $PACKAGES_BUILD $PACKAGES_SERVERS $java
}
