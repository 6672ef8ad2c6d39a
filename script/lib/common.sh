# shellcheck shell=bash
# What every script of this folder says, and how it gives up.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)

say() { printf '%s\n' "$*"; }
# A row of the table that script/up prints: the part, and what is so now.
tell() { printf '%-11s %s\n' "$1" "$2"; }
die() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

# Where answers to libpq are taken from: only what these scripts give.
unset PGHOST PGPORT PGUSER PGPASSWORD PGDATABASE PGSERVICE PGOPTIONS PGSSLMODE PGPASSFILE PGCLIENTENCODING

# absolute PATH: the same, from the root; it need not exist.
absolute() {
  case $1 in
    /*) printf '%s' "$1" ;;
    *) printf '%s/%s' "$PWD" "${1#./}" ;;
  esac
}

# waits SECONDS COMMAND...: repeats it until it succeeds; false when the time is up.
waits() {
  local end=$((SECONDS + $1))
  shift
  until "$@"; do
    ((SECONDS < end)) || return 1
    sleep 0.05
  done
}
