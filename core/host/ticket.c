#include "host/ticket.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#include "base/container.h"
#include "base/slab.h"
#include "loop/loop.h"

struct operation {
	bool completed; /* but not delivered yet */
	enum ticket_kind kind;
	ticket_fn on_done;
	void *arg;
	atomic_bool *watch; /* of the asker: set once completed; NULL: it does not watch */
};

struct ticket_table {
	pthread_mutex_t lock;   /* held only for a few instructions */
	struct loop *loop;      /* borrowed: outlives the table */
	struct slab operations; /* a ticket is a number of this slab */
};

struct delivery {
	struct loop_task task;
	spore_ticket ticket;
	struct ticket_result result;
};

/* Global, since the ABI's complete_*() functions get only the ticket's number. */
static struct ticket_table *tables;
static unsigned n_tables;

static struct ticket_table *table_of(spore_ticket ticket)
{
	uint32_t tag = slab_tag(ticket);

	return tag >= 1 && tag <= n_tables ? &tables[tag - 1] : NULL;
}

bool ticket_tables_new(struct loop *const *loops, unsigned n)
{
	tables = calloc(n, sizeof *tables);
	if (!tables)
		return false;
	for (unsigned i = 0; i < n; i++) {
		pthread_mutex_init(&tables[i].lock, NULL);
		slab_init(&tables[i].operations, sizeof(struct operation), i + 1);
		tables[i].loop = loops[i];
	}
	n_tables = n;
	return true;
}

void ticket_tables_free(void)
{
	for (unsigned i = 0; i < n_tables; i++) {
		pthread_mutex_destroy(&tables[i].lock);
		slab_fini(&tables[i].operations);
	}
	free(tables);
	tables = NULL;
	n_tables = 0;
}

spore_ticket ticket_open(struct loop *loop, enum ticket_kind kind, ticket_fn on_done, void *arg)
{
	struct ticket_table *table = &tables[loop_index(loop)];
	struct operation *operation;
	spore_ticket ticket = 0;

	pthread_mutex_lock(&table->lock);
	operation = slab_take(&table->operations, &ticket);
	if (operation)
		*operation = (struct operation){ .kind = kind, .on_done = on_done, .arg = arg };
	pthread_mutex_unlock(&table->lock);
	return ticket;
}

void ticket_watch(spore_ticket ticket, atomic_bool *completed)
{
	struct ticket_table *table = table_of(ticket);
	struct operation *operation;

	pthread_mutex_lock(&table->lock);
	operation = slab_find(&table->operations, ticket);
	if (operation)
		operation->watch = completed;
	pthread_mutex_unlock(&table->lock);
}

bool ticket_redirect(spore_ticket ticket, ticket_fn on_done, void *arg)
{
	struct ticket_table *table = table_of(ticket);
	struct operation *operation;
	bool on_its_way;

	pthread_mutex_lock(&table->lock);
	operation = slab_find(&table->operations, ticket);
	on_its_way = operation && operation->completed;
	if (on_its_way) {
		operation->on_done = on_done;
		operation->arg = arg;
	} else if (operation) {
		slab_give(&table->operations, operation);
	}
	pthread_mutex_unlock(&table->lock);
	return on_its_way;
}

void ticket_close(spore_ticket ticket)
{
	struct ticket_table *table = table_of(ticket);
	struct operation *operation;

	if (!table)
		return;
	pthread_mutex_lock(&table->lock);
	operation = slab_find(&table->operations, ticket);
	if (operation)
		slab_give(&table->operations, operation);
	pthread_mutex_unlock(&table->lock);
}

bool ticket_is_open(spore_ticket ticket)
{
	struct ticket_table *table = table_of(ticket);
	struct operation *operation;
	bool open;

	if (!table)
		return false;
	pthread_mutex_lock(&table->lock);
	operation = slab_find(&table->operations, ticket);
	open = operation && !operation->completed;
	pthread_mutex_unlock(&table->lock);
	return open;
}

static void run_delivery(struct loop_task *task)
{
	struct delivery *delivery = CONTAINER_OF(task, struct delivery, task);
	struct ticket_table *table = table_of(delivery->ticket);
	struct operation *operation, done = { 0 };

	pthread_mutex_lock(&table->lock);
	operation = slab_find(&table->operations, delivery->ticket);
	if (operation) {
		done = *operation;
		slab_give(&table->operations, operation);
	}
	pthread_mutex_unlock(&table->lock);
	if (done.on_done)
		done.on_done(done.arg, &delivery->result);
	else
		grant_free(delivery->result.grant);
	free(delivery);
}

/* SPORE_OK: from now on the operation only waits for the delivery of its result. Otherwise returns
 * SPORE_ESTALE or SPORE_EINVAL, as ticket_complete. */
static spore_status mark_completed(struct ticket_table *table, spore_ticket ticket,
                                   enum ticket_kind kind)
{
	spore_status status = SPORE_ESTALE;
	struct operation *operation;

	pthread_mutex_lock(&table->lock);
	operation = slab_find(&table->operations, ticket);
	if (operation && operation->kind != kind) {
		status = SPORE_EINVAL;
	} else if (operation && !operation->completed) {
		operation->completed = true;
		if (operation->watch)
			atomic_store(operation->watch, true);
		status = SPORE_OK;
	}
	pthread_mutex_unlock(&table->lock);
	return status;
}

spore_status ticket_complete(spore_ticket ticket, enum ticket_kind kind,
                             const struct ticket_result *result)
{
	struct ticket_table *table = table_of(ticket);
	struct delivery *delivery = calloc(1, sizeof *delivery);
	spore_status status;

	if (!delivery) {
		grant_free(result->grant);
		return SPORE_ENOMEM;
	}
	delivery->task.run = run_delivery;
	delivery->ticket = ticket;
	delivery->result = *result;
	delivery->result.made = ticks_own();
	status = table ? mark_completed(table, ticket, kind) : SPORE_ESTALE;
	if (status == SPORE_OK) {
		loop_post(table->loop, &delivery->task);
		return SPORE_OK;
	}
	grant_free(delivery->result.grant);
	free(delivery);
	return status;
}
