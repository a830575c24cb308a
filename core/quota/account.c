#include "quota/account.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/container.h"
#include "host/instance.h"
#include "log/log.h"
#include "log/pace.h"
#include "quota/limits.h"
#include "quota/source.h"

struct client_trace {
	atomic_uint refs;
	atomic_bool is_lost, is_barred;
	struct announcer *announcer; /* borrowed; NULL: no tunnel is open */
	struct share *share;         /* ref; NULL: none */
	void (*unref_share)(struct share *share);
	unsigned place; /* in the share */
	atomic_bool is_closed;
	struct trouble unserved;
	atomic_uint inside, expected, offered;               /* visitors, of all these accounts */
	atomic_uint_fast64_t bytes_up, bytes_down, visitors; /* of all these accounts */
};

void principal_table_init(struct principal_table *table, unsigned n_workers)
{
	usage_table_init(&table->usage, n_workers, clock_wall_ms());
	pthread_mutex_init(&table->lock, NULL);
	table->first = NULL;
	atomic_init(&table->tunnels, 0);
	atomic_init(&table->visitors, 0);
	atomic_init(&table->losses, 0);
}

void principal_table_fini(struct principal_table *table)
{
	pthread_mutex_destroy(&table->lock);
	usage_table_fini(&table->usage);
}

/* The caller holds the lock. Returns a reference; NULL: out of memory. */
static struct principal *get_principal(struct principal_table *table, struct instance *by,
                                       uint64_t session)
{
	struct principal *p;

	for (p = table->first; p; p = p->next) {
		if (p->by == by && p->session == session)
			break;
	}
	if (!p) {
		p = calloc(1, sizeof *p);
		if (!p)
			return NULL;
		p->by = instance_ref(by);
		p->session = session;
		list_init(&p->standing);
		p->next = table->first;
		table->first = p;
	}
	p->refs++;
	return p;
}

/* The caller holds the lock. */
static void release_principal(struct principal_table *table, struct principal *p)
{
	struct principal **link = &table->first;

	if (--p->refs > 0)
		return;
	while (*link != p)
		link = &(*link)->next;
	*link = p->next;
	instance_unref(p->by);
	free(p);
}

static struct limit_hit limit_of_policy(enum refusal why, const struct instance *by, int64_t most,
                                        const char *from)
{
	return (struct limit_hit){
		.why = why, .most = most, .from = from, .plugin = by ? by->name : NULL
	};
}

/* The limit on the tunnels of the whole server. */
static struct limit_hit tunnels_in_all(const struct limits *limits)
{
	struct limit_hit hit = { .why = REFUSED_TOO_MANY_TUNNELS };
	unsigned wanted = limit_of(limits->settings.max_tunnels);

	hit.most = limits_most_tunnels(limits);
	hit.from = "descriptors";
	if (hit.most > wanted) {
		hit.most = wanted;
		hit.from = "limits.max_tunnels";
	}
	return hit;
}

/* Does the grant allow the principal no further tunnel? A tunnel that moves from the principal
 * `former` is not counted, since it leaves that one. */
static bool is_full(const struct principal *p, const struct grant *grant,
                    const struct principal *former)
{
	unsigned tunnels = p == former ? p->tunnels - 1 : p->tunnels;

	return grant && grant->fields & SPORE_AUTH_F_MAX_TUNNELS && tunnels >= grant->max_tunnels;
}

/* The caller holds the lock. in_all: the limit of the whole server; NULL: none. False: *hit_out is
 * the limit that is reached. */
static bool may_add_tunnel(const struct principal_table *table, const struct principal *p,
                           const struct grant *grant, const struct limit_hit *in_all,
                           const struct principal *former, struct limit_hit *hit_out)
{
	if (in_all && atomic_load(&table->tunnels) >= in_all->most) {
		*hit_out = *in_all;
		return false;
	}
	if (is_full(p, grant, former)) {
		*hit_out = limit_of_policy(REFUSED_TOO_MANY_TUNNELS, p->by, grant->max_tunnels,
		                           "max_tunnels of the identity");
		return false;
	}
	return true;
}

/* Counts one more tunnel for the principal, if may_add_tunnel allows it. Returns a reference to the
 * principal. NULL: it is not allowed, which *hit_out says, or memory is out. */
static struct principal *add_tunnel(struct principal_table *table, struct instance *by,
                                    const struct grant *grant, const struct limit_hit *in_all,
                                    const struct principal *former, struct limit_hit *hit_out)
{
	struct principal *p;

	pthread_mutex_lock(&table->lock);
	p = get_principal(table, by, grant ? grant->session : 0);
	if (p && !may_add_tunnel(table, p, grant, in_all, former, hit_out)) {
		release_principal(table, p);
		p = NULL;
	}
	if (p) {
		p->tunnels++;
		atomic_fetch_add(&table->tunnels, 1);
	}
	pthread_mutex_unlock(&table->lock);
	return p;
}

