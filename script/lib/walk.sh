# shellcheck shell=bash
# One real buyer, from the waiting room to a PAID order, through the door that everybody uses.

# walk_call STEP STATUS METHOD PATH [BODY]: the answer's body in ANSWER and its status in STATUS; dies with the body
# when the status is none of those expected ("200|201").
walk_call() {
  local step=$1 expected=$2 method=$3 path=$4 out
  local curl=(curl -sS -m 15 -X "$method" -H 'Accept: application/json' -w '\n%{http_code}')
  [ -z "$WALK_TOKEN$WALK_PLACE" ] || curl+=(-H @-)
  [ $# -lt 5 ] || curl+=(-H 'Content-Type: application/json' -d "$5")
  # By stdin: a command line can be read by everybody on the machine.
  out=$({
    [ -z "$WALK_TOKEN" ] || printf 'Authorization: Bearer %s\n' "$WALK_TOKEN"
    [ -z "$WALK_PLACE" ] || printf 'Queue-Token: %s\n' "$WALK_PLACE"
  } | "${curl[@]}" "$WALK_URL$path") ||
    die "walk: $step: $method $path: no answer"
  STATUS=${out##*$'\n'} ANSWER=${out%$'\n'*}
  [[ $STATUS =~ ^($expected)$ ]] || die "walk: $step: $method $path answered $STATUS instead of $expected: $ANSWER"
}

walk_field() { jq -er "$1" <<<"$ANSWER" || die "walk: no $1 in $ANSWER"; }

# A body with what the request says and, where nobody is logged in, who asks.
walk_body() {
  local body=$1
  [ "$TICKET_AUTH" != off ] || body=$(jq -c --argjson u "$WALK_USER" '. + {userId: $u}' <<<"$body")
  printf '%s' "$body"
}

# Through the waiting room of schedule 1: its token is in WALK_PLACE. Fails when all of it is sold.
walk_queue() {
  local query="?scheduleId=1&$1" end=$((SECONDS + 60)) status
  walk_call 'queue of schedule 1' '200|409' POST /queue/enter "$(walk_body '{"scheduleId":1}')"
  [ "$STATUS" = 200 ] || return 1
  tell queue "number $(walk_field .number) of schedule 1, rank $(walk_field .rank) of $(walk_field .total)"
  while :; do
    status=$(walk_field .status)
    [ "$status" = WAITING ] || break
    ((SECONDS < end)) || die "walk: still waiting after 60 s: $ANSWER"
    sleep 0.1
    walk_call 'place in the queue' 200 GET "/queue/status$query"
  done
  [ "$status" = ACTIVE ] || die "walk: the place is $status: $ANSWER"
  WALK_PLACE=$(walk_field .token)
  tell admitted "until $(walk_field .expiresAt)"
}

# The first of these schedules that has an open seat, and one of its seats by chance: two walks at once must not want the same.
walk_seat() {
  local schedule seats
  for schedule; do
    walk_call "seats of schedule $schedule" 200 GET "/schedules/$schedule/seats"
    seats=$(jq '[.seats[] | select(.status == "AVAILABLE")] | length' <<<"$ANSWER")
    ((seats > 0)) || continue
    SCHEDULE=$schedule
    SEAT=$(jq -r --argjson n "$(((RANDOM * 32768 + RANDOM) % seats))" '[.seats[] | select(.status == "AVAILABLE")][$n].seatNo' <<<"$ANSWER")
    return 0
  done
  return 1
}

walk() {
  local query='' user='' schedules=(1) try end order status seat
  WALK_URL=http://$(client_addr "$TICKET_HTTP_ADDR") WALK_TOKEN= WALK_PLACE=
  # Not one of those with points, whom examples and tests use, and hardly one who has bought already.
  WALK_USER=$((1001 + (RANDOM * 32768 + RANDOM) % 99000))
  if [ "$TICKET_AUTH" = off ]; then
    user=userId=$WALK_USER query=?userId=$WALK_USER
    tell buyer "user $WALK_USER, believed (TICKET_AUTH=off)"
  else
    WALK_TOKEN=$("$TICKET_API_BIN" --issue-token "$WALK_USER") || die "walk: $TICKET_API_BIN --issue-token failed"
    tell buyer "user $WALK_USER, with a token of $TICKET_JWT_TTL_S s"
  fi
  walk_queue "$user" || {
    tell queue "schedule 1 is sold out; where no waiting room stands there may be seats"
    schedules=(2 4 5)
  }
  for try in 1 2 3 4 5; do
    walk_seat "${schedules[@]}" || {
      tell seat "none is left in schedules ${schedules[*]}: script/down --purge starts anew"
      return 0
    }
    seat=$(jq -nc --argjson s "$SCHEDULE" --arg n "$SEAT" '{scheduleId: $s, seatNo: $n}')
    walk_call hold '200|201|409' POST /tickets/hold "$(walk_body "$seat")"
    [ "$STATUS" = 409 ] || break
    [ "$try" != 5 ] || die "walk: hold: five seats refused, the last with $ANSWER"
  done
  tell seat "$SEAT of schedule $SCHEDULE, $(walk_field .grade), $(walk_field .price) KRW"
  tell held "until $(walk_field .expiresAt)"
  walk_call ready '200|201' POST /payment/ready "$(walk_body "$seat")"
  order=$(walk_field .orderNo)
  tell order "$order $(walk_field .status), $(walk_field .amount) KRW"
  walk_call payment '200|202' POST /payment/mock-success "$(walk_body "{\"orderNo\":\"$order\"}")"
  tell paid "event $(walk_field .eventId) is durable ($STATUS)"
  end=$((SECONDS + 30))
  while :; do
    walk_call order 200 GET "/payment/orders/$order$query"
    status=$(walk_field .status)
    [ "$status" = READY ] || break
    ((SECONDS < end)) || die "walk: the order is still READY after 30 s: $ANSWER"
    sleep 0.02
  done
  [ "$status" = PAID ] || die "walk: the order is $status: $ANSWER"
  tell confirmed "$order PAID, reservation $(walk_field .reservationId)"
}
