# shellcheck shell=bash
# The parts of a stack as processes: started detached, found again by $RUN/pids/<part>.pid, stopped.
# A pid alone proves nothing after a reboot or a wrap of the numbers, so <part>.start keeps when that process started.

# boot id and start time of a living process; false when there is none. A zombie does not live.
process_stamp() {
  local stat boot
  { stat=$(<"/proc/$1/stat"); } 2>/dev/null || return 1
  # The name, in parentheses, may hold anything; what follows the last one is: state, ppid, …, start time as 20th.
  read -r -a stat <<<"${stat##*) }"
  [ "${stat[0]}" != Z ] && [ "${stat[0]}" != X ] || return 1
  boot=$(</proc/sys/kernel/random/boot_id)
  printf '%s %s\n' "$boot" "${stat[19]}"
}

# part_pid PART: prints its pid when it runs and is the process that we started.
part_pid() {
  local pid='' start='' stamp
  { read -r pid <"$RUN/pids/$1.pid" && read -r start <"$RUN/pids/$1.start"; } 2>/dev/null || return 1
  [[ $pid =~ ^[0-9]+$ ]] && stamp=$(process_stamp "$pid") && [ "$stamp" = "$start" ] || return 1
  printf '%s' "$pid"
}
part_runs() { part_pid "$1" >/dev/null; }

# part_spawn PART COMMAND...: a session of its own, so neither the script's end nor the terminal's reaches it.
# Our lock (descriptor 9) stays with us.
part_spawn() {
  local part=$1 pid
  shift
  setsid "$@" </dev/null >>"$RUN/log/$part.log" 2>&1 9>&- &
  pid=$!
  process_stamp "$pid" >"$RUN/pids/$part.start" || :
  printf '%s\n' "$pid" >"$RUN/pids/$part.pid"
}

# part_await PART SECONDS COMMAND...: until the command succeeds; dies with the log's end when the part ends or is late.
part_await() {
  local part=$1 end=$((SECONDS + $2)) seconds=$2
  shift 2
  until "$@"; do
    part_runs "$part" || part_failed "$part" "ended at its start"
    ((SECONDS < end)) || part_failed "$part" "is not ready after $seconds s"
    sleep 0.05
  done
}
part_failed() {
  printf '%s\n' "--- the end of $RUN/log/$1.log" >&2
  tail -n 15 "$RUN/log/$1.log" >&2 || :
  die "$1 $2"
}

port_open() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
# port_free PORT SETTING [WHAT]: someone else's port is theirs.
port_free() {
  if port_open "$1"; then
    die "port $1 is taken: give another one as $2${3:+ ($3)}"
  fi
}

declare -A SIGNALLED=()
part_signal() {
  local pid
  pid=$(part_pid "$1") || return 0
  SIGNALLED[$1]=$2
  kill -s "$2" "$pid" 2>/dev/null || :
}
part_gone() { ! part_runs "$1"; }
# part_stop PART SECONDS SIGNAL...: each signal in turn, KILL at last.
part_stop() {
  local part=$1 seconds=$2 signal
  shift 2
  for signal in "$@" KILL; do
    part_signal "$part" "$signal"
    # One that was stopped by SIGSTOP hears nothing until it goes on.
    part_signal "$part" CONT
    ! waits "$seconds" part_gone "$part" || break
  done
  part_gone "$part" || die "$part does not end (pid $(part_pid "$part"))"
  [ "$signal" != KILL ] || printf '%s: %s had to be killed\n' "${0##*/}" "$part" >&2
  [ -z "${SIGNALLED[$part]-}" ] || tell "$part" stopped
  rm -f "$RUN/pids/$part.pid" "$RUN/pids/$part.start"
}
