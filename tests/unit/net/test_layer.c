#include "net/layer.h"

#include <stdio.h>
#include <string.h>

#include "suite.h"
#include "thread/guest.h"

/* A transport's stream that returns what the test tells it to. */
struct puppet {
	spore_stream base;
	int64_t result;
	uint32_t want, raw;
	size_t pending;
	spore_str value;
	unsigned calls, closed;
	char in_call[16]; /* as the log would name it */
	void *state;
};

static struct puppet *puppet_of(spore_stream *stream)
{
	struct puppet *puppet = (struct puppet *)(void *)stream;

	puppet->calls++;
	ck_assert_str_eq(guest_current(), "puppet");
	snprintf(puppet->in_call, sizeof puppet->in_call, "%s", guest_current_call());
	return puppet;
}

static spore_status act(spore_stream *stream, uint32_t *want)
{
	struct puppet *puppet = puppet_of(stream);

	if (puppet->want)
		*want = puppet->want;
	return (spore_status)puppet->result;
}

static spore_status shake(spore_stream *stream, uint32_t *want, spore_ticket ticket)
{
	(void)ticket;
	return act(stream, want);
}

static int64_t move(spore_stream *stream, const spore_iov *iov, uint32_t n, uint32_t *want)
{
	(void)iov;
	(void)n;
	act(stream, want);
	return ((struct puppet *)(void *)stream)->result;
}

static size_t pending(spore_stream *stream)
{
	return puppet_of(stream)->pending;
}

static void finish(spore_stream *stream, uint32_t how)
{
	ck_assert_uint_eq(how, SPORE_CLOSE_FIN);
	puppet_of(stream)->closed++;
}

static uint32_t raw(spore_stream *stream)
{
	return puppet_of(stream)->raw;
}

static uint32_t attr(spore_stream *stream, const char *key, size_t index, spore_str *out)
{
	(void)index;
	*out = puppet_of(stream)->value;
	return strcmp(key, "known") == 0;
}

static const char *error(spore_stream *stream)
{
	return puppet_of(stream)->calls ? "a string broke" : NULL;
}

static spore_status detach(spore_stream *stream)
{
	return (spore_status)puppet_of(stream)->result;
}

static spore_status attach(spore_stream *stream, const spore_attach_args *args)
{
	struct puppet *puppet = puppet_of(stream);

	ck_assert(SPORE_HAS(args, state));
	puppet->state = args->state;
	return (spore_status)puppet->result;
}

static const spore_stream_ops whole_ops = {
	.struct_size = sizeof whole_ops,
	.handshake = shake,
	.readv = move,
	.writev = move,
	.flush = act,
	.pending = pending,
	.shutdown = act,
	.close = finish,
	.raw = raw,
	.attr = attr,
	.error = error,
	.detach = detach,
	.attach = attach,
};

/* Of a plugin that has only what is mandatory. */
static const spore_stream_ops least_ops = {
	.struct_size = offsetof(spore_stream_ops, raw),
	.handshake = shake,
	.readv = move,
	.writev = move,
	.shutdown = act,
	.close = finish,
};

static char fault[256];
static unsigned n_faults;

static void on_fault(struct layer *layer, const char *call, const char *text)
{
	ck_assert_ptr_eq(layer->arg, fault);
	ck_assert_str_eq(layer->origin.name, "puppet");
	ck_assert(strncmp(text, call, strlen(call)) == 0);
	snprintf(fault, sizeof fault, "%s", text);
	n_faults++;
}

static struct layer *new_layer(struct puppet *puppet, const spore_stream_ops *ops)
{
	const struct layer_origin origin = { .name = "puppet" };
	struct layer *layer;

	*puppet = (struct puppet){ .base = { ops } };
	layer = layer_new(&puppet->base, &origin, on_fault, fault);
	ck_assert_ptr_nonnull(layer);
	return layer;
}

static void check_fault(const char *expected)
{
	ck_assert_uint_eq(n_faults, expected ? 1 : 0);
	if (expected)
		ck_assert_msg(strstr(fault, expected) != NULL, "%s", fault);
	n_faults = 0;
}

/* ---- bytes ---- */

