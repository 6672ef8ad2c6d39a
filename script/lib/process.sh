# shellcheck shell=bash
# The parts of a stack as processes: started detached, found again by $RUN/pids/<part>.pid, stopped.
# A pid alone proves nothing after a reboot or a wrap of the numbers, so <part>.start keeps when that process started.

# process_stat PID: fills STAT with what /proc/PID/stat says after the name: state, ppid, …, flags as 7th, start time as 20th.
process_stat() {
  local line
  { line=$(<"/proc/$1/stat"); } 2>/dev/null || return 1
  # The name, in parentheses, may hold anything.
  read -r -a STAT <<<"${line##*) }"
}

# process_stamp PID: boot id and start time of a living process; false when there is none. A zombie does not live, unless
# some of its threads are still on their way out: they hold its ports and files.
process_stamp() {
  local boot STAT threads
  process_stat "$1" || return 1
  if [ "${STAT[0]}" = Z ] || [ "${STAT[0]}" = X ]; then
    threads=("/proc/$1/task"/*)
    [ "${#threads[@]}" -gt 1 ] || return 1
  fi
  boot=$(</proc/sys/kernel/random/boot_id)
  printf '%s %s\n' "$boot" "${STAT[19]}"
}

# process_dying PID: killed, and not quite gone.
process_dying() {
  local STAT key value
  process_stat "$1" || return 1
  [ "${STAT[0]}" != Z ] || return 0
  # PF_EXITING
  ((!(STAT[6] & 4))) || return 0
  # SIGKILL, bit 8, sent and not yet heard.
  while read -r key value; do
    case $key in SigPnd: | ShdPnd:) ((!(16#$value & 0x100))) || return 0 ;; esac
  done <"/proc/$1/status" 2>/dev/null
  return 1
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

# part_up PART READY START: START, unless it runs already, and until READY; sets WAS to what it was.
# Whoever killed it a moment ago means it to come back, so one that is on its way out is waited for.
part_up() {
  WAS=running
  ! part_dying "$1" || waits 10 part_gone "$1" || :
  ! part_ready "$1" "$2" || return 0
  WAS=started
  "$3"
  part_ready "$1" "$2" || part_failed "$1" "ended at its start"
}
# True when it is ready, false when it does not run or ends meanwhile.
part_ready() {
  local end=$((SECONDS + 60))
  while part_runs "$1"; do
    ! "$2" || return 0
    ((SECONDS < end)) || part_failed "$1" "is not ready after 60 s"
    sleep 0.05
  done
  return 1
}
part_dying() {
  local pid
  pid=$(part_pid "$1") && process_dying "$pid"
}
part_gone() { ! part_runs "$1"; }
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
