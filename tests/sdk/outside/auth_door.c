/* auth_door - a third-party plugin: allows every client, under a name that is set at build time.
 * Two builds are two versions of one plugin. */
#include <spore/auth.h>

#ifndef DOOR_NAME
#define DOOR_NAME "guest"
#endif

struct conf {
	const char *build;
};

static const spore_option options[] = {
	SPORE_STRING(struct conf, build, 0, NULL,
	             "refuse to run unless this is the build of that name"),
};

static spore_status create(const spore_create_args *args, void **instance_out)
{
	const struct conf *conf = args->conf;

	if (conf->build && strcmp(conf->build, DOOR_NAME) != 0) {
		args->report(args, "/build", "this is the build \"" DOOR_NAME "\"");
		return SPORE_ECONFIG;
	}
	*instance_out = (void *)(uintptr_t)args->host;
	return SPORE_OK;
}

static void destroy(void *host)
{
	(void)host; /* not ours */
}

static int32_t verify(void *arg, const spore_auth_request *rq, spore_ticket ticket)
{
	const spore_host *host = arg;
	spore_auth_result result = {
		.struct_size = sizeof result,
		.identity = spore_cstr(DOOR_NAME),
		.session = 1,
	};

	if (rq->answer.len == 0)
		return SPORE_DENY;
	host->complete_verify(ticket, SPORE_ALLOW, &result);
	return SPORE_EPENDING;
}

static const spore_auth_ops ops = { .struct_size = sizeof ops, .verify = verify };

static const spore_component door = {
	.struct_size = sizeof door,
	.kind = SPORE_KIND_AUTH,
	.name = "door",
	.summary = "lets in whoever answers",
	.ops = &ops,
	.options = options,
	.n_options = sizeof options / sizeof *options,
	.option_size = sizeof *options,
	.conf_size = sizeof(struct conf),
	.create = create,
	.destroy = destroy,
};

SPORE_PLUGIN("auth_door", "1.0.0", "Somebody else", "MIT", "", &door);
