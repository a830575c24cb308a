#include "quota/ahead.h"

#include <stdlib.h>

#include "quota/account.h"
#include "quota/limits.h"
#include "quota/source.h"

struct shelf {
	struct list nodes;            /* the one that was used last is at the end */
	struct server_worker *worker; /* borrowed; set once, before anything is free */
	atomic_uint n_free;           /* not reserved */
};

struct ahead_pass {
	struct ahead_pass *next; /* in its bucket */
	struct ahead_table *table;
	struct source *source;   /* ref */
	struct account *account; /* ref; under the table's lock */
	struct uuid id;
	unsigned most; /* connections that may wait under the pass: SLACK times those promised */
	atomic_uint waiting, refs;
	atomic_bool withdrawn;
	bool opens;
	unsigned n_shelves;
	struct shelf shelves[];
};

/* The client replaces a connection as soon as it is used. The server may count the new connection
 * before it stops counting the used one, so twice the promised number may wait. */
enum { SLACK = 2 };

void ahead_table_init(struct ahead_table *table)
{
	*table = (struct ahead_table){ 0 };
	pthread_mutex_init(&table->lock, NULL);
}

void ahead_table_fini(struct ahead_table *table)
{
	pthread_mutex_destroy(&table->lock);
}

static void pass_unref(struct ahead_pass *pass)
{
	if (atomic_fetch_sub(&pass->refs, 1) != 1)
		return;
	source_unref(pass->source);
	account_unref(pass->account);
	free(pass);
}

/* The caller holds the lock. Returns the link that points to the pass, or to NULL. */
static struct ahead_pass **find_pass(struct ahead_table *table, const struct uuid *id)
{
	struct ahead_pass **link = &table->buckets[id->bytes[0] % AHEAD_BUCKETS];

	while (*link && !uuid_equal(&(*link)->id, id))
		link = &(*link)->next;
	return link;
}

struct ahead_pass *ahead_issue(struct ahead_table *table, const struct ahead_terms *terms)
{
	unsigned n_shelves = terms->n_workers;
	struct ahead_pass *pass = calloc(1, sizeof *pass + n_shelves * sizeof *pass->shelves);

	if (!pass || !uuid_random(&pass->id)) {
		free(pass);
		return NULL;
	}
	pass->table = table;
	pass->source = source_ref(terms->source);
	pass->account = account_ref(terms->account);
	pass->most = SLACK * terms->n;
	atomic_init(&pass->refs, 1);
	pass->opens = terms->opens;
	pass->n_shelves = n_shelves;
	for (unsigned i = 0; i < n_shelves; i++)
		list_init(&pass->shelves[i].nodes);
	pthread_mutex_lock(&table->lock);
	*find_pass(table, &pass->id) = pass;
	pthread_mutex_unlock(&table->lock);
	return pass;
}

void ahead_change_account(struct ahead_pass *pass, struct account *account)
{
	struct account *old;

	if (!pass)
		return;
	pthread_mutex_lock(&pass->table->lock);
	old = pass->account;
	pass->account = account_ref(account);
	pthread_mutex_unlock(&pass->table->lock);
	account_unref(old);
}

struct account *ahead_account(struct ahead_table *table, const struct uuid *id)
{
	struct ahead_pass *pass;
	struct account *account;

	pthread_mutex_lock(&table->lock);
	pass = *find_pass(table, id);
	account = pass ? account_ref(pass->account) : NULL;
	pthread_mutex_unlock(&table->lock);
	return account;
}

void ahead_withdraw(struct ahead_pass *pass)
{
	if (!pass)
		return;
	pthread_mutex_lock(&pass->table->lock);
	*find_pass(pass->table, &pass->id) = pass->next;
	pthread_mutex_unlock(&pass->table->lock);
	atomic_store(&pass->withdrawn, true);
	pass_unref(pass);
}

const struct uuid *ahead_id(const struct ahead_pass *pass)
{
	return &pass->id;
}

bool ahead_opens(const struct ahead_pass *pass)
{
	return pass->opens;
}

