/* kind - the kinds of plugin components, one row each.
 *
 * The loader checks a component by its kind's row; the registry, the meter, the listings and the
 * reference take names, roles and flags from it. [any] */
#ifndef CORE_KIND_H
#define CORE_KIND_H

#include <spore/plugin.h>
#include <stdbool.h>

enum { KIND_MAX_SLOTS = 2 };

/* Indexes into a kind's slots. */
enum { AUTH_VERIFY, AUTH_ANSWER };
enum { TRANSPORT_WRAP };
enum { ACL_CHECK };
enum { EVENTS_TAKE };
enum { ROUTE_LOOK };
enum { CHECK_REQUEST, CHECK_JUDGE };

/* A mandatory function in a table. The host measures the calls of those in the kind's ops. */
struct kind_slot {
	const char *name; /* NULL ends the slots */
	size_t offset;    /* of the function pointer in the table */
	uint32_t roles;   /* SPORE_ROLE_*: the roles that need it */
};

/* A further table, to which the kind's ops point. All its slots are mandatory. */
struct kind_table {
	const char *name;              /* of the pointer; NULL: the kind has no such table */
	size_t offset;                 /* of the pointer in the kind's ops */
	uint32_t unless;               /* a bit of ops->flags; with it the pointer may be NULL */
	const struct kind_slot *slots; /* NULL-ended */
};

struct kind {
	const char *name; /* "auth": prefix of the file name, and the name shown to users */
	uint32_t id;      /* SPORE_KIND_* */
	uint32_t roles;   /* SPORE_ROLE_*: the processes that may run such a component */
	struct kind_slot slots[KIND_MAX_SLOTS]; /* none: the component needs no ops */
	struct kind_table table;
	const char *flag_name; /* of a bit of ops->flags that is shown to users; NULL: none */
	uint32_t flag;         /* that bit */
	uint32_t server_flag;  /* a component with this bit of ops->flags is for servers only */
	bool single_worker;    /* may have SPORE_COMPF_SINGLE_WORKER */
	bool on_error;         /* its instances have the key "on_error" in the configuration */
	bool queue;            /* its instances have the key "queue" */
};

extern const struct kind kind_rows[];
extern const size_t n_kind_rows;

/* NULL: this host does not know the kind. */
const struct kind *kind_find(uint32_t id);
/* "auth", "transport" ...; "unknown" for a kind that this host does not know. */
const char *kind_name(uint32_t id);
/* The component's ops have the slot. */
bool kind_has_slot(const spore_component *component, const struct kind_slot *slot);
/* The SPORE_ROLE_* that the component can serve: it has all slots that the role needs, and no flag
 * of another role. 0 for an unknown kind. */
uint32_t kind_roles(const spore_component *component);
/* What the kind's further table lacks, for example "stream_ops.shutdown"; NULL: nothing. The text
 * is in `out`, or constant. */
const char *kind_table_lack(const spore_component *component, char *out, size_t size);
/* The kind's flag is set in the component's ops. */
bool kind_has_flag(const spore_component *component);

#endif
