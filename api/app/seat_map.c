#include "api/app/seat_map.h"

#include <assert.h>
#include <stdio.h>
#include <xxhash.h>
#include <zlib.h>

#include "runtime/buf.h"
#include "runtime/mem.h"

/* Measured on 50,000 seats (4 MB of JSON, both bodies): level 1 takes 19 ms and leaves 212 KB, level 4 27 ms and
 * 200 KB, level 6 30 ms and 193 KB. */
enum { LEVEL = 1, RAW_WINDOW = -15, MEMORY = 8 };

/* Seat i's JSON up to its status: bytes[at[i]..at[i + 1]). */
struct seat_text {
	atomic_int refs;
	size_t *at;
	char *bytes;
};

struct seat_piece {
	size_t json_at, json_len, gzip_at, gzip_len;
	uint32_t crc;
	bool led; /* a seat stands before this piece in the body: its first one has a comma */
};

static const char *const STATUS_TAIL[SEAT_STATUSES] = {
	[SEAT_AVAILABLE] = "AVAILABLE\"}",
	[SEAT_HOLD] = "HOLD\"}",
	[SEAT_SOLD_OUT] = "SOLD_OUT\"}",
};
static const char TAIL[] = "]}";
/* RFC 1952 without a time and a system, so that every process writes the same bytes. */
static const unsigned char GZIP_HEAD[10] = {0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255};

/* Texts of a plan */

static void put_seat_text(struct buf *b, const struct seat *seat)
{
	b->comma = 0;
	b->depth = 0;
	j_obj_k(b, NULL);
	j_strn(b, "seatNo", seat->no.s, seat->no.len);
	j_str(b, "section", seat->section);
	j_str(b, "grade", GRADE_NAME[seat->grade]);
	j_int(b, "price", seat->price_krw);
	j_str(b, "status", "");
	b->len--; /* the closing quote: the status follows */
}

static struct seat_text *text_create(const struct seat_plan *plan)
{
	struct seat_text *t = mem_must(calloc(1, sizeof *t));
	struct buf b;

	atomic_init(&t->refs, 1);
	t->at = mem_must(calloc(plan->count + 1, sizeof *t->at));
	buf_init(&b, NULL);
	for (uint32_t i = 0; i < plan->count; i++) {
		t->at[i] = b.len;
		put_seat_text(&b, &plan->seats[i]);
	}
	t->at[plan->count] = b.len;
	t->bytes = b.data;
	return t;
}

static struct seat_text *text_ref(struct seat_text *t)
{
	atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
	return t;
}

static void text_unref(struct seat_text *t)
{
	if (!t || atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) != 1) return;
	free(t->at);
	free(t->bytes);
	free(t);
}

/* Bodies */

/* One body on its way: both encodings, and the checksum of what was written so far. */
struct body_writer {
	const struct seat_map *map, *before; /* before: of the same plan, or NULL */
	int which;
	struct buf json, gzip;
	uint32_t crc;
	z_stream z;
};

static void compress_from(struct body_writer *w, size_t json_at, int flush)
{
	size_t len = w->json.len - json_at;

	deflateReset(&w->z); /* nothing of the pieces before may be seen in this one's bytes */
	buf_reserve(&w->gzip, deflateBound(&w->z, len) + 16);
	w->z.next_in = (Bytef *)w->json.data + json_at;
	w->z.avail_in = (uInt)len;
	w->z.next_out = (Bytef *)w->gzip.data + w->gzip.len;
	w->z.avail_out = (uInt)(w->gzip.cap - w->gzip.len);
	deflate(&w->z, flush);
	assert(w->z.avail_in == 0 && w->z.avail_out > 0);
	w->gzip.len = (size_t)((char *)w->z.next_out - w->gzip.data);
}

/* What was written to the JSON since `json_at` goes into the compressed body. */
static uint32_t seal(struct body_writer *w, size_t json_at, int flush)
{
	uint32_t crc = (uint32_t)crc32(0, (Bytef *)w->json.data + json_at, (uInt)(w->json.len - json_at));

	compress_from(w, json_at, flush);
	w->crc = (uint32_t)crc32_combine(w->crc, crc, (z_off_t)(w->json.len - json_at));
	return crc;
}

