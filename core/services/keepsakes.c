#include "services/keepsakes.h"

#include <string.h>

#include "host/hand_on.h"
#include "host/instance.h"
#include "host/listeners.h"
#include "log/mistake.h"
#include "net/addr.h"
#include "services/backing.h"
#include "thread/guest.h"

/* Is the calling thread in create() of this instance? Only there it is the control thread, to which
 * the listening sockets and the list of files belong. */
static bool is_in_create(const struct instance *instance)
{
	const char *call = guest_current_call();

	return call && strcmp(call, "create") == 0 && guest_current() == instance->name;
}

spore_status host_listener_get(spore_ctx *ctx, const spore_addr *address, int *fd_out)
{
	if (!ctx || !address || !fd_out)
		return mistake(backing_name(ctx), "listener_get", "ctx, address or fd_out is NULL");
	if (!is_in_create(instance_of(ctx)))
		return mistake(backing_name(ctx), "listener_get", "called outside of create()");
	if (!addr_is_ip(address))
		return mistake(backing_name(ctx), "listener_get", "address is not an IP address");
	return listeners_get(address, !backing()->binds_nothing, &instance_of(ctx)->listeners,
	                     fd_out);
}

spore_status host_file_watch(spore_ctx *ctx, const char *path)
{
	struct instance *instance;

	if (!ctx || !path || !*path)
		return mistake(backing_name(ctx), "file_watch",
		               "ctx or path is NULL, or path is empty");
	instance = instance_of(ctx);
	if (!is_in_create(instance))
		return mistake(backing_name(ctx), "file_watch", "called outside of create()");
	files_note(&instance->files, instance->doc, path);
	return SPORE_OK;
}

spore_status host_state_show(spore_ctx *ctx, spore_str text)
{
	if (!ctx || backing_is_null(text))
		return mistake(backing_name(ctx), "state_show", "ctx or text is NULL");
	return instance_show(instance_of(ctx), text) ? SPORE_OK : SPORE_ENOMEM;
}

spore_status host_state_put(spore_ctx *ctx, const char *key, spore_str bytes)
{
	spore_status status;

	if (!ctx || !key || backing_is_null(bytes))
		return mistake(backing_name(ctx), "state_put", "ctx, key or bytes is NULL");
	status = hand_on_put(&instance_of(ctx)->hand_on, key, bytes);
	return status == SPORE_EINVAL
	               ? mistake(backing_name(ctx), "state_put", "key: not 1 to 63 bytes")
	               : status;
}

uint32_t host_state_get(spore_ctx *ctx, const char *key, spore_str *out)
{
	struct instance *instance;

	if (out)
		*out = (spore_str){ NULL, 0 };
	if (!ctx || !key || !out) {
		mistake(backing_name(ctx), "state_get", "ctx, key or out is NULL");
		return 0;
	}
	instance = instance_of(ctx);
	return atomic_load(&instance->hand_on.readable) &&
	       hand_on_get(&instance->hand_on, key, out);
}