/* Both directions with two buffers of 6 bytes in all. `expected`: NULL if `result` is passed on. */
static void check_move(int64_t result, uint32_t want, const char *expected)
{
	char bytes[6];
	const spore_iov parts[] = { { bytes, 2 }, { bytes + 2, 4 } };
	const char *const calls[] = { "readv", "writev" };

	for (int i = 0; i < 2; i++) {
		struct puppet puppet;
		struct layer *layer = new_layer(&puppet, &whole_ops);
		const spore_stream_ops *ops = layer->base.ops;
		uint32_t wants = 77;
		int64_t n;

		puppet.result = result;
		puppet.want = want;
		n = (i ? ops->writev : ops->readv)(&layer->base, parts, 2, &wants);
		ck_assert_int_eq(n, expected ? SPORE_ECLOSED : result);
		/* Only a wait sets it. */
		ck_assert_uint_eq(wants, result == SPORE_EAGAIN && !expected ? want : 77);
		ck_assert_str_eq(puppet.in_call, calls[i]);
		ck_assert_ptr_null(guest_current());
		check_fault(expected);
		layer_free(layer);
	}
}

START_TEST(what_is_allowed_is_passed_on)
{
	check_move(1, 0, NULL);
	check_move(6, 0, NULL);
	check_move(SPORE_EAGAIN, SPORE_READ, NULL);
	check_move(SPORE_EAGAIN, SPORE_WRITE, NULL);
	check_move(SPORE_EAGAIN, SPORE_READ | SPORE_WRITE, NULL);
	for (int64_t error = SPORE_ESTALE; error >= SPORE_EBUSY; error--)
		check_move(error, 0, NULL);
}
END_TEST

START_TEST(more_bytes_than_fit_are_a_fault)
{
	check_move(7, 0, "() returned 7 bytes: its buffers hold 6");
	check_move(INT64_MAX, 0, "() returned 9223372036854775807 bytes: its buffers hold 6");
	check_move((int64_t)1 << 32, 0, "() returned 4294967296 bytes");
}
END_TEST

START_TEST(what_is_no_status_is_a_fault)
{
	check_move(-9999, 0, "() returned -9999: expected a number of bytes, or a SPORE_E*");
	check_move(SPORE_EBUSY - 1, 0, "() returned -14: expected");
	check_move(INT64_MIN, 0, "() returned -9223372036854775808: expected");
	check_move(SPORE_EPENDING, 0, "() returned -2: expected");
}
END_TEST

START_TEST(a_wait_for_nothing_is_a_fault)
{
	check_move(SPORE_EAGAIN, 0, "() returned SPORE_EAGAIN with *want = 0: expected");
	check_move(SPORE_EAGAIN, 4, "() returned SPORE_EAGAIN with *want = 4: expected");
	check_move(SPORE_EAGAIN, SPORE_READ | 0x80000000, "with *want = 2147483649: expected");
}
END_TEST

START_TEST(only_a_read_ends)
{
	struct puppet puppet;
	struct layer *layer = new_layer(&puppet, &whole_ops);
	char byte;
	spore_iov iov = { &byte, 1 };
	uint32_t want;

	ck_assert_int_eq(layer->base.ops->readv(&layer->base, &iov, 1, &want), 0);
	check_fault(NULL);
	ck_assert_int_eq(layer->base.ops->writev(&layer->base, &iov, 1, &want), SPORE_ECLOSED);
	check_fault("writev() returned 0: expected");
	layer_free(layer);
}
END_TEST

/* ---- the other calls ---- */

static spore_status call(struct layer *layer, int which, uint32_t *want)
{
	const spore_stream_ops *ops = layer->base.ops;

	return which == 0   ? ops->handshake(&layer->base, want, 1)
	       : which == 1 ? ops->flush(&layer->base, want)
	                    : ops->shutdown(&layer->base, want);
}

static void check_status(int64_t result, uint32_t want, bool is_good)
{
	for (int i = 0; i < 3; i++) {
		bool may_pend = i == 0 && result == SPORE_EPENDING;
		struct puppet puppet;
		struct layer *layer = new_layer(&puppet, &whole_ops);
		uint32_t wants = 77;

		puppet.result = result;
		puppet.want = want;
		ck_assert_int_eq(call(layer, i, &wants),
		                 is_good || may_pend ? result : SPORE_ECLOSED);
		ck_assert_uint_eq(wants, is_good && result == SPORE_EAGAIN ? want : 77);
		check_fault(is_good || may_pend ? NULL : "() returned ");
		layer_free(layer);
	}
}

START_TEST(statuses_are_checked)
{
	check_status(SPORE_OK, 0, true);
	check_status(SPORE_EAGAIN, SPORE_WRITE, true);
	check_status(SPORE_EPROTO, 0, true);
	check_status(SPORE_EAGAIN, 0, false);
	check_status(SPORE_EAGAIN, 8, false);
	check_status(SPORE_EPENDING, 0, false);
	check_status(5, 0, false);
	check_status(SPORE_ALLOW, 0, false);
	check_status(-9999, 0, false);
}
END_TEST