/* Returns one more reference to the trace, or to a new one if it is NULL. NULL: out of memory. */
static struct client_trace *get_trace(struct client_trace *trace)
{
	if (!trace && (trace = calloc(1, sizeof *trace)))
		trouble_init(&trace->unserved);
	if (trace)
		atomic_fetch_add_explicit(&trace->refs, 1, memory_order_relaxed);
	return trace;
}

static void release_trace(struct client_trace *trace)
{
	if (!trace || atomic_fetch_sub_explicit(&trace->refs, 1, memory_order_acq_rel) > 1)
		return;
	if (trace->share)
		trace->unref_share(trace->share);
	trouble_fini(&trace->unserved);
	free(trace);
}

/* The value of a setting or of a limit that the grant sets. */
static int64_t term_of(const struct grant *grant, uint32_t field, uint64_t granted, int64_t setting)
{
	return grant && grant->fields & field ? (int64_t)granted : setting;
}

/* Like term_of, but for limits on bytes: 0 means "no limit" in a setting, and "nothing" in a
 * grant. */
static uint64_t bytes_of(const struct grant *grant, uint32_t field, uint64_t granted,
                         int64_t setting)
{
	if (grant && grant->fields & field)
		return granted;
	return setting ? (uint64_t)setting : USE_UNLIMITED;
}

void account_limit_use(struct account *account, const struct limits *limits)
{
	const struct limit_settings *all = &limits->settings;
	const struct grant *grant = account->grant;
	static const struct grant none = { 0 };
	const struct grant *own = grant ? grant : &none;
	struct use_terms terms = {
		.rates = { (uint64_t)term_of(grant, SPORE_AUTH_F_RATE_UP, own->rate_up,
		                             all->rate_up),
		           (uint64_t)term_of(grant, SPORE_AUTH_F_RATE_DOWN, own->rate_down,
		                             all->rate_down) },
		.bytes = { bytes_of(grant, SPORE_AUTH_F_BYTES_PER_DAY, own->bytes_per_day,
		                    all->bytes_per_day),
		           bytes_of(grant, SPORE_AUTH_F_BYTES_PER_MONTH, own->bytes_per_month,
		                    all->bytes_per_month) },
		.visitors_per_second = term_of(
			grant, SPORE_AUTH_F_VISITORS_PER_SECOND, own->visitors_per_second,
			all->visitors_per_second ? all->visitors_per_second : -1),
	};

	if (!usage_limit(&account->table->usage, account->usage, &account->claim, &terms))
		log_error("the limits on use have not changed: out of memory",
		          log_str("identity", account->identity));
}

/* Makes the account of a new tunnel, or of one that moves here from the account `former`. The
 * source has counted the tunnel already. NULL and *hit_out. */
static struct account *make_account(struct principal_table *table, struct source *source,
                                    const struct limits *limits, struct instance *by,
                                    struct grant *grant, const struct limit_hit *in_all,
                                    const struct account *former, struct limit_hit *hit_out)
{
	struct account *account = calloc(1, sizeof *account);

	*hit_out = (struct limit_hit){ .why = REFUSED_NO_MEMORY };
	if (!account)
		return NULL;
	account->trace = get_trace(former ? former->trace : NULL);
	account->identity = strdup(grant ? grant->identity : "");
	if (account->identity)
		account->usage = usage_get(&table->usage, account->identity);
	if (account->trace && account->usage)
		account->principal = add_tunnel(table, by, grant, in_all,
		                                former ? former->principal : NULL, hit_out);
	if (!account->principal) {
		release_trace(account->trace);
		usage_put(&table->usage, account->usage);
		free(account->identity);
		free(account);
		return NULL;
	}
	atomic_init(&account->refs, 1);
	list_init(&account->node);
	account->table = table;
	account->source = source_ref(source);
	account->grant = grant;
	account_limit_use(account, limits);
	return account;
}

struct account *account_open(struct principal_table *table, struct source *source,
                             const struct limits *limits, struct instance *by, struct grant *grant,
                             struct limit_hit *hit_out)
{
	struct limit_hit in_all = tunnels_in_all(limits);
	struct account *account;

	if (!source_add_tunnel(source, limits)) {
		*hit_out = limits_of_source(limits, REFUSED_SOURCE_TUNNELS);
		return NULL;
	}
	account = make_account(table, source, limits, by, grant, &in_all, NULL, hit_out);
	if (!account)
		source_remove_tunnel(source);
	return account;
}

