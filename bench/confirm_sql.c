/* confirm_sql: what the fast confirmation costs beside the bare two writes it can't do without (one INSERT of a
 * reservation, one UPDATE of its order), the same tables, fed from memory, in turns, in one run.
 *
 *     bench_confirm_sql postgresql://... [batches [batch size [connection options]]]
 *
 * The database needs the schema; the rows it makes (schedule 900000000) are deleted at the end. Prints one line of JSON. */
#include <endian.h>
#include <libpq-fe.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "pg_statements.h"
#include "runtime/uuid.h"

enum { ARRAYS = 9, ROUNDS = 20, IN_FLIGHT = 2, SCHEDULE = 900000000, PARTITIONS = 24, SEAT_STEP = 7919 };
enum { OID_BOOL = 16, OID_INT8 = 20, OID_TEXT = 25, OID_UUID = 2950 };

static const char BARE[] =
	"WITH taken AS (INSERT INTO reservation (id, user_id, schedule_id, seat_no, status, active, order_no)"
	" SELECT id, user_id, schedule_id, seat_no, 'CONFIRMED', 1, order_no"
	" FROM unnest($2::uuid[], $3::bigint[], $4::bigint[], $5::text[], $8::uuid[])"
	" AS e (order_no, user_id, schedule_id, seat_no, id)"
	" RETURNING id, order_no)"
	" UPDATE payment_order o SET status = 'PAID', reservation_id = t.id, updated_at = now()"
	" FROM taken t WHERE o.order_no = t.order_no"
	/* the same nine parameters, so that both are fed alike */
	" AND ($1::uuid[], $6::bigint[], $7::bool[], $9::uuid[]) IS NOT NULL";

static const char FILL[] =
	"WITH made AS (INSERT INTO payment_order (order_no, user_id, schedule_id, seat_no, amount, approved_at)"
	" SELECT order_no, user_id, schedule_id, seat_no, amount, now()"
	" FROM unnest($2::uuid[], $3::bigint[], $4::bigint[], $5::text[], $6::bigint[])"
	" AS e (order_no, user_id, schedule_id, seat_no, amount))"
	" INSERT INTO payment (id, order_no, user_id, schedule_id, seat_no, amount, method, status, event_id)"
	" SELECT id, order_no, user_id, schedule_id, seat_no, amount, 'CARD', 'APPROVED', event_id"
	" FROM unnest($9::uuid[], $2::uuid[], $3::bigint[], $4::bigint[], $5::text[], $6::bigint[], $1::uuid[])"
	" AS e (id, order_no, user_id, schedule_id, seat_no, amount, event_id) WHERE ($7::bool[], $8::uuid[]) IS NOT NULL";

/* As the daemon has them (libticket/adapter/pg/setup.c). */
static const char SETTINGS[] = "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off; SET jit = off";

static const Oid ELEMENT[ARRAYS] = {
	OID_UUID, OID_UUID, OID_INT8, OID_INT8, OID_TEXT, OID_INT8, OID_BOOL, OID_UUID, OID_UUID};
static const Oid ARRAY_OF[ARRAYS] = {2951, 2951, 1016, 1016, 1009, 1016, 1000, 2951, 2951};

struct batch {
	char *data[ARRAYS];
	int len[ARRAYS];
};

static void die(const char *what, const char *why)
{
	fprintf(stderr, "confirm_sql: %s: %s\n", what, why);
	exit(1);
}

