/* transport_wrong - changes no byte, but breaks one rule of spore/transport.h. Only some
 * connections of the instance do so: the first `good` ones do not, then `wrong` ones do, and all
 * later ones do not. */
#include <spore/transport.h>
#include <stdatomic.h>

#include "probe.h"

enum fault {
	HS_NEVER,
	HS_WAITS_FOR_NOTHING,
	HS_POSITIVE,
	HS_SPINS,
	HS_OTHER_TICKET,
	HS_FAILS_MUTELY,
	RD_MUCH,
	RD_HUGE,
	RD_UNKNOWN,
	RD_PENDING,
	RD_WAITS_FOR_NOTHING,
	RD_WAITS_UNKNOWN,
	RD_SPINS,
	WR_MUCH,
	WR_NOTHING,
	WR_WAITS_TO_READ,
	FL_SPINS,
	FL_POSITIVE,
	SH_POSITIVE,
	SH_PENDING,
	PENDING_ONE,
	PENDING_HUGE,
	CLOSE_LEAKS,
	ATTR_FOREVER,
	ATTR_NULL,
	RAW_UNKNOWN,
	WRAP_NULL,
	WRAP_FAILS,
	WRAP_NO_OPS,
	WAKES_ITSELF
};
#define FAULTS                                                                                     \
	"hs_never|hs_waits_for_nothing|hs_positive|hs_spins|hs_other_ticket|hs_fails_mutely|"      \
	"rd_much|rd_huge|rd_unknown|rd_pending|rd_waits_for_nothing|rd_waits_unknown|rd_spins|"    \
	"wr_much|wr_nothing|wr_waits_to_read|"                                                     \
	"fl_spins|fl_positive|sh_positive|sh_pending|"                                             \
	"pending_one|pending_huge|close_leaks|attr_forever|attr_null|raw_unknown|"                 \
	"wrap_null|wrap_fails|wrap_no_ops|wakes_itself"

struct conf {
	int64_t fault, good, wrong, over;
};

static const spore_option options[] = {
	SPORE_ENUM(struct conf, fault, SPORE_OPTF_REQUIRED, NULL, FAULTS, "the broken rule"),
	SPORE_INT(struct conf, good, 0, "0", 0, 1000, "connections before the first wrong one"),
	SPORE_INT(struct conf, wrong, 0, "1000", 0, 1000, "connections that break the rule"),
	SPORE_INT(struct conf, over, 0, "0", 0, 100000,
	          "results of readv() and writev() are wrong only if more bytes have moved"),
};

struct instance {
	PROBE_FIELDS;
	atomic_int wrapped;
};

struct passing {
	spore_stream base;
	spore_stream *lower;
	spore_conn *conn;
	const struct instance *instance;
	int fault; /* -1: none */
};

static struct passing *passing_of(spore_stream *stream)
{
	return (struct passing *)(void *)stream;
}

static spore_status wait_for(uint32_t what, uint32_t *want)
{
	*want = what;
	return SPORE_EAGAIN;
}

static spore_status stream_handshake(spore_stream *stream, uint32_t *want, spore_ticket ticket)
{
	const struct passing *passing = passing_of(stream);
	const spore_host *host = passing->instance->host;

	switch (passing->fault) {
	case HS_NEVER:
		return SPORE_EPENDING;
	case HS_WAITS_FOR_NOTHING:
		return SPORE_EAGAIN;
	case HS_POSITIVE:
		return 5;
	case HS_SPINS:
		return wait_for(SPORE_WRITE, want);
	case HS_OTHER_TICKET:
		host->complete_handshake(ticket + 1, SPORE_OK);
		host->complete_verify(ticket, SPORE_ALLOW, NULL);
		return SPORE_EPENDING;
	case HS_FAILS_MUTELY:
		return SPORE_EBACKEND;
	default:
		return SPORE_OK;
	}
}

/* What to return after a read of n bytes. */
static int64_t spoil_read(int fault, int64_t n)
{
	switch (fault) {
	case RD_MUCH:
		return n + 100000;
	case RD_HUGE:
		return INT64_MAX;
	case RD_UNKNOWN:
		return -9999;
	case RD_PENDING:
		return SPORE_EPENDING;
	default:
		return n;
	}
}

static int64_t stream_readv(spore_stream *stream, const spore_iov *iov, uint32_t n, uint32_t *want)
{
	const struct passing *passing = passing_of(stream);
	int64_t got;

	if (passing->fault == RD_SPINS)
		return wait_for(SPORE_READ, want);
	if (passing->fault == RD_WAITS_FOR_NOTHING)
		return wait_for(0, want);
	if (passing->fault == RD_WAITS_UNKNOWN)
		return wait_for(0x40, want);
	if (passing->fault == WAKES_ITSELF)
		passing->instance->host->conn_wake(passing->conn);
	got = passing->lower->ops->readv(passing->lower, iov, n, want);
	return got > passing->instance->conf->over ? spoil_read(passing->fault, got) : got;
}

