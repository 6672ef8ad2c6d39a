# shellcheck shell=bash
# A real Apache Kafka (KRaft, one broker), its jars fetched once by Maven and shared by every run folder.

PARTITIONS=24
# The broker counts a payment's bytes compressed, with others or alone; as a dead letter it comes alone, with headers.
LETTER_MAX_BYTES=$((16 << 20))

# A cached thing is made under another name and then renamed, so whoever looks sees all of it or nothing.
kafka_fetch() {
  local pom=$ROOT/deploy/kafka/pom.xml sum
  sum=$(sha256sum "$pom")
  KAFKA_JARS=$CACHE/kafka/jars-${sum:0:12}
  [ ! -d "$KAFKA_JARS" ] || return 0
  mkdir -p "$CACHE/kafka"
  local new=$KAFKA_JARS.$$
  say "fetching Apache Kafka $(sed -n 's/.*<kafka.version>\(.*\)<.*/\1/p' "$pom") from Maven Central"
  mvn -B -q -f "$pom" dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$new" \
    >>"$RUN/log/kafka-fetch.log" 2>&1 </dev/null || part_failed kafka-fetch "failed: is Maven Central within reach?"
  mv -T "$new" "$KAFKA_JARS" 2>/dev/null || rm -rf "$new" # someone else was faster
}

# The small program that makes the topics, and answers in 20 ms where Kafka's own tool needs a JVM.
kafka_tool() {
  local source=$ROOT/deploy/kafka/topics.c sum
  sum=$(sha256sum "$source")
  KAFKA_TOPICS=$CACHE/kafka/topics-${sum:0:12}
  [ ! -x "$KAFKA_TOPICS" ] || return 0
  mkdir -p "$CACHE/kafka"
  cc -O1 -o "$KAFKA_TOPICS.$$" "$source" -lrdkafka || die "deploy/kafka/topics.c does not compile"
  mv -f "$KAFKA_TOPICS.$$" "$KAFKA_TOPICS"
}

# kafka_java HEAP CLASS...
kafka_java() {
  local heap=$1
  shift
  printf '%s\0' java "-Xmx$heap" -XX:+UseG1GC -Dlog4j2.shutdownHookEnabled=false -Djava.awt.headless=true \
    "-Dlog4j2.configurationFile=$ROOT/deploy/kafka/log4j2.properties" -cp "$KAFKA_JARS/*" "$@"
}

kafka_format() {
  local data=$RUN/data/kafka id command
  [ ! -f "$data/meta.properties" ] || return 0
  # What a start that was cut off left: nothing has been written to it yet.
  rm -rf "$data"
  # 16 random bytes in base64url; a first '-' would look like an option.
  id=k$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n' | cut -c1-20)Q
  mapfile -d '' -t command < <(kafka_java 128m kafka.tools.StorageTool format -t "$id" -c "$RUN/kafka.properties")
  "${command[@]}" >>"$RUN/log/kafka.log" 2>&1 </dev/null || part_failed kafka "could not format its storage"
}

kafka_configure() {
  sed -e "s|@PORT@|$TICKET_KAFKA_PORT|g" -e "s|@CONTROLLER_PORT@|$((TICKET_KAFKA_PORT + 1))|g" \
    -e "s|@DATA@|$RUN/data/kafka|g" "$ROOT/deploy/kafka/server.properties" >"$RUN/kafka.properties"
}

# Adds the names of topics that it made to MADE. Ends the run where the topics can't be had.
kafka_topics() {
  local rc=0 out
  # Nobody at home: not worth a question of 5 s.
  port_open "$TICKET_KAFKA_PORT" || return 1
  out=$("$KAFKA_TOPICS" "127.0.0.1:$TICKET_KAFKA_PORT" "$TICKET_TOPIC_PAYMENT:$PARTITIONS" \
    "$TICKET_TOPIC_PAYMENT.dlq:1:max.message.bytes=$LETTER_MAX_BYTES" "$TICKET_TOPIC_RESERVATION:$PARTITIONS" \
    2>"$RUN/log/topics.log") || rc=$?
  MADE+=$out
  [ "$rc" != 2 ] || die "$(<"$RUN/log/topics.log")"
  return "$rc"
}

kafka_start() {
  local command
  kafka_fetch
  port_free "$TICKET_KAFKA_PORT" TICKET_KAFKA_PORT
  port_free $((TICKET_KAFKA_PORT + 1)) TICKET_KAFKA_PORT "its controller takes the port after it"
  kafka_configure
  kafka_format
  mapfile -d '' -t command < <(kafka_java 512m kafka.Kafka "$RUN/kafka.properties")
  part_spawn kafka "${command[@]}"
}

kafka_up() {
  local MADE=
  kafka_tool
  part_up kafka kafka_topics kafka_start
  tell kafka "$WAS    127.0.0.1:$TICKET_KAFKA_PORT"
  [ -z "$MADE" ] || tell topics "created    ${MADE//$'\n'/, }"
}
