# shellcheck shell=bash
# Runs sql/migrate/<number>_<name>.up.sql in order. Names and table are golang-migrate's, so either can be used on
# the same database: schema_migrations has one row, the last version, and `dirty` when a change was left half done.
# Ours are never dirty: each file and its row are one transaction. `migrate_up COMMAND...`: the psql that it may use.

migrate_up() {
  local psql=("$@") dir=$ROOT/sql/migrate state version dirty file number last=0 done_any=
  state=$("${psql[@]}" -c "SET client_min_messages = warning;
    CREATE TABLE IF NOT EXISTS schema_migrations (version bigint NOT NULL PRIMARY KEY, dirty boolean NOT NULL);
    SELECT coalesce(max(version), 0), coalesce(bool_or(dirty), false) FROM schema_migrations") ||
    die "the database can't be asked for its version"
  IFS='|' read -r version dirty <<<"$state"
  [ "$dirty" = f ] ||
    die "migration $version was left half done (schema_migrations.dirty): finish or undo it by hand, then UPDATE schema_migrations SET dirty = false"
  for file in "$dir"/[0-9]*_*.up.sql; do
    [ -e "$file" ] || break
    number=$(basename "$file") number=$((10#${number%%_*}))
    ((number > last)) || die "$file: two migrations have the number $number"
    last=$number
    ((number > version)) || continue
    migrate_one "$file" "$number" "${psql[@]}"
    done_any=1
  done
  ((version <= last)) || die "the database is at version $version, newer than this checkout's $last: update the checkout"
  [ -z "$done_any" ] || tell schema "migrated to version $last"
}

migrate_one() {
  local file=$1 number=$2
  shift 2
  # A COMMIT inside would tear the file from its version row.
  ! grep -qiE '^[[:space:]]*(BEGIN|COMMIT|ROLLBACK|START TRANSACTION)[[:space:]]*;' "$file" ||
    die "$file: a migration runs in a transaction already: no BEGIN or COMMIT in it"
  "$@" -1 -o /dev/null -c "SET LOCAL client_min_messages = warning" \
    -c 'LOCK TABLE schema_migrations' -f "$file" \
    -c "DELETE FROM schema_migrations" -c "INSERT INTO schema_migrations VALUES ($number, false)" ||
    die "$file failed; nothing of it was kept"
}
