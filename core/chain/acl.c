#include "chain/acl.h"

#include <spore/acl.h>

#include "base/clock.h"
#include "host/status.h"
#include "log/log.h"
#include "thread/guest.h"

bool acl_allows(const struct plugin_set *set, enum chain_id id, const struct loop *loop,
                const spore_addr *peer, const spore_addr *local, const char *identity)
{
	const struct chain *chain = set->chains[id];
	spore_acl_query query = {
		.struct_size = sizeof query,
		.point = chain_rows[id].point,
		.peer = peer,
		.local = local,
		.identity = spore_cstr(identity),
	};

	for (size_t i = 0; i < chain->n; i++) {
		const struct instance *instance = chain->items[i];
		const spore_acl_ops *ops = instance->component->ops;
		int64_t began_ns = clock_ns();
		char text[STATUS_TEXT_SIZE];
		int32_t verdict;

		guest_enter(instance->name, "check");
		verdict = ops->check(instance_state(instance, loop), &query);
		guest_leave();
		meter_call(&instance->meter, loop, ACL_CHECK, began_ns);
		if (verdict == SPORE_ALLOW)
			return true;
		if (verdict == SPORE_NEXT)
			continue;
		if (verdict != SPORE_DENY)
			log_error("access list returned no verdict, connection denied",
			          log_str("plugin", instance->name),
			          log_str("status", status_text(verdict, text)));
		return false;
	}
	return true;
}