/* The tunnel no longer belongs to the account, but still counts for the source. */
static void detach_tunnel(struct account *account)
{
	pthread_mutex_lock(&account->table->lock);
	account->principal->tunnels--;
	atomic_fetch_sub(&account->table->tunnels, 1);
	list_remove(&account->node);
	pthread_mutex_unlock(&account->table->lock);
	atomic_store(&account->left, true);
}

struct account *account_succeed(struct account *account, const struct limits *limits,
                                struct instance *by, struct grant *grant, struct limit_hit *hit_out)
{
	struct account *successor = make_account(account->table, account->source, limits, by, grant,
	                                         NULL, account, hit_out);

	if (!successor)
		return NULL;
	successor->id = account->id;
	account_stand(successor, account->home, account->port);
	/* The limits of before also end for its relays, unless they count for another identity. */
	if (successor->usage == account->usage)
		usage_drop(&account->table->usage, account->usage, &account->claim);
	detach_tunnel(account);
	account_unref(account);
	return successor;
}

void account_stand(struct account *account, struct server_worker *home, uint16_t port)
{
	pthread_mutex_lock(&account->table->lock);
	account->home = home;
	account->port = port;
	list_append(&account->principal->standing, &account->node);
	pthread_mutex_unlock(&account->table->lock);
}

/* The caller holds the lock. */
static struct server_worker *home_of_port(const struct principal *p, uint16_t port)
{
	for (struct list *i = p->standing.next; i != &p->standing; i = i->next) {
		const struct account *account = CONTAINER_OF(i, struct account, node);

		if (account->port == port)
			return account->home;
	}
	return NULL;
}

struct server_worker *account_holder(struct principal_table *table, const struct instance *by,
                                     uint64_t session, uint16_t port)
{
	struct server_worker *home = NULL;

	pthread_mutex_lock(&table->lock);
	for (struct principal *p = table->first; p && !home; p = p->next) {
		if (p->by == by && p->session == session)
			home = home_of_port(p, port);
	}
	pthread_mutex_unlock(&table->lock);
	return home;
}

bool account_port_is_held(struct principal_table *table, uint16_t port)
{
	bool is_held = false;

	pthread_mutex_lock(&table->lock);
	for (struct principal *p = table->first; p && !is_held; p = p->next)
		is_held = home_of_port(p, port) != NULL;
	pthread_mutex_unlock(&table->lock);
	return is_held;
}

bool account_lacks_descriptors(const struct principal_table *table, const struct limits *limits)
{
	return atomic_load(&table->tunnels) >= limits_most_tunnels(limits);
}

void account_close_tunnel(struct account *account)
{
	detach_tunnel(account);
	source_remove_tunnel(account->source);
	account_unref(account);
}

void account_renew(struct account *account, const struct limits *limits, struct grant *grant)
{
	grant->session = account->grant->session;
	grant_free(account->grant);
	account->grant = grant;
	account_limit_use(account, limits);
}

void account_lose_client(struct account *account)
{
	atomic_store(&account->trace->is_lost, true);
	atomic_fetch_add(&account->table->losses, 1);
}

bool account_carry(struct account *account, uint64_t up, uint64_t down)
{
	atomic_fetch_add(&account->bytes_up, up);
	atomic_fetch_add(&account->bytes_down, down);
	atomic_fetch_add(&account->trace->bytes_up, up);
	atomic_fetch_add(&account->trace->bytes_down, down);
	return usage_carry(&account->table->usage, account->usage, up + down);
}

struct account_total account_total(const struct account *account)
{
	const struct client_trace *trace = account->trace;

	return (struct account_total){ atomic_load(&trace->bytes_up),
		                       atomic_load(&trace->bytes_down),
		                       atomic_load(&trace->visitors) };
}

bool account_has_lost_client(const struct account *account)
{
	return atomic_load(&account->trace->is_lost);
}

struct trouble *account_unserved(const struct account *account)
{
	return &account->trace->unserved;
}

void account_set_announcer(struct account *account, struct announcer *announcer)
{
	account->trace->announcer = announcer;
}

struct announcer *account_announcer(const struct account *account)
{
	return account->trace->announcer;
}

void account_bar_client(struct account *account)
{
	atomic_store(&account->trace->is_barred, true);
}

bool account_has_barred_client(const struct account *account)
{
	return atomic_load(&account->trace->is_barred);
}