static int64_t stream_writev(spore_stream *stream, const spore_iov *iov, uint32_t n, uint32_t *want)
{
	const struct passing *passing = passing_of(stream);
	int64_t put;

	if (passing->fault == WR_WAITS_TO_READ)
		return wait_for(SPORE_READ, want);
	if (passing->fault == WR_NOTHING)
		return 0;
	put = passing->lower->ops->writev(passing->lower, iov, n, want);
	return put > passing->instance->conf->over && passing->fault == WR_MUCH ? put + 100000
	                                                                        : put;
}

static spore_status stream_flush(spore_stream *stream, uint32_t *want)
{
	const struct passing *passing = passing_of(stream);
	const spore_stream_ops *below = passing->lower->ops;

	if (passing->fault == FL_SPINS)
		return wait_for(SPORE_WRITE, want);
	if (passing->fault == FL_POSITIVE)
		return 1;
	return SPORE_CAN(below, flush) ? below->flush(passing->lower, want) : SPORE_OK;
}

static size_t stream_pending(spore_stream *stream)
{
	const struct passing *passing = passing_of(stream);
	const spore_stream_ops *below = passing->lower->ops;

	if (passing->fault == PENDING_ONE)
		return 1;
	if (passing->fault == PENDING_HUGE)
		return SIZE_MAX;
	return SPORE_CAN(below, pending) ? below->pending(passing->lower) : 0;
}

static spore_status stream_shutdown(spore_stream *stream, uint32_t *want)
{
	const struct passing *passing = passing_of(stream);

	if (passing->fault == SH_POSITIVE)
		return 2;
	if (passing->fault == SH_PENDING)
		return SPORE_EPENDING;
	return passing->lower->ops->shutdown(passing->lower, want);
}

static void stream_close(spore_stream *stream, uint32_t how)
{
	struct passing *passing = passing_of(stream);

	if (passing->fault != CLOSE_LEAKS)
		passing->lower->ops->close(passing->lower, how);
	free(passing);
}

static uint32_t stream_raw(spore_stream *stream)
{
	return passing_of(stream)->fault == RAW_UNKNOWN ? 0xFF : 0;
}

static uint32_t stream_attr(spore_stream *stream, const char *key, size_t index, spore_str *out)
{
	int fault = passing_of(stream)->fault;

	(void)index;
	if (strcmp(key, "wrong.fact") != 0 || (fault != ATTR_FOREVER && fault != ATTR_NULL))
		return 0;
	*out = fault == ATTR_NULL ? (spore_str){ NULL, 1000 } : spore_cstr("x");
	return 1;
}

static const char *stream_error(spore_stream *stream)
{
	(void)stream;
	return NULL;
}

static const spore_stream_ops stream_ops = {
	.struct_size = sizeof stream_ops,
	.handshake = stream_handshake,
	.readv = stream_readv,
	.writev = stream_writev,
	.flush = stream_flush,
	.pending = stream_pending,
	.shutdown = stream_shutdown,
	.close = stream_close,
	.raw = stream_raw,
	.attr = stream_attr,
	.error = stream_error,
};

static int next_fault(struct instance *instance)
{
	const struct conf *conf = instance->conf;
	int number = atomic_fetch_add(&instance->wrapped, 1);

	return number >= conf->good && number < conf->good + conf->wrong ? (int)conf->fault : -1;
}

static spore_status wrap(void *state, const spore_wrap_args *args, spore_stream **upper_out)
{
	static spore_stream no_ops;
	struct instance *instance = state;
	int fault = next_fault(instance);
	struct passing *passing;

	if (fault == WRAP_NULL)
		return SPORE_OK;
	if (fault == WRAP_FAILS)
		return 7;
	if (fault == WRAP_NO_OPS) {
		*upper_out = &no_ops;
		return SPORE_OK;
	}
	passing = calloc(1, sizeof *passing);
	if (!passing)
		return SPORE_ENOMEM;
	*passing = (struct passing){ { &stream_ops }, args->lower, args->conn, instance, fault };
	*upper_out = &passing->base;
	return SPORE_OK;
}

static spore_status create(const spore_create_args *args, void **instance_out)
{
	*instance_out = PROBE_NEW(struct instance, args);
	return *instance_out ? SPORE_OK : SPORE_ENOMEM;
}

static const char *const attr_keys[] = { "wrong.fact", NULL };

static const spore_transport_ops ops = {
	.struct_size = sizeof ops,
	.wrap = wrap,
	.stream_ops = &stream_ops,
	.attr_keys = attr_keys,
};

static const spore_component component = {
	.struct_size = sizeof component,
	.kind = SPORE_KIND_TRANSPORT,
	.name = "wrong",
	.summary = "changes no byte, but breaks a rule",
	.ops = &ops,
	PROBE_ROWS(options),
	.conf_size = sizeof(struct conf),
	.create = create,
	.destroy = free,
};

SPORE_PLUGIN("transport_wrong", "1.0.0", "The Spore authors", "MIT", "", &component);
