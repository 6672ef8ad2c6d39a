/* json_codec: bytes → struct over a table of fields; what doesn't fit becomes words for the client.
 *
 *     static const struct json_field HOLD_FIELDS[] = {
 *         JSON_INT(struct hold_request, user, "userId", 1, ID_MAX, JSON_OPTIONAL),
 *         JSON_INT(struct hold_request, schedule, "scheduleId", 1, ID_MAX, JSON_REQUIRED),
 *         JSON_SEAT(struct hold_request, seat, "seatNo", JSON_OPTIONAL, JSON_HAS(struct hold_request, has_seat)),
 *         JSON_SEATS(struct hold_request, seats, count, "seatNos", JSON_OPTIONAL | JSON_COUNTS_ON),
 *     };
 *     struct hold_request r = {0};
 *     if (!json_decode(d, body, n, HOLD_FIELDS, JSON_FIELDS(HOLD_FIELDS), &r, &errors)) ...
 *
 * Strict: json_check runs first; integers are integers by their text (1.0, 1e3 and "1" are not) and within bounds; a
 * field that comes twice is an error, however its key is escaped; unknown fields are ignored but must be valid JSON.
 * Every bad field is listed, not only the first.
 *
 * Ownership: everything is copied into the caller's struct. Absent optional fields are left as they were.
 * Thread: a decoder belongs to one thread. Errors: the false of json_decode; out of memory ends the process. */
#ifndef TK_JSON_CODEC_H
#define TK_JSON_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "domain/seat.h"
#include "runtime/uuid.h"

enum json_kind {
	JSON_KIND_INT,
	JSON_KIND_TEXT,	 /* bounds in characters */
	JSON_KIND_BYTES, /* the same, bounds in bytes */
	JSON_KIND_SEAT,
	JSON_KIND_SEATS,
	JSON_KIND_UUID,
	JSON_KIND_ENUM,
	JSON_KIND_BOOL,
	JSON_KIND_TIME,
	JSON_KIND_OBJECTS,
	JSON_KINDS
};

enum {
	JSON_REQUIRED = 0,
	JSON_OPTIONAL = 1,
	JSON_NULLABLE = 2,	/* null is welcome: TIME becomes TIME_NONE, the others all zero */
	JSON_COUNTS_ON = 4, /* SEATS: more than fit are checked and counted, not stored; the caller must compare */
};

struct json_field {
	const char *key;
	enum json_kind kind;
	unsigned flags;
	uint32_t offset;
	uint32_t count; /* SEATS, OBJECTS: offset of the unsigned that says how many */
	uint32_t has;	/* offset + 1 of a bool that says "it was there"; 0: none */
	uint32_t cap;	/* TEXT, BYTES: bytes with the NUL; SEATS, OBJECTS: elements */
	int64_t min, max;
	const char *const *words; /* ENUM: by value; NULL and "?" name nothing */
	uint32_t words_count;
	uint32_t stride;
	const struct json_field *fields; /* OBJECTS: of each element */
	uint32_t fields_count;
};

/* Fails to compile when `c` is false. */
#define JSON_SURE(c) (0 * (uint32_t)sizeof(char[(c) ? 1 : -1]))
#define JSON_SIZE(t, m) ((uint32_t)sizeof(((t *)0)->m))
#define JSON_FIELD_(t, m, k, kind_, flags_) .key = (k), .kind = (kind_), .flags = (flags_), .offset = offsetof(t, m)
#define JSON_ELEMENTS_(t, m) (JSON_SIZE(t, m) / JSON_SIZE(t, m[0]))

/* The last arguments of each row: JSON_HAS, or nothing. Bounds are inclusive. */
#define JSON_HAS(t, m) .has = offsetof(t, m) + 1 + JSON_SURE(JSON_SIZE(t, m) == sizeof(bool))
/* int64_t. The bounds themselves stay below the ends of int64_t, where json-c saturates. */
#define JSON_INT(t, m, k, min_, max_, flags_, ...)                                                                     \
	{                                                                                                                  \
		JSON_FIELD_(t, m, k, JSON_KIND_INT, flags_),                                                                   \
			.cap = JSON_SURE(JSON_SIZE(t, m) == 8), .min = (min_),                                                     \
			.max = (max_)-JSON_SURE((min_) > INT64_MIN && (max_) < INT64_MAX), ##__VA_ARGS__                           \
	}
/* char[], NUL-terminated; without NUL inside, so strlen is the length. A character is up to 4 bytes. */
#define JSON_TEXT(t, m, k, min_, max_, flags_, ...)                                                                    \
	{                                                                                                                  \
		JSON_FIELD_(t, m, k, JSON_KIND_TEXT, flags_),                                                                  \
			.cap = JSON_SIZE(t, m) + JSON_SURE(JSON_SIZE(t, m) > 4 * (max_)), .min = (min_), .max = (max_),            \
			##__VA_ARGS__                                                                                              \
	}