static bool is_shown(const struct body_writer *w, uint32_t seat)
{
	return w->which == SEATS_ALL || w->map->status[seat] == SEAT_AVAILABLE;
}

static void write_seats(struct body_writer *w, uint32_t from, uint32_t to, bool led)
{
	const struct seat_text *t = w->map->text;

	for (uint32_t i = from; i < to; i++) {
		if (!is_shown(w, i)) continue;
		if (led) buf_putc(&w->json, ',');
		led = true;
		buf_put(&w->json, t->bytes + t->at[i], t->at[i + 1] - t->at[i]);
		buf_puts(&w->json, STATUS_TAIL[w->map->status[i]]);
	}
}

static const struct seat_piece *piece_before(const struct body_writer *w, uint32_t from, uint32_t to, bool led)
{
	const struct seat_piece *p;

	if (!w->before) return NULL;
	if (memcmp(w->before->status + from, w->map->status + from, to - from) != 0) return NULL;
	p = &w->before->pieces[w->which][from / SEAT_PIECE];
	return p->led == led ? p : NULL;
}

static void copy_piece(struct body_writer *w, const struct seat_piece *from)
{
	const struct seat_body *b = &w->before->body[w->which];

	buf_put(&w->json, b->json + from->json_at, from->json_len);
	buf_put(&w->gzip, b->gzip + from->gzip_at, from->gzip_len);
	w->crc = (uint32_t)crc32_combine(w->crc, from->crc, (z_off_t)from->json_len);
}

static void write_piece(struct body_writer *w, struct seat_piece *p, uint32_t from, uint32_t to, bool led)
{
	const struct seat_piece *before = piece_before(w, from, to, led);

	p->led = led;
	p->json_at = w->json.len;
	p->gzip_at = w->gzip.len;
	if (before) {
		copy_piece(w, before);
		p->crc = before->crc;
	} else {
		write_seats(w, from, to, led);
		if (w->json.len > p->json_at) p->crc = seal(w, p->json_at, Z_SYNC_FLUSH);
	}
	p->json_len = w->json.len - p->json_at;
	p->gzip_len = w->gzip.len - p->gzip_at;
}

static void write_pieces(struct body_writer *w, struct seat_piece *pieces)
{
	uint32_t count = w->map->plan->count;
	size_t start = w->json.len;

	for (uint32_t from = 0; from < count; from += SEAT_PIECE) {
		uint32_t to = count - from > SEAT_PIECE ? from + SEAT_PIECE : count;

		write_piece(w, &pieces[from / SEAT_PIECE], from, to, w->json.len > start);
	}
}

static void put_le32(struct buf *b, uint32_t v)
{
	for (int i = 0; i < 4; i++) buf_putc(b, (char)(v >> (8 * i)));
}

static void write_body(struct body_writer *w, struct seat_piece *pieces)
{
	size_t at;

	buf_printf(&w->json, "{\"scheduleId\":%lld,\"seats\":[", (long long)w->map->schedule);
	buf_put(&w->gzip, GZIP_HEAD, sizeof GZIP_HEAD);
	seal(w, 0, Z_SYNC_FLUSH);
	write_pieces(w, pieces);
	at = w->json.len;
	buf_puts(&w->json, TAIL);
	seal(w, at, Z_FINISH);
	put_le32(&w->gzip, w->crc);
	put_le32(&w->gzip, (uint32_t)w->json.len);
}

static char *keep(struct buf *b, size_t *ret_len)
{
	*ret_len = b->len;
	b->data[b->len] = 0;
	return mem_must(realloc(b->data, b->len + 1));
}

static void write_etags(struct seat_body *b)
{
	static const char HEX[] = "0123456789abcdef";
	XXH128_canonical_t hash;
	char text[2 * sizeof hash.digest + 1];

	XXH128_canonicalFromHash(&hash, XXH3_128bits(b->json, b->json_len));
	for (size_t i = 0; i < sizeof hash.digest; i++) {
		text[2 * i] = HEX[hash.digest[i] >> 4];
		text[2 * i + 1] = HEX[hash.digest[i] & 15];
	}
	text[sizeof text - 1] = 0;
	snprintf(b->etag, sizeof b->etag, "\"%s\"", text);
	snprintf(b->gzip_etag, sizeof b->gzip_etag, "\"%s-gz\"", text);
}

