#include "chain/transport.h"

#include <string.h>

#include "base/clock.h"
#include "host/ticket.h"
#include "log/status.h"
#include "net/layer.h"
#include "thread/guest.h"

static const spore_transport_ops *ops_of(const struct instance *instance)
{
	return instance->component->ops;
}

unsigned transport_tellers(const struct chain *chain)
{
	unsigned n = 0;

	for (size_t i = 0; i < chain->n; i++) {
		if (ops_of(chain->items[i])->flags & SPORE_TRANSPORTF_TELLS_PEER)
			n++;
	}
	return n;
}

/* Can the transport's streams know something that it does not declare? */
static bool hides_facts(const spore_transport_ops *ops)
{
	return !SPORE_CAN(ops, attr_keys) && ops->stream_ops && SPORE_CAN(ops->stream_ops, attr);
}

static size_t count_keys(const spore_transport_ops *ops)
{
	size_t n = 0;

	while (SPORE_CAN(ops, attr_keys) && ops->attr_keys[n])
		n++;
	return n;
}

/* Can a stream of this instance have a value for the key, which its component declares? */
static bool may_know(const struct instance *instance, const char *key)
{
	const spore_transport_ops *ops = ops_of(instance);
	bool may;

	if (!SPORE_CAN(ops, may_know))
		return true;
	guest_enter(instance->name, "may_know");
	may = ops->may_know(instance->self, key) != 0;
	guest_leave();
	return may;
}

/* Sets conn_attrs to what the transports can tell about a connection. It stays NULL, which means
 * unknown, if a transport hides facts or memory is out. */
static void gather_facts(struct chain *chain, struct json_doc *doc)
{
	size_t n = 0, room = 1;

	for (size_t i = 0; i < chain->n; i++) {
		if (hides_facts(ops_of(chain->items[i])))
			return;
		room += count_keys(ops_of(chain->items[i]));
	}
	chain->conn_attrs = json_doc_alloc(doc, room * sizeof *chain->conn_attrs);
	for (size_t i = 0; chain->conn_attrs && i < chain->n; i++) {
		const spore_transport_ops *ops = ops_of(chain->items[i]);
		size_t n_keys = count_keys(ops);

		for (size_t k = 0; k < n_keys; k++) {
			if (may_know(chain->items[i], ops->attr_keys[k]))
				chain->conn_attrs[n++] = ops->attr_keys[k];
		}
	}
}

static bool may_be_secure(const struct instance *transport)
{
	const spore_transport_ops *ops = ops_of(transport);
	bool may = ops->flags & SPORE_TRANSPORTF_SECURE;

	if (!may || !SPORE_CAN(ops, may_be_secure))
		return may;
	guest_enter(transport->name, "may_be_secure");
	may = ops->may_be_secure(transport->self) != 0;
	guest_leave();
	return may;
}

static bool has_secure_transport(const struct chain *chain)
{
	for (size_t i = 0; i < chain->n; i++) {
		if (may_be_secure(chain->items[i]))
			return true;
	}
	return false;
}

void transport_look_at(struct chain *chain, struct json_doc *doc)
{
	gather_facts(chain, doc);
	chain->may_be_secure = has_secure_transport(chain);
}

bool transport_can_move(const struct instance *transport)
{
	const spore_stream_ops *stream = ops_of(transport)->stream_ops;

	return !stream || (SPORE_CAN(stream, detach) && SPORE_CAN(stream, attach));
}

static void release_chain(void *chain)
{
	chain_unref(chain);
}

/* True: the stream is the one below, or has the declared ops. False: its functions must not be
 * called, not even to close it. */
static bool is_declared(const spore_transport_ops *ops, const spore_stream *upper,
                        const spore_stream *lower)
{
	return upper == lower || (ops->stream_ops && upper->ops == ops->stream_ops);
}

static spore_status call_wrap(struct instance *instance, struct loop *loop,
                              const spore_wrap_args *args, spore_stream **upper_out)
{
	const spore_transport_ops *ops = ops_of(instance);
	int64_t began_ns = clock_ns();
	spore_status status;

	*upper_out = NULL;
	guest_enter(instance->name, "wrap");
	status = ops->wrap(instance_state(instance, loop), args, upper_out);
	guest_leave();
	meter_call(&instance->meter, loop, TRANSPORT_WRAP, began_ns);
	return status;
}

