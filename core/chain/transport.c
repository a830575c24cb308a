#include "chain/transport.h"

#include "base/clock.h"
#include "host/status.h"
#include "host/ticket.h"
#include "thread/guest.h"

static const char *missing_slot(const spore_stream *stream)
{
	const spore_stream_ops *ops = stream->ops;

	if (!ops)
		return "ops";
	if (!SPORE_CAN(ops, handshake))
		return "handshake";
	if (!SPORE_CAN(ops, readv))
		return "readv";
	if (!SPORE_CAN(ops, writev))
		return "writev";
	if (!SPORE_CAN(ops, shutdown))
		return "shutdown";
	if (!SPORE_CAN(ops, close))
		return "close";
	return SPORE_CAN(ops, fd) ? NULL : "fd";
}

static void release_chain(void *chain)
{
	chain_unref(chain);
}

/* Puts one instance's stream on top. */
static bool wrap_once(const struct instance *instance, struct stream *stream,
                      const spore_wrap_args *args, struct err *err)
{
	const spore_transport_ops *ops = instance->component->ops;
	struct loop *loop = stream_loop(stream);
	spore_stream *upper = NULL;
	char text[STATUS_TEXT_SIZE];
	int64_t began_ns = clock_ns();
	const char *missing;
	spore_status status;

	guest_enter(instance->name, "wrap");
	status = ops->wrap(instance_state(instance, loop), args, &upper);
	guest_leave();
	meter_call(&instance->meter, loop, TRANSPORT_WRAP, began_ns);
	if (status != SPORE_OK || !upper) {
		err_set(err, "transport %s returned no stream: %s", instance->name,
		        status_text(status, text));
		return false;
	}
	missing = missing_slot(upper);
	if (missing) { /* the stream leaks, since it may lack close, too */
		err_set(err, "transport %s: its stream lacks the mandatory slot: %s",
		        instance->name, missing);
		return false;
	}
	stream_push(stream, upper, ops->flags & SPORE_TRANSPORTF_SECURE);
	return true;
}

bool transport_wrap(const struct plugin_set *set, struct stream *stream, uint32_t role,
                    const char *server_name, struct err *err)
{
	struct chain *chain = set->chains[CHAIN_TRANSPORT];
	spore_conn *conn = stream_conn(stream);

	stream_keep(stream, release_chain, chain_ref(chain));
	for (size_t i = 0; i < chain->n; i++) {
		spore_wrap_args args = {
			.struct_size = sizeof args,
			.role = role,
			.lower = stream_top(stream),
			.conn = conn,
			.peer = &conn->peer,
			.server_name = server_name,
		};

		if (!wrap_once(chain->items[i], stream, &args, err))
			return false;
	}
	return true;
}

static void give_ticket(struct stream *stream);

/* A part of the handshake has been done on another thread. Continues with a fresh ticket. */
static void on_ticket(void *arg, struct ticket_result *result)
{
	if (result->status != SPORE_OK) {
		stream_set_ticket(arg, 0, ticket_close);
		stream_fail(arg);
		return;
	}
	give_ticket(arg);
	stream_wake(arg);
}

static void give_ticket(struct stream *stream)
{
	stream_set_ticket(stream,
	                  ticket_open(stream_loop(stream), TICKET_HANDSHAKE, on_ticket, stream),
	                  ticket_close);
}

bool transport_open(struct stream *stream)
{
	if (stream_conn(stream)->n_layers > 1)
		give_ticket(stream);
	return stream_open(stream);
}