static void build_body(struct seat_map *m, const struct seat_map *before, int which)
{
	struct body_writer w = {.map = m, .before = before, .which = which};
	struct seat_body *b = &m->body[which];

	m->pieces[which] = mem_must(calloc(m->plan->count / SEAT_PIECE + 1, sizeof(struct seat_piece)));
	buf_init(&w.json, NULL);
	buf_init(&w.gzip, NULL);
	if (before) {
		buf_reserve(&w.json, before->body[which].json_len + 4096);
		buf_reserve(&w.gzip, before->body[which].gzip_len + 4096);
	}
	if (deflateInit2(&w.z, LEVEL, Z_DEFLATED, RAW_WINDOW, MEMORY, Z_DEFAULT_STRATEGY) != Z_OK) abort();
	write_body(&w, m->pieces[which]);
	deflateEnd(&w.z);
	b->json = keep(&w.json, &b->json_len);
	b->gzip = keep(&w.gzip, &b->gzip_len);
	write_etags(b);
}

/* What streams send */

static void put_status(struct buf *b, const struct seat_map *m, uint32_t i)
{
	buf_puts(b, b->len > 1 ? ",{\"seatNo\":\"" : "{\"seatNo\":\"");
	buf_put(b, m->plan->seats[i].no.s, m->plan->seats[i].no.len);
	buf_puts(b, "\",\"status\":\"");
	buf_puts(b, STATUS_TAIL[m->status[i]]);
}

/* Has it changed since `before`? A seat that `before` does not know has. */
static bool has_changed(const struct seat_map *m, const struct seat_map *before, uint32_t i)
{
	int32_t was = (int32_t)i;

	if (before->plan != m->plan) was = seat_plan_find(before->plan, &m->plan->seats[i].no);
	return was < 0 || before->status[was] != m->status[i];
}

static char *list_statuses(const struct seat_map *m, const struct seat_map *since, size_t *ret_len)
{
	struct buf b;

	buf_init(&b, NULL);
	buf_putc(&b, '[');
	for (uint32_t i = 0; i < m->plan->count; i++) {
		if (!since || has_changed(m, since, i)) put_status(&b, m, i);
	}
	buf_putc(&b, ']');
	return keep(&b, ret_len);
}

static void count_remaining(struct seat_map *m)
{
	for (uint32_t i = 0; i < m->plan->count; i++) {
		if (m->status[i] == SEAT_AVAILABLE) m->remaining[m->plan->seats[i].grade]++;
	}
}

struct seat_map *seat_map_build(
	int64_t schedule, struct seat_plan *plan, uint8_t *status, const struct seat_map *before)
{
	const struct seat_map *same_plan = before && before->plan == plan ? before : NULL;
	struct seat_map *m;

	if (same_plan && (plan->count == 0 || memcmp(before->status, status, plan->count) == 0)) {
		free(status);
		return NULL;
	}
	m = mem_must(calloc(1, sizeof *m));
	atomic_init(&m->refs, 1);
	m->schedule = schedule;
	m->version = before ? before->version + 1 : 1;
	m->plan = seat_plan_ref(plan);
	m->status = status;
	m->text = same_plan ? text_ref(before->text) : text_create(plan);
	for (int which = 0; which < SEATS_BODIES; which++) build_body(m, same_plan, which);
	if (before) m->delta = list_statuses(m, before, &m->delta_len);
	m->whole = list_statuses(m, NULL, &m->whole_len);
	count_remaining(m);
	return m;
}

struct seat_map *seat_map_ref(struct seat_map *m)
{
	atomic_fetch_add_explicit(&m->refs, 1, memory_order_relaxed);
	return m;
}

void seat_map_unref(struct seat_map *m)
{
	if (!m || atomic_fetch_sub_explicit(&m->refs, 1, memory_order_acq_rel) != 1) return;
	for (int which = 0; which < SEATS_BODIES; which++) {
		free(m->body[which].json);
		free(m->body[which].gzip);
		free(m->pieces[which]);
	}
	text_unref(m->text);
	seat_plan_unref(m->plan);
	free(m->status);
	free(m->delta);
	free(m->whole);
	free(m);
}
