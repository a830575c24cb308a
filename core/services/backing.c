#include "services/backing.h"

#include "host/instance.h"

static struct host_services the_services;

void backing_set(const struct host_services *services)
{
	the_services = *services;
}

const struct host_services *backing(void)
{
	return &the_services;
}

const char *backing_name(const spore_ctx *ctx)
{
	return ctx ? instance_of(ctx)->name : NULL;
}

bool backing_is_null(spore_str text)
{
	return !text.ptr && text.len > 0;
}