bool ahead_is_withdrawn(const struct ahead_pass *pass)
{
	return atomic_load(&pass->withdrawn);
}

static void name_limit_of_pass(const struct ahead_pass *pass, const struct limits *limits,
                               struct limit_hit *hit_out)
{
	hit_out->most = pass->most / SLACK;
	hit_out->from = hit_out->most < limits->settings.max_ahead_per_tunnel
	                        ? "client.ahead of the client"
	                        : "limits.max_ahead_per_tunnel";
}

/* Counts the connection for all passes together, and for the source. False and *hit_out. */
static bool count_in_all(struct ahead_pass *pass, const struct limits *limits,
                         struct limit_hit *hit_out)
{
	unsigned most_of_source = (limits->ahead + 1) / 2;

	hit_out->from = "descriptors";
	if (!limit_take(&pass->table->waiting, limits->ahead)) {
		hit_out->most = limits->ahead;
		return false;
	}
	if (!source_add_ahead(pass->source, most_of_source)) {
		hit_out->most = most_of_source;
		atomic_fetch_sub(&pass->table->waiting, 1);
		return false;
	}
	return true;
}

/* False and *hit_out: there are too many; nothing is counted. */
static bool count_waiting(struct ahead_pass *pass, const struct limits *limits,
                          struct limit_hit *hit_out)
{
	if (!limit_take(&pass->waiting, pass->most)) {
		name_limit_of_pass(pass, limits, hit_out);
		return false;
	}
	if (!count_in_all(pass, limits, hit_out)) {
		atomic_fetch_sub(&pass->waiting, 1);
		return false;
	}
	return true;
}

struct ahead_pass *ahead_enter(struct ahead_table *table, const struct uuid *id,
                               const struct limits *limits, struct limit_hit *hit_out)
{
	struct ahead_pass *pass;

	*hit_out = (struct limit_hit){ .why = REFUSED_AHEAD };

	pthread_mutex_lock(&table->lock);
	pass = *find_pass(table, id);
	if (pass)
		atomic_fetch_add(&pass->refs, 1);
	pthread_mutex_unlock(&table->lock);
	if (pass && !count_waiting(pass, limits, hit_out)) {
		pass_unref(pass);
		return NULL;
	}
	return pass;
}

void ahead_leave(struct ahead_pass *pass)
{
	source_remove_ahead(pass->source);
	atomic_fetch_sub(&pass->table->waiting, 1);
	atomic_fetch_sub(&pass->waiting, 1);
	pass_unref(pass);
}

/* ---- the shelves ---- */

void ahead_shelve(struct ahead_pass *pass, unsigned index, struct server_worker *worker,
                  struct list *node)
{
	struct shelf *shelf = pass->shelves + index;

	list_append(&shelf->nodes, node);
	if (!shelf->worker) /* others may read it from then on */
		shelf->worker = worker;
	atomic_fetch_add(&shelf->n_free, 1);
}

/* If another thread has reserved it, that reservation finds nothing, or the next one. */
void ahead_unshelve(struct ahead_pass *pass, unsigned index, struct list *node)
{
	if (list_is_empty(node))
		return;
	list_remove(node);
	limit_give(&pass->shelves[index].n_free);
}

struct server_worker *ahead_reserve(struct ahead_pass *pass, unsigned first)
{
	for (unsigned i = 0; i < pass->n_shelves; i++) {
		struct shelf *shelf = &pass->shelves[(first + i) % pass->n_shelves];

		if (limit_give(&shelf->n_free)) {
			atomic_fetch_add(&pass->refs, 1);
			return shelf->worker;
		}
	}
	return NULL;
}

void ahead_return(struct ahead_pass *pass, unsigned index)
{
	atomic_fetch_add(&pass->shelves[index].n_free, 1);
	pass_unref(pass);
}

struct list *ahead_pick(struct ahead_pass *pass, unsigned index)
{
	struct list *nodes = &pass->shelves[index].nodes, *last = nodes->prev;
	bool is_empty = list_is_empty(nodes);

	if (!is_empty)
		list_remove(last);
	pass_unref(pass);
	return is_empty ? NULL : last;
}