#define JSON_BYTES(t, m, k, min_, max_, flags_, ...)                                                                   \
	{                                                                                                                  \
		JSON_FIELD_(t, m, k, JSON_KIND_BYTES, flags_), .cap = JSON_SIZE(t, m) + JSON_SURE(JSON_SIZE(t, m) > (max_)),   \
													   .min = (min_), .max = (max_), ##__VA_ARGS__                     \
	}
#define JSON_SEAT(t, m, k, flags_, ...)                                                                                \
	{                                                                                                                  \
		JSON_FIELD_(t, m, k, JSON_KIND_SEAT, flags_), .cap = JSON_SURE(JSON_SIZE(t, m) == sizeof(struct seat_no)),     \
													  ##__VA_ARGS__                                                    \
	}
/* struct seat_no[], and an unsigned that says how many: 1 to as many as fit, all different. */
#define JSON_SEATS(t, m, n_, k, flags_, ...)                                                                           \
	{                                                                                                                  \
		JSON_FIELD_(t, m, k, JSON_KIND_SEATS, flags_),                                                                 \
			.cap = JSON_ELEMENTS_(t, m),                                                                               \
			.stride = JSON_SIZE(t, m[0]) + JSON_SURE(JSON_SIZE(t, m[0]) == sizeof(struct seat_no)),                    \
			.count = offsetof(t, n_) + JSON_SURE(JSON_SIZE(t, n_) == sizeof(unsigned)), ##__VA_ARGS__                  \
	}
#define JSON_UUID(t, m, k, flags_, ...)                                                                                \
	{                                                                                                                  \
		JSON_FIELD_(t, m, k, JSON_KIND_UUID, flags_), .cap = JSON_SURE(JSON_SIZE(t, m) == sizeof(struct uuid)),        \
													  ##__VA_ARGS__                                                    \
	}
/* An enum, or int; `words_` is a table such as METHOD_NAME. */
#define JSON_ENUM(t, m, k, words_, n_, flags_, ...)                                                                    \
	{                                                                                                                  \
		JSON_FIELD_(t, m, k, JSON_KIND_ENUM, flags_), .cap = JSON_SURE(JSON_SIZE(t, m) == sizeof(int)),                \
													  .words = (words_), .words_count = (n_), ##__VA_ARGS__            \
	}
#define JSON_BOOL(t, m, k, flags_, ...)                                                                                \
	{                                                                                                                  \
		JSON_FIELD_(t, m, k, JSON_KIND_BOOL, flags_), .cap = JSON_SURE(JSON_SIZE(t, m) == sizeof(bool)), ##__VA_ARGS__ \
	}
/* int64_t, unix ms, from RFC 3339 with any offset. */
#define JSON_TIME(t, m, k, flags_, ...)                                                                                \
	{                                                                                                                  \
		JSON_FIELD_(t, m, k, JSON_KIND_TIME, flags_), .cap = JSON_SURE(JSON_SIZE(t, m) == 8), ##__VA_ARGS__            \
	}
/* An array of structs, each by its own table; errors name "key[3].inner". 1 to as many as fit. */
#define JSON_OBJECTS(t, m, n_, k, fields_, flags_, ...)                                                                \
	{                                                                                                                  \
		JSON_FIELD_(t, m, k, JSON_KIND_OBJECTS, flags_),                                                               \
			.cap = JSON_ELEMENTS_(t, m), .stride = JSON_SIZE(t, m[0]),                                                 \
			.count = offsetof(t, n_) + JSON_SURE(JSON_SIZE(t, n_) == sizeof(unsigned)), .fields = (fields_),           \
			.fields_count = sizeof(fields_) / sizeof(*(fields_)), ##__VA_ARGS__                                        \
	}
#define JSON_FIELDS(table) (sizeof(table) / sizeof(*(table)))

enum { JSON_FIELDS_MAX = 32, JSON_ERRORS_MAX = 16, JSON_PATH_MAX = 64, JSON_MESSAGE_MAX = 120 };

enum json_fault { JSON_NOT_JSON, JSON_DUPLICATE, JSON_MISSING, JSON_BAD };

struct json_error {
	enum json_fault fault;
	char field[JSON_PATH_MAX]; /* "" for what is no JSON object at all */
	char message[JSON_MESSAGE_MAX];
};
struct json_errors {
	unsigned count; /* beyond JSON_ERRORS_MAX they are dropped */
	struct json_error error[JSON_ERRORS_MAX];
};

struct json_decoder;
struct json_decoder *json_decoder_create(void);
void json_decoder_destroy(struct json_decoder *d); /* NULL is fine */

/* `ret` is written field by field: after false it is partly filled. At most JSON_FIELDS_MAX rows. */
bool json_decode(struct json_decoder *d, const char *body, size_t n, const struct json_field *fields, size_t nfields,
	void *ret, struct json_errors *ret_errors);

#endif
