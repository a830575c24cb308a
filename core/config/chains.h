/* chains - the chains of plugin instances that a configuration has, one row each, and the reader of
 * their sections. [main] */
#ifndef CORE_CHAINS_H
#define CORE_CHAINS_H

#include <spore/plugin.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "option/table.h"

struct diag;
struct json;
struct json_doc;

enum chain_id {
	CHAIN_TRANSPORT,
	CHAIN_AUTH,
	CHAIN_ACL_CONTROL,
	CHAIN_ACL_PUBLIC,
	CHAIN_METRICS,
	CHAIN_EVENTS,
	CHAIN_CHECKS,
	N_CHAINS
};

/* The chains of each entry of the section "public". In all lists of chains they follow the N_CHAINS
 * others, entry by entry. */
enum public_chain_id { PUBLIC_TRANSPORT, PUBLIC_ACL, PUBLIC_ROUTE, PUBLIC_CHAINS };

struct chain_row {
	const char *pointer; /* of its section: "/acl/control", "/public[0]/acl" */
	uint32_t kind;       /* SPORE_KIND_* of its instances */
	uint32_t point;      /* SPORE_ACL_AT_*, SPORE_TRANSPORT_AT_*; else 0 */
	size_t max;          /* most instances; 0: no limit */
	bool needs_one;      /* a section that is given has at least one instance */
	bool exports;        /* its instances serve or send by themselves: a check does not start
	                      * them, and a reload ends the old ones once the new ones run */
};

extern const struct chain_row chain_rows[N_CHAINS], public_chain_rows[PUBLIC_CHAINS];

/* The position of this chain of an entry, which counts from 0. */
static inline size_t chain_of_entry(size_t entry, enum public_chain_id id)
{
	return N_CHAINS + entry * PUBLIC_CHAINS + id;
}

/* In place of the row of PUBLIC_TRANSPORT, for an entry with `listen_port`. */
extern const struct chain_row shared_transport_row;

/* The position of the transports on which the connections lie that the chain at `id` is about. */
static inline size_t chain_below(size_t id)
{
	return id < N_CHAINS ? (size_t)CHAIN_TRANSPORT
	                     : id - (id - N_CHAINS) % PUBLIC_CHAINS + PUBLIC_TRANSPORT;
}

/* The row of the section at this pointer, or NULL. */
const struct chain_row *chain_find(const char *pointer);

/* One entry of a section. */
struct config_instance {
	const char *use, *name;  /* name: derived from "use" if the operator gave none */
	bool continue_on_error;  /* "on_error": "next" */
	int64_t last_good_ms;    /* "on_error": "last_good": for how long; else 0 */
	int64_t queue;           /* events: how many may wait for the instance */
	const struct json *node; /* its object; the keys beside config_instance_keys are the
	                          * plugin's options */
};

/* Lives in the configuration's document. */
struct config_chain {
	const struct chain_row *row;
	const char *pointer; /* of its section: "/acl/control", "/public/3/acl" */
	const char *prefix;  /* of the names that its instances get; NULL: none */
	bool is_given;       /* the operator has written the section, perhaps without instances */
	struct config_instance *items;
	size_t n;
};

/* The bounds of "last_good_for", and its default, as in settings_instance. */
#define LAST_GOOD_MIN_MS     1
#define LAST_GOOD_MAX_MS     (30 * INT64_C(86400000))
#define LAST_GOOD_DEFAULT_MS INT64_C(3600000)

/* The row of "queue", whose field is in struct config_instance. */
extern const struct option_table chain_queue_table;

/* The bounds of "queue", and its default, as in chain_queue_table. */
#define QUEUE_MIN     1
#define QUEUE_MAX     1000000
#define QUEUE_DEFAULT 4096

/* Keys of an instance that are not options of its plugin: those of settings_instance.
 * NULL-ended. */
extern const char *const config_instance_keys[];

/* Reads a chain's section (NULL: an empty chain). The prefix of `out` is set already. Mistakes go
 * to the diag. */
void chain_read(const struct chain_row *row, struct json_doc *doc, const spore_cfg *section,
                struct config_chain *out, struct diag *diag);

#endif