void account_set_share(struct account *account, struct share *share, unsigned place,
                       void (*unref)(struct share *share))
{
	account->trace->share = share;
	account->trace->unref_share = unref;
	account->trace->place = place;
}

struct share *account_share(const struct account *account)
{
	return account->trace->share;
}

unsigned account_place(const struct account *account)
{
	return account->trace->place;
}

void account_set_closed(struct account *account)
{
	atomic_store(&account->trace->is_closed, true);
}

bool account_is_closed(const struct account *account)
{
	return atomic_load(&account->trace->is_closed);
}

bool account_is_of_tunnel_of(const struct account *account, const struct account *other)
{
	return account->trace == other->trace;
}

void account_expect(struct account *account, int delta)
{
	atomic_fetch_add(&account->trace->expected, (unsigned)delta);
}

void account_offer(struct account *account, int delta)
{
	atomic_fetch_add(&account->trace->offered, (unsigned)delta);
}

unsigned account_load(const struct account *account)
{
	return atomic_load(&account->trace->inside) + atomic_load(&account->trace->expected);
}

unsigned account_waiting(const struct account *account)
{
	return atomic_load(&account->pending) + atomic_load(&account->trace->expected);
}

bool account_is_settled(const struct account *account)
{
	const struct client_trace *trace = account->trace;

	return atomic_load(&trace->expected) == 0 && atomic_load(&trace->offered) == 0 &&
	       atomic_load(&account->pending) == 0;
}

struct account *account_ref(struct account *account)
{
	atomic_fetch_add_explicit(&account->refs, 1, memory_order_relaxed);
	return account;
}

void account_unref(struct account *account)
{
	if (atomic_fetch_sub_explicit(&account->refs, 1, memory_order_acq_rel) > 1)
		return;
	pthread_mutex_lock(&account->table->lock);
	release_principal(account->table, account->principal);
	pthread_mutex_unlock(&account->table->lock);
	usage_drop(&account->table->usage, account->usage, &account->claim);
	usage_put(&account->table->usage, account->usage);
	release_trace(account->trace);
	source_unref(account->source);
	grant_free(account->grant);
	free(account->identity);
	free(account);
}

struct limit_hit account_limit_in_all(const struct principal_table *table,
                                      const struct limits *limits)
{
	unsigned most = limit_of(limits->settings.max_relays);
	unsigned tunnels = atomic_load(&table->tunnels);
	unsigned room = limits->places > tunnels ? limits->places - tunnels : 0;
	struct limit_hit hit = { .why = REFUSED_DESCRIPTORS, .most = room, .from = "descriptors" };

	if (most <= room) {
		hit.why = REFUSED_SERVER_FULL;
		hit.most = most;
		hit.from = "limits.max_relays";
	}
	return hit;
}

/* What the account claims itself of one limit. */
static uint64_t claimed(const struct account *account, uint32_t field)
{
	static const struct use_terms none = { .bytes = { USE_UNLIMITED, USE_UNLIMITED },
		                               .visitors_per_second = -1 };
	const struct use_terms *terms = account->claim ? &account->claim->terms : &none;

	if (field == SPORE_AUTH_F_VISITORS_PER_SECOND)
		return (uint64_t)terms->visitors_per_second;
	return terms->bytes[field == SPORE_AUTH_F_BYTES_PER_DAY ? USE_DAY : USE_MONTH];
}

/* A limit of the identity: its policy's, the server's, or that of another client. */
static struct limit_hit limit_of_use(const struct account *account, uint32_t field, uint64_t most,
                                     enum refusal why)
{
	static const struct {
		uint32_t field;
		const char *own, *all, *others;
	} names[] = {
		{ SPORE_AUTH_F_BYTES_PER_DAY, "bytes_per_day of the identity",
		  "limits.bytes_per_day", "bytes_per_day of another client of the identity" },
		{ SPORE_AUTH_F_BYTES_PER_MONTH, "bytes_per_month of the identity",
		  "limits.bytes_per_month", "bytes_per_month of another client of the identity" },
		{ SPORE_AUTH_F_VISITORS_PER_SECOND, "visitors_per_second of the identity",
		  "limits.visitors_per_second",
		  "visitors_per_second of another client of the identity" },
	};
	struct limit_hit hit = { .why = why, .most = (int64_t)most };
	size_t i = 0;

	while (names[i].field != field)
		i++;
	hit.from = names[i].others;
	if (claimed(account, field) != most)
		return hit;
	if (account->grant && account->grant->fields & field)
		return limit_of_policy(why, account->principal->by, hit.most, names[i].own);
	hit.from = names[i].all;
	return hit;
}

static struct limit_hit limit_of_bytes(const struct account *account)
{
	enum use_period period = usage_exhausted(account->usage);

