#include "listing.h"

#include <stdlib.h>

struct listing {
	struct query query;
	struct listing_order order;
	bool is_stopped, is_wrong;
};

/* When the roll has no room any more, skips the rest of the list, which may be long. */
static void on_row(struct query *query, const PGresult *row, size_t number)
{
	struct listing *listing = (struct listing *)query;
	struct changes *changes = listing->order.changes;

	if (number == 0)
		listing->is_wrong = PQnfields(row) != 1;
	if (listing->is_stopped || listing->is_wrong || changes->is_overfull)
		return;
	if (!PQgetisnull(row, 0, 0) && PQgetlength(row, 0, 0) <= SPORE_IDENTITY_MAX)
		changes_list(changes, PQgetvalue(row, 0, 0));
}

static enum ask_result on_end(struct ask *ask, enum ask_result result, const void *reply)
{
	struct listing *listing = (struct listing *)ask;
	struct listing_order order = listing->order;
	bool is_stopped = listing->is_stopped;

	(void)reply;
	if (result == ASK_REPLIED && listing->is_wrong) {
		health_complain(&order.asker->shared->pipeline.health,
		                "bore_query must give one column, the name of a client");
		result = ASK_REFUSED;
	}
	if (result == ASK_BAD_RECORD)
		result = ASK_REFUSED;
	free(listing);
	if (!is_stopped)
		order.on_end(order.arg, result == ASK_REPLIED);
	return result;
}

struct listing *listing_start(const struct listing_order *order)
{
	struct listing *listing = calloc(1, sizeof *listing);

	if (!listing)
		return NULL;
	listing->order = *order;
	listing->query.text = order->query;
	listing->query.on_row = on_row;
	listing->query.ask.on_end = on_end;
	if (asker_send(order->asker, &listing->query) == ASK_REPLIED)
		return listing;
	free(listing);
	return NULL;
}

void listing_stop(struct listing *listing)
{
	if (!listing)
		return;
	listing->is_stopped = true;
	if (asker_withdraw(listing->order.asker, &listing->query))
		free(listing); /* otherwise on_end frees it */
}
