#include "choose/choice_guest.h"

#include <assert.h>
#include <stdlib.h>

#include "chain/plugin_set.h"
#include "net/sock.h"
#include "net/stream.h"
#include "quota/ports.h"
#include "session/arrival.h"
#include "session/refuse.h"

struct choice_guest *choice_guest_new(struct server_worker *worker, const struct visitor *visitor,
                                      const spore_addr *local, struct source *crowd,
                                      struct plugin_set *set)
{
	const spore_list *entries = &set->config->settings.public;
	size_t entry = ports_find_shared(entries, visitor->port);
	struct choice_guest *guest = calloc(1, sizeof *guest);

	assert(entry < entries->count);
	if (!guest)
		return NULL;
	guest->worker = worker;
	guest->set = plugin_set_ref(set);
	guest->entry = (const struct public_settings *)entries->items + entry;
	guest->routes = set->chains[chain_of_entry(entry, PUBLIC_ROUTE)];
	guest->crowd = crowd;
	guest->visitor = *visitor;
	guest->local = *local;
	return guest;
}

void choice_guest_forget_wish(struct choice_guest *guest)
{
	free(guest->wanted);
	guest->wanted = NULL;
	buf_fini(&guest->reply);
}

void choice_guest_close_visitor(struct visitor *visitor)
{
	if (visitor->stream)
		stream_close(visitor->stream, true);
	else
		sock_reset(visitor->fd);
}

void choice_guest_free(struct choice_guest *guest)
{
	if (guest->crowd)
		arrival_leave_crowd(guest->worker->shared, guest->crowd);
	choice_guest_forget_wish(guest);
	plugin_set_unref(guest->set);
	if (guest->visitor.account)
		account_unref(guest->visitor.account);
	free(guest);
}

void choice_guest_report(const struct choice_guest *guest, enum refusal why, const char *detail,
                         const char *host)
{
	refuse_arriving(guest->worker, &guest->visitor, why,
	                &(struct refuse_opening){
				.detail = detail, .entry = guest->entry->name, .host = host });
}

void choice_guest_refuse(struct choice_guest *guest, enum refusal why, const char *detail)
{
	choice_guest_report(guest, why, detail, NULL);
	choice_guest_close_visitor(&guest->visitor);
	choice_guest_free(guest);
}
