/* The fake keeps what port/orders.h promises. */
#include "contract/orders_suite.h"
#include "fake/fake_orders.h"
#include "runtime/mem.h"
#include "runtime/when.h"

struct fake_world {
	struct orders_world world;
	struct fake_orders fake;
};

static struct fake_orders *fake(struct orders_world *w)
{
	return &container_of(w, struct fake_world, world)->fake;
}

static struct seat_no seat(const char *s)
{
	struct seat_no no;
	if (!seat_no_parse(s, strlen(s), &no)) abort();
	return no;
}

static void run_out(struct orders_world *w, const struct uuid *order_no)
{
	fake_orders_find(fake(w), order_no)->expires_ms = when_now_ms() - 1;
}

static void held(struct orders_world *w, int64_t user, int64_t schedule, const char *no, int64_t ms)
{
	fake_orders_reserve(
		fake(w), user, schedule, seat(no), false, ms == HELD_FOR_EVER ? TIME_FOREVER : when_now_ms() + ms);
}

static void confirmed(struct orders_world *w, int64_t user, int64_t schedule, const char *no)
{
	fake_orders_reserve(fake(w), user, schedule, seat(no), true, TIME_FOREVER);
}

static void decide(struct orders_world *w, const struct uuid *order_no, enum order_status to)
{
	fake_orders_decide(fake(w), order_no, to);
}

static int64_t orders_of(struct orders_world *w, int64_t user)
{
	int64_t n = 0;
	for (unsigned i = 0; i < fake(w)->order_count; i++) n += fake(w)->orders[i].user == user;
	return n;
}

static int64_t approvals_of(struct orders_world *w, const struct uuid *order_no)
{
	return fake_orders_find(fake(w), order_no)->approved;
}

static int64_t held_until(struct orders_world *w, int64_t schedule, const char *no)
{
	struct seat_no s = seat(no);
	for (unsigned i = 0; i < fake(w)->reservation_count; i++) {
		struct fake_reservation *r = &fake(w)->reservations[i];
		if (r->schedule == schedule && seat_no_equal(&r->seat, &s)) return r->expires_ms;
	}
	return 0;
}

int main(void)
{
	struct fake_world *w = mem_must(calloc(1, sizeof *w));
	struct loop *l = loop_create();

	fake_orders_init(&w->fake, l);
	w->world = (struct orders_world){
		&w->fake.port, l, 1, run_out, held, confirmed, decide, orders_of, approvals_of, approvals_of, held_until};
	int failed = orders_suite(&w->world);
	fake_orders_finish(&w->fake);
	loop_destroy(l);
	free(w);
	return failed;
}