static double now_s(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* CPU seconds of the server's process, when it runs here (0 otherwise): says more than the clock on a busy machine. */
static double server_cpu_s(PGconn *c)
{
	char path[64];
	unsigned long user = 0, system = 0;
	snprintf(path, sizeof path, "/proc/%d/stat", PQbackendPID(c));
	FILE *f = fopen(path, "r");
	if (!f) return 0;
	if (fscanf(f, "%*d (%*[^)]) %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) != 2)
		user = system = 0;
	fclose(f);
	return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

static char *put32(char *at, uint32_t v)
{
	v = htobe32(v);
	memcpy(at, &v, 4);
	return at + 4;
}

static char *put_item(char *at, const void *p, uint32_t n)
{
	at = put32(at, n);
	memcpy(at, p, n);
	return at + n;
}

static char *array_begin(struct batch *b, int column, unsigned size)
{
	char *at = b->data[column] = malloc(20 + (size_t)size * 32);
	if (!at) die("memory", "none left");
	at = put32(at, 1);
	at = put32(at, 0);
	at = put32(at, ELEMENT[column]);
	at = put32(at, size);
	return put32(at, 1);
}

/* An order's number says when it was made; ids and seats follow from it. */
struct feed {
	unsigned total;
	struct uuid *order, *event;
};

static struct feed feed_create(unsigned total)
{
	struct feed f = {total, calloc(total, sizeof *f.order), calloc(total, sizeof *f.event)};
	int64_t now_ms = (int64_t)time(NULL) * 1000;
	if (!f.order || !f.event) die("memory", "none left");
	for (unsigned i = 0; i < total; i++) {
		f.order[i] = uuid_v7(now_ms + i / 20, SCHEDULE);
		f.event[i] = uuid_v7(now_ms + i / 20, 0);
	}
	return f;
}

static void feed_destroy(struct feed *f)
{
	free(f->order);
	free(f->event);
}

/* A buyer's seat is anywhere in the house. */
static unsigned seat_of(const struct feed *f, unsigned number)
{
	return (unsigned)((uint64_t)number * SEAT_STEP % f->total);
}

struct event {
	struct uuid id, order;
	unsigned number, seat;
};

static void batch_fill(struct batch *b, const struct event *e, unsigned size)
{
	char *at[ARRAYS];
	for (int c = 0; c < ARRAYS; c++) at[c] = array_begin(b, c, size);
	for (unsigned i = 0; i < size; i++) {
		char seat[24];
		struct uuid reservation = uuid_v7((int64_t)time(NULL) * 1000, SCHEDULE),
					payment = uuid_v7((int64_t)time(NULL) * 1000, SCHEDULE);
		int64_t user = htobe64(e[i].number + 1), schedule = htobe64(SCHEDULE), amount = htobe64(120000);
		at[0] = put_item(at[0], e[i].id.b, 16);
		at[1] = put_item(at[1], e[i].order.b, 16);
		at[2] = put_item(at[2], &user, 8);
		at[3] = put_item(at[3], &schedule, 8);
		at[4] = put_item(at[4], seat, (uint32_t)snprintf(seat, sizeof seat, "S-%08u", e[i].seat));
		at[5] = put_item(at[5], &amount, 8);
		at[6] = put_item(at[6], "", 1);
		at[7] = put_item(at[7], reservation.b, 16);
		at[8] = put_item(at[8], payment.b, 16);
	}
	for (int c = 0; c < ARRAYS; c++) b->len[c] = (int)(at[c] - b->data[c]);
}

static void batch_free(struct batch *b)
{
	for (int c = 0; c < ARRAYS; c++) free(b->data[c]);
}

/* Batch `at`; dealt: one partition after the other, as a log is read, so every PARTITIONS'th order; else as they were
 * made. By number either way, as the adapter sorts them. */
static void batch_make(struct batch *b, const struct feed *f, unsigned at, unsigned size, bool dealt)
{
	struct event *e = calloc(size, sizeof *e);
	if (!e) die("memory", "none left");
	for (unsigned i = 0; i < size; i++) {
		unsigned n = dealt ? at / PARTITIONS * PARTITIONS * size + i * PARTITIONS + at % PARTITIONS : at * size + i;
		e[i] = (struct event){f->event[n], f->order[n], n, seat_of(f, n)};
	}
	batch_fill(b, e, size);
	free(e);
}

static void run(PGconn *c, const char *sql)
{
	PGresult *r = PQexec(c, sql);
	if (PQresultStatus(r) != PGRES_COMMAND_OK && PQresultStatus(r) != PGRES_TUPLES_OK) die(sql, PQerrorMessage(c));
	PQclear(r);
}

/* One result: its rows (or affected rows), the end of it, the Sync. */
static int64_t receive(PGconn *c)
{
	int64_t rows = 0;
	PGresult *r = PQgetResult(c);
	if (PQresultStatus(r) == PGRES_TUPLES_OK) rows = PQntuples(r);
	else if (PQresultStatus(r) == PGRES_COMMAND_OK) rows = atoll(PQcmdTuples(r));
	else die("statement", PQresultErrorMessage(r));
	PQclear(r);
	PQclear(PQgetResult(c));
	PQclear(PQgetResult(c));
	return rows;
}

static int64_t feed(PGconn *c, const char *name, const struct batch *b, unsigned count)
{
	static const int BINARY[ARRAYS] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
	int64_t rows = 0;
	if (!PQenterPipelineMode(c)) die("pipeline", PQerrorMessage(c));
	for (unsigned sent = 0, got = 0; got < count; got++) {
		for (; sent < count && sent < got + IN_FLIGHT; sent++) {
			PQsendQueryPrepared(c, name, ARRAYS, (const char *const *)b[sent].data, b[sent].len, BINARY, 1);
			PQpipelineSync(c);
			PQflush(c);
		}
		rows += receive(c);
	}
	PQexitPipelineMode(c);
	return rows;
}

static void prepare(PGconn *c, const char *name, const char *sql)
{
	PGresult *r = PQprepare(c, name, sql, ARRAYS, ARRAY_OF);
	if (PQresultStatus(r) != PGRES_COMMAND_OK) die(name, PQerrorMessage(c));
	PQclear(r);
}

static const char *statement(const char *name)
{
	for (int i = 0; i < STMT_COUNT; i++)
		if (strcmp(PG_STATEMENT[i].name, name) == 0) return PG_STATEMENT[i].text;
	die(name, "no such statement");
	return NULL;
}

static void clean(PGconn *c)
{
	char sql[512];
	snprintf(sql, sizeof sql,
		"DELETE FROM inbox WHERE order_no IN (SELECT order_no FROM payment_order WHERE schedule_id = %d);"
		"DELETE FROM payment WHERE order_no IN (SELECT order_no FROM payment_order WHERE schedule_id = %d);"
		"DELETE FROM reservation WHERE schedule_id = %d; DELETE FROM payment_order WHERE schedule_id = %d",
		SCHEDULE, SCHEDULE, SCHEDULE, SCHEDULE);
	run(c, sql);
}

/* Every order, READY and approved, in the order in which they were made. Returns the events' feed. */
static struct feed orders_make(PGconn *c, unsigned batches, unsigned size)
{
	struct feed f = feed_create(batches * size);
	prepare(c, "fill", FILL);
	for (unsigned i = 0; i < batches; i++) {
		struct batch b;
		batch_make(&b, &f, i, size, false);
		feed(c, "fill", &b, 1);
		batch_free(&b);
	}
	run(c, "VACUUM ANALYZE payment_order, payment, reservation, inbox");
	run(c, "CHECKPOINT");
	return f;
}

int main(int argc, char **argv)
{
	if (argc < 2) die("usage", "bench_confirm_sql postgresql://... [batches [size [options]]]");
	unsigned batches = argc > 2 ? (unsigned)atoi(argv[2]) : 50, size = argc > 3 ? (unsigned)atoi(argv[3]) : 1000;
	unsigned all = batches * ROUNDS * 2, whole = (all + PARTITIONS - 1) / PARTITIONS * PARTITIONS;
	double spent[2] = {0, 0}, cpu[2] = {0, 0};
	PGconn *c = PQconnectdb(argv[1]);
	if (PQstatus(c) != CONNECTION_OK) die("connect", PQerrorMessage(c));
	run(c, SETTINGS);
	if (argc > 4) run(c, argv[4]);
	clean(c);
	struct feed f = orders_make(c, whole, size);
	struct batch *b = calloc(all, sizeof *b);
	if (!b) die("memory", "none left");
	for (unsigned i = 0; i < all; i++) batch_make(&b[i], &f, i, size, true);
	prepare(c, "bare", BARE);
	prepare(c, "confirm", statement("confirm_fast"));
	for (unsigned round = 0; round < ROUNDS * 2; round++) {
		double start = now_s(), cpu_start = server_cpu_s(c);
		int64_t rows = feed(c, round % 2 ? "confirm" : "bare", b + round * batches, batches);
		spent[round % 2] += now_s() - start;
		cpu[round % 2] += server_cpu_s(c) - cpu_start;
		if (rows != (int64_t)batches * size) die("confirm", "not every event was confirmed");
	}
	double events = (double)batches * size * ROUNDS;
	printf("{\"bench\":\"confirm_sql\",\"batch\":%u,\"events\":%.0f,\"bare_per_s\":%.0f,\"confirm_per_s\":%.0f,"
		   "\"ratio\":%.3f,"
		   "\"bare_cpu_us\":%.2f,\"confirm_cpu_us\":%.2f}\n",
		size, events, events / spent[0], events / spent[1], spent[0] / spent[1], cpu[0] / events * 1e6,
		cpu[1] / events * 1e6);
	clean(c);
	PQfinish(c);
	for (unsigned i = 0; i < all; i++) batch_free(&b[i]);
	free(b);
	feed_destroy(&f);
	return 0;
}