	if (period == USE_PERIODS) /* another day has begun meanwhile */
		return (struct limit_hit){ .why = REFUSED_USED_UP };
	return limit_of_use(account,
	                    period == USE_DAY ? SPORE_AUTH_F_BYTES_PER_DAY
	                                      : SPORE_AUTH_F_BYTES_PER_MONTH,
	                    atomic_load(&account->usage->allowed[period]), REFUSED_USED_UP);
}

struct limit_hit account_limit(const struct account *account, const struct limits *limits,
                               enum refusal why)
{
	switch (why) {
	case REFUSED_SERVER_FULL:
	case REFUSED_DESCRIPTORS:
		return account_limit_in_all(account->table, limits);
	case REFUSED_CLIENT_FULL:
		return limit_of_policy(why, account->principal->by, account->grant->max_conns,
		                       "max_conns of the identity");
	case REFUSED_CLIENT_PACE:
		return limit_of_use(account, SPORE_AUTH_F_VISITORS_PER_SECOND,
		                    (uint64_t)atomic_load(&account->usage->visitors_per_second),
		                    why);
	case REFUSED_USED_UP:
		return limit_of_bytes(account);
	default:
		return limits_of_source(limits, why);
	}
}

struct limit_hit account_life(const struct account *account)
{
	const struct grant *grant = account->grant;
	struct limit_hit hit = limit_of_policy(REFUSED_LIFE_OVER, account->principal->by,
	                                       grant ? grant->life_ms : 0, "life of the identity");

	hit.is_time = true;
	return hit;
}

static void count_visitor(struct account *account)
{
	atomic_fetch_add_explicit(&account->visitors, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&account->trace->visitors, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&account->inside, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&account->trace->inside, 1, memory_order_relaxed);
}

static void uncount_visitor(struct account *account)
{
	atomic_fetch_sub_explicit(&account->inside, 1, memory_order_relaxed);
	atomic_fetch_sub_explicit(&account->trace->inside, 1, memory_order_relaxed);
	atomic_fetch_sub(&account->principal->conns, 1);
}

/* Counts one more visitor of the principal. False: it has as many as it may have. */
static bool take_conn(struct account *account)
{
	const struct grant *grant = account->grant;
	bool is_bounded = grant && grant->fields & SPORE_AUTH_F_MAX_CONNS;

	return limit_take(&account->principal->conns, is_bounded ? grant->max_conns : UINT_MAX);
}

bool account_enter(struct account *account, struct source *source, const struct limits *limits,
                   enum refusal *why_out)
{
	struct limit_hit in_all = account_limit_in_all(account->table, limits);
	int64_t now_ms = clock_ms();

	if (source && !source_add_visitor(source, limits, now_ms, why_out))
		return false;
	if (!usage_admit(account->usage, now_ms, why_out)) {
		source_remove_visitor(source);
		return false;
	}
	if (!take_conn(account)) {
		source_remove_visitor(source);
		*why_out = REFUSED_CLIENT_FULL;
		return false;
	}
	if (!limit_take(&account->table->visitors, (unsigned)in_all.most)) {
		atomic_fetch_sub(&account->principal->conns, 1);
		source_remove_visitor(source);
		*why_out = in_all.why;
		return false;
	}
	count_visitor(account);
	return true;
}

bool account_adopt(struct account *account, struct account *former, enum refusal *why_out)
{
	if (account->principal != former->principal) {
		if (!take_conn(account)) {
			*why_out = REFUSED_CLIENT_FULL;
			return false;
		}
		atomic_fetch_sub(&former->principal->conns, 1);
	}
	atomic_fetch_add_explicit(&account->visitors, 1, memory_order_relaxed);
	atomic_fetch_add_explicit(&account->inside, 1, memory_order_relaxed);
	atomic_fetch_sub_explicit(&former->visitors, 1, memory_order_relaxed);
	atomic_fetch_sub_explicit(&former->inside, 1, memory_order_relaxed);
	return true;
}

void account_leave(struct account *account, struct source *source)
{
	uncount_visitor(account);
	atomic_fetch_sub(&account->table->visitors, 1);
	source_remove_visitor(source);
	source_unref(source);
}

void account_move_visitor(struct account *from, struct account *to)
{
	atomic_fetch_add(&to->principal->conns, 1);
	count_visitor(to);
	uncount_visitor(from);
}

const char *account_identity(const struct account *account)
{
	return account->identity;
}

bool account_belongs_to(const struct account *account, const struct instance *by, uint64_t session)
{
	return account->principal->by == by && account->principal->session == session;
}