/* Puts a stream of this instance on top. False and *err. */
static bool wrap_once(struct instance *instance, struct stream *stream, const spore_wrap_args *args,
                      struct err *err)
{
	const spore_transport_ops *ops = ops_of(instance);
	const struct layer_origin origin = {
		.name = instance->name,
		.instance = instance,
		.pace = &instance->faults,
		.secure = ops->flags & SPORE_TRANSPORTF_SECURE,
	};
	spore_stream *upper;
	char text[STATUS_TEXT_SIZE];
	spore_status status = call_wrap(instance, stream_loop(stream), args, &upper);

	if (status != SPORE_OK || !upper) {
		err_set(err, "transport %s returned no stream: %s", instance->name,
		        status == SPORE_OK ? "wrap() returned SPORE_OK, but NULL"
		                           : status_text(status, text));
		return false;
	}
	if (!is_declared(ops, upper, args->lower)) {
		err_set(err,
		        "transport %s returned a stream whose ops are not its stream_ops: expected "
		        "these, or the lower stream",
		        instance->name);
		return false;
	}
	if (!stream_push(stream, upper, &origin)) {
		err_set(err, "transport %s: out of memory", instance->name);
		return false;
	}
	return true;
}

/* Asks one instance. False: it has named no place. */
static bool ask_for_place(const struct instance *instance, const struct loop *loop,
                          const spore_dial_args *args, spore_dial_place *place_out)
{
	const spore_transport_ops *ops = instance->component->ops;
	bool has_place;

	*place_out = (spore_dial_place){ .struct_size = sizeof *place_out };
	if (!SPORE_CAN(ops, dial))
		return false;
	guest_enter(instance->name, "dial");
	has_place = ops->dial(instance_state(instance, loop), args, place_out) != 0;
	guest_leave();
	return has_place;
}

static bool is_valid_place(const spore_dial_place *place)
{
	return place->host && *place->host && strnlen(place->host, 256) < 256 && place->port > 0 &&
	       place->port <= 65535;
}

bool transport_way(const struct plugin_set *set, const struct loop *loop, const char *server_name,
                   uint16_t server_port, struct transport_way *way_out, struct err *err)
{
	const struct chain *chain = set->chains[CHAIN_TRANSPORT];
	spore_dial_args args = { sizeof args, server_port, server_name };
	spore_dial_place place;

	*way_out = (struct transport_way){ server_name, server_port, NULL };
	for (size_t i = 0; i < chain->n; i++) {
		const char *name = chain->items[i]->name;

		if (!ask_for_place(chain->items[i], loop, &args, &place))
			continue;
		if (!is_valid_place(&place) || way_out->by) {
			err_set(err,
			        way_out->by
			                ? "transports %s and %s both name a place to connect "
			                  "to: expected one"
			                : "transport %s has named no valid place to connect to%s",
			        way_out->by ? way_out->by : name, way_out->by ? name : "");
			return false;
		}
		*way_out = (struct transport_way){ place.host, (uint16_t)place.port, name };
	}
	return true;
}

bool transport_wrap(struct chain *chain, struct stream *stream, uint32_t role,
                    const char *server_name, uint16_t server_port, struct err *err)
{
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
			.fd = stream_fd(stream),
			.server_port = server_port,
		};

		if (!wrap_once(chain->items[i], stream, &args, err))
			return false;
	}
	return true;
}

static void give_ticket(struct stream *stream);

/* The plugin has completed a part of the handshake. The next part gets a ticket of its own. */
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
	if (!stream_is_bare(stream))
		give_ticket(stream);
	return stream_open(stream);
}

static void *state_on(const void *instance, const struct loop *loop)
{
	return instance_state(instance, loop);
}

enum stream_io transport_detach(struct stream *stream)
{
	return stream_detach(stream, state_on);
}

bool transport_attach(struct stream *stream, struct loop *loop)
{
	return stream_attach(stream, loop, state_on);
}
