/* order - the way from the tunnels that a client has to those of another configuration: which of
 * them end, which go on, and which begin. Main makes an order, and each worker takes it once. */
#ifndef CORE_CLIENT_ORDER_H
#define CORE_CLIENT_ORDER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "client/client_tunnel.h"

struct client;
struct plugin_set;

enum step_kind { STEP_LEAVE, STEP_USE, STEP_JOIN };

struct step {
	enum step_kind kind;
	struct client_tunnel *tunnel;           /* borrowed by main, while a worker has it */
	const struct tunnel_settings *settings; /* of the set; not of STEP_LEAVE */
	struct client_tunnel *before;           /* of STEP_JOIN: it ends, and the tunnel goes on */
	bool is_renamed;                        /* of STEP_USE */
};

/* The tunnels that end are before those that begin. The others and those are in the order of the
 * configuration. */
struct order {
	struct client *client;  /* borrowed */
	struct plugin_set *set; /* ref */
	atomic_uint refs;       /* main's, and one of each worker */
	bool is_first;          /* the client starts */
	size_t n;
	struct step steps[];
};

/* All is borrowed for the call, and the tunnels outlive the order. */
struct order_terms {
	struct client *client;
	struct plugin_set *set;                /* the next one; the order takes a reference */
	const spore_list *now;                 /* of struct tunnel_settings: what there is */
	struct client_tunnel *const *tunnels;  /* one for each of `now` */
	const struct client_tunnel_spec *spec; /* of new tunnels, but for config and settings */
};

/* Makes the new tunnels. NULL: out of memory. [main] */
struct order *order_plan(const struct order_terms *terms);
/* Frees an order that no worker gets, with the tunnels that were made for it. [main] */
void order_drop(struct order *order);
/* Gives one of the references back. [any] */
void order_release(struct order *order);

#endif
