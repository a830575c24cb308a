/* route_http - reads the host that the first request of an HTTP connection asks for: HTTP/1, and
 * HTTP/2 with prior knowledge. Paths of a host may have names of their own. */
#include <spore/route.h>
#include <stdio.h>
#include <stdlib.h>

#include "paths.h"
#include "request.h"

struct conf {
	spore_list paths;
};

static const spore_option path_rows[] = {
	SPORE_STRING(struct path_rule, host, SPORE_OPTF_REQUIRED | SPORE_OPTF_NOT_EMPTY, NULL,
	             "the host that the request asks for"),
	SPORE_STRING(struct path_rule, path, SPORE_OPTF_REQUIRED | SPORE_OPTF_NOT_EMPTY, NULL,
	             "the path; it stands for everything below it, too"),
	SPORE_STRING(struct path_rule, name, SPORE_OPTF_REQUIRED | SPORE_OPTF_NOT_EMPTY, NULL,
	             "the name of the tunnel that gets such requests (`tunnels[].hosts`)"),
};
static const spore_option_item path_item = { SPORE_OPT_OBJECT, sizeof(struct path_rule), path_rows,
	                                     sizeof path_rows / sizeof *path_rows,
	                                     sizeof(spore_option) };
static const spore_option options[] = {
	SPORE_LIST(struct conf, paths, 0, &path_item,
	           "paths of a host that other tunnels have; the longest path that fits counts"),
};

static int check_paths(const spore_create_args *args, const spore_list *paths)
{
	const struct path_rule *rules = paths->items;
	char pointer[64];
	int good = 1;

	for (size_t i = 0; i < paths->count; i++) {
		if (rules[i].path[0] == '/' && strlen(rules[i].path) < HEAD_PATH_SIZE / 2)
			continue;
		snprintf(pointer, sizeof pointer, "/paths/%zu/path", i);
		args->report(args, pointer,
		             "expected a path of at most 511 bytes that begins with "
		             "\"/\"");
		good = 0;
	}
	return good;
}

static spore_status create(const spore_create_args *args, void **instance_out)
{
	const struct conf *conf = args->conf;

	if (!check_paths(args, &conf->paths))
		return SPORE_ECONFIG;
	*instance_out = (void *)(uintptr_t)conf;
	return SPORE_OK;
}

/* The host owns the options. */
static void destroy(void *instance)
{
	(void)instance;
}

static int32_t answer(const struct conf *conf, const struct head *head, spore_route_result *out)
{
	const char *name = paths_find(conf->paths.items, conf->paths.count, head->host, head->path);

	if (!head->host[0])
		return SPORE_ROUTE_NONE;
	snprintf(out->name, sizeof out->name, "%s", name ? name : head->host);
	return SPORE_ROUTE_NAME;
}

static int32_t look(void *state, const spore_route_query *query, spore_route_result *out)
{
	struct head head;

	switch (request_read((const uint8_t *)query->head.ptr, query->head.len, &head)) {
	case HEAD_MORE:
		/* A head that is too long for the host may have named its host before. */
		if (query->is_end && head.host[0])
			return answer(state, &head, out);
		out->need = (uint32_t)head.need;
		return SPORE_ROUTE_MORE;
	case HEAD_DONE:
		return answer(state, &head, out);
	case HEAD_WRONG:
		snprintf(out->reason, sizeof out->reason, "HTTP: %s", head.why);
		return SPORE_DENY;
	case HEAD_OTHER:
		break;
	}
	return SPORE_NEXT;
}

static const spore_route_ops ops = {
	.struct_size = sizeof ops,
	.look = look,
};

static const spore_component component = {
	.struct_size = sizeof component,
	.kind = SPORE_KIND_ROUTE,
	.name = "http",
	.summary = "the host, and if wanted the path, that the first request of HTTP/1 or HTTP/2 "
		   "asks for",
	.ops = &ops,
	.options = options,
	.n_options = sizeof options / sizeof *options,
	.option_size = sizeof *options,
	.conf_size = sizeof(struct conf),
	.create = create,
	.destroy = destroy,
};

SPORE_PLUGIN("route_http", "1.0.0", "The Spore authors", "MIT", "", &component);
