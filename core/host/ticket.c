#include "host/ticket.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/container.h"
#include "loop/loop.h"

enum slot_state { FREE, OPEN, DONE /* completed, but not yet delivered */ };

struct slot {
	uint32_t generation;
	uint8_t state, kind;
	uint32_t next_free;
	ticket_fn on_done;
	void *arg;
	atomic_bool *completed; /* of the asker; NULL: it does not watch */
};

struct ticket_table {
	pthread_mutex_t lock; /* held only for a few instructions */
	struct loop *loop;    /* borrowed: outlives the table */
	struct slot *slots;
	uint32_t n_slots, first_free; /* slot numbers begin at 1; 0: none */
};

struct delivery {
	struct loop_task task;
	spore_ticket ticket;
	struct ticket_result result;
};

/* Global, since the ABI's complete_*() functions get only the ticket's number. */
static struct ticket_table *tables;
static unsigned n_tables;

/* worker + 1 (10 bits), slot (22 bits), generation (32 bits) */
static spore_ticket compose(unsigned worker, uint32_t slot, uint32_t generation)
{
	return (uint64_t)(worker + 1) << 54 | (uint64_t)slot << 32 | generation;
}

static struct ticket_table *table_of(spore_ticket ticket)
{
	uint64_t worker = ticket >> 54;

	return worker >= 1 && worker <= n_tables ? &tables[worker - 1] : NULL;
}

/* The slot of a ticket that is open or done, else NULL. The lock is held. */
static struct slot *slot_of(struct ticket_table *table, spore_ticket ticket)
{
	uint32_t number = (uint32_t)(ticket >> 32) & 0x3FFFFF;
	struct slot *slot;

	if (number == 0 || number > table->n_slots)
		return NULL;
	slot = &table->slots[number - 1];
	return slot->state != FREE && slot->generation == (uint32_t)ticket ? slot : NULL;
}

/* The lock is held. */
static void release_slot(struct ticket_table *table, struct slot *slot)
{
	slot->state = FREE;
	slot->generation++;
	slot->next_free = table->first_free;
	table->first_free = (uint32_t)(slot - table->slots) + 1;
}

bool ticket_tables_new(struct loop *const *loops, unsigned n)
{
	tables = calloc(n, sizeof *tables);
	if (!tables)
		return false;
	for (unsigned i = 0; i < n; i++) {
		pthread_mutex_init(&tables[i].lock, NULL);
		tables[i].loop = loops[i];
	}
	n_tables = n;
	return true;
}

void ticket_tables_free(void)
{
	for (unsigned i = 0; i < n_tables; i++) {
		pthread_mutex_destroy(&tables[i].lock);
		free(tables[i].slots);
	}
	free(tables);
	tables = NULL;
	n_tables = 0;
}

/* The lock is held. */
static bool grow_table(struct ticket_table *table)
{
	uint32_t n = table->n_slots ? table->n_slots * 2 : 64;
	struct slot *slots;

	if (n > 0x3FFFFF)
		return false;
	slots = realloc(table->slots, n * sizeof *slots);
	if (!slots)
		return false;
	table->slots = slots;
	memset(slots + table->n_slots, 0, (n - table->n_slots) * sizeof *slots);
	for (uint32_t i = n; i > table->n_slots; i--) {
		slots[i - 1].next_free = table->first_free;
		table->first_free = i;
	}
	table->n_slots = n;
	return true;
}

spore_ticket ticket_open(struct loop *loop, enum ticket_kind kind, ticket_fn on_done, void *arg)
{
	struct ticket_table *table = &tables[loop_index(loop)];
	spore_ticket ticket = 0;

	pthread_mutex_lock(&table->lock);
	if (table->first_free || grow_table(table)) {
		uint32_t number = table->first_free;
		struct slot *slot = &table->slots[number - 1];

		table->first_free = slot->next_free;
		slot->state = OPEN;
		slot->kind = (uint8_t)kind;
		slot->on_done = on_done;
		slot->arg = arg;
		slot->completed = NULL;
		ticket = compose(loop_index(loop), number, slot->generation);
	}
	pthread_mutex_unlock(&table->lock);
	return ticket;
}

void ticket_watch(spore_ticket ticket, atomic_bool *completed)
{
	struct ticket_table *table = table_of(ticket);
	struct slot *slot;

	pthread_mutex_lock(&table->lock);
	slot = slot_of(table, ticket);
	if (slot)
		slot->completed = completed;
	pthread_mutex_unlock(&table->lock);
}

bool ticket_redirect(spore_ticket ticket, ticket_fn on_done, void *arg)
{
	struct ticket_table *table = table_of(ticket);
	struct slot *slot;
	bool on_its_way;

	pthread_mutex_lock(&table->lock);
	slot = slot_of(table, ticket);
	on_its_way = slot && slot->state == DONE;
	if (on_its_way) {
		slot->on_done = on_done;
		slot->arg = arg;
	} else if (slot) {
		release_slot(table, slot);
	}
	pthread_mutex_unlock(&table->lock);
	return on_its_way;
}

void ticket_close(spore_ticket ticket)
{
	struct ticket_table *table = table_of(ticket);
	struct slot *slot;

	if (!table)
		return;
	pthread_mutex_lock(&table->lock);
	slot = slot_of(table, ticket);
	if (slot)
		release_slot(table, slot);
	pthread_mutex_unlock(&table->lock);
}

bool ticket_is_open(spore_ticket ticket)
{
	struct ticket_table *table = table_of(ticket);
	struct slot *slot;
	bool open;

	if (!table)
		return false;
	pthread_mutex_lock(&table->lock);
	slot = slot_of(table, ticket);
	open = slot && slot->state == OPEN;
	pthread_mutex_unlock(&table->lock);
	return open;
}

static void run_delivery(struct loop_task *task)
{
	struct delivery *delivery = CONTAINER_OF(task, struct delivery, task);
	struct ticket_table *table = table_of(delivery->ticket);
	ticket_fn on_done = NULL;
	struct slot *slot;
	void *arg = NULL;

	pthread_mutex_lock(&table->lock);
	slot = slot_of(table, delivery->ticket);
	if (slot) {
		on_done = slot->on_done;
		arg = slot->arg;
		release_slot(table, slot);
	}
	pthread_mutex_unlock(&table->lock);
	if (on_done)
		on_done(arg, &delivery->result);
	else
		grant_free(delivery->result.grant);
	free(delivery);
}

spore_status ticket_complete(spore_ticket ticket, enum ticket_kind kind,
                             const struct ticket_result *result)
{
	struct ticket_table *table = table_of(ticket);
	struct delivery *delivery = calloc(1, sizeof *delivery);
	spore_status status = SPORE_ESTALE;
	struct slot *slot;

	if (!delivery) {
		grant_free(result->grant);
		return SPORE_ENOMEM;
	}
	delivery->task.run = run_delivery;
	delivery->ticket = ticket;
	delivery->result = *result;
	if (table) {
		pthread_mutex_lock(&table->lock);
		slot = slot_of(table, ticket);
		if (slot && slot->kind != kind)
			status = SPORE_EINVAL;
		else if (slot && slot->state == OPEN) {
			slot->state = DONE;
			if (slot->completed)
				atomic_store(slot->completed, true);
			status = SPORE_OK;
		}
		pthread_mutex_unlock(&table->lock);
	}
	if (status == SPORE_OK) {
		loop_post(table->loop, &delivery->task);
		return SPORE_OK;
	}
	grant_free(delivery->result.grant);
	free(delivery);
	return status;
}