START_TEST(facts_and_directions_are_checked)
{
	struct puppet puppet;
	struct layer *layer = new_layer(&puppet, &whole_ops);
	spore_str value;

	puppet.value = spore_cstr("bytes");
	ck_assert(layer_attr(layer, "known", 0, &value));
	ck_assert_uint_eq(value.len, 5);
	ck_assert(!layer_attr(layer, "unknown", 0, &value));
	puppet.value.len = SPORE_ATTR_MAX_LEN + 1;
	ck_assert(!layer->base.ops->attr(&layer->base, "known", 0, &value));
	check_fault("attr() returned a value of 65537 bytes: expected at most 65536");
	puppet.value = (spore_str){ NULL, 3 };
	ck_assert(!layer_attr(layer, "known", 0, &value));
	check_fault("attr() returned a value of 3 bytes at NULL");
	puppet.raw = SPORE_WRITE;
	ck_assert_uint_eq(layer->base.ops->raw(&layer->base), SPORE_WRITE);
	puppet.raw = 255;
	ck_assert_uint_eq(layer->base.ops->raw(&layer->base), SPORE_READ | SPORE_WRITE);
	check_fault("raw() returned 255: expected at most 3");
	layer_free(layer);
}
END_TEST

START_TEST(what_is_optional_may_be_missing)
{
	struct puppet puppet;
	struct layer *layer = new_layer(&puppet, &least_ops);
	spore_str value;
	uint32_t want;

	ck_assert_int_eq(layer->base.ops->flush(&layer->base, &want), SPORE_OK);
	ck_assert_uint_eq(layer->base.ops->pending(&layer->base), 0);
	ck_assert_uint_eq(layer->base.ops->raw(&layer->base), 0);
	ck_assert(!layer_attr(layer, "known", 0, &value));
	ck_assert_ptr_null(layer_error(layer));
	ck_assert(!layer_can_move(layer));
	ck_assert_uint_eq(puppet.calls, 0);
	layer_free(layer);
}
END_TEST

START_TEST(a_silenced_layer_only_closes)
{
	struct puppet puppet;
	struct layer *layer = new_layer(&puppet, &whole_ops);
	char byte;
	spore_iov iov = { &byte, 1 };
	spore_str value;
	uint32_t want;

	puppet.result = 1;
	puppet.pending = 3;
	ck_assert_uint_eq(layer_pending(layer), 3);
	ck_assert_str_eq(layer_error(layer), "a string broke");
	layer_silence(layer);
	puppet.calls = 0;
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(call(layer, i, &want), SPORE_ECLOSED);
	ck_assert_int_eq(layer->base.ops->readv(&layer->base, &iov, 1, &want), SPORE_ECLOSED);
	ck_assert_int_eq(layer->base.ops->writev(&layer->base, &iov, 1, &want), SPORE_ECLOSED);
	ck_assert_uint_eq(layer_pending(layer), 0);
	ck_assert(!layer_attr(layer, "known", 0, &value));
	ck_assert_uint_eq(puppet.calls, 0);
	layer->base.ops->close(&layer->base, SPORE_CLOSE_FIN);
	layer->base.ops->close(&layer->base, SPORE_CLOSE_FIN);
	ck_assert_uint_eq(puppet.closed, 1);
	ck_assert(layer->closed);
	ck_assert_ptr_null(layer_error(layer));
	check_fault(NULL);
	layer_free(layer);
}
END_TEST

START_TEST(a_move_is_checked)
{
	struct puppet puppet;
	struct layer *layer = new_layer(&puppet, &whole_ops);
	int state;

	ck_assert(layer_can_move(layer));
	ck_assert_int_eq(layer_detach(layer), SPORE_OK);
	ck_assert_int_eq(layer_attach(layer, &state), SPORE_OK);
	ck_assert_ptr_eq(puppet.state, &state);
	puppet.result = SPORE_EBUSY;
	ck_assert_int_eq(layer_detach(layer), SPORE_EBUSY);
	check_fault(NULL);
	puppet.result = SPORE_EAGAIN;
	ck_assert_int_eq(layer_detach(layer), SPORE_EINVAL);
	check_fault("detach() returned -1: expected");
	puppet.result = 1;
	ck_assert_int_eq(layer_attach(layer, &state), SPORE_EINVAL);
	check_fault("attach() returned 1: expected");
	layer_free(layer);
}
END_TEST

SUITE("layer", what_is_allowed_is_passed_on, more_bytes_than_fit_are_a_fault,
      what_is_no_status_is_a_fault, a_wait_for_nothing_is_a_fault, only_a_read_ends,
      statuses_are_checked, facts_and_directions_are_checked, what_is_optional_may_be_missing,
      a_silenced_layer_only_closes, a_move_is_checked)
