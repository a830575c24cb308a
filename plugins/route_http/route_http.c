/* route_http - reads the host that the first request of an HTTP connection asks for: HTTP/1, and
 * HTTP/2 with prior knowledge. Paths of a host may have names of their own. */
#include <spore/route.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../common/file.h"
#include "page.h"
#include "paths.h"
#include "request.h"

struct conf {
	spore_list paths;
	const char *unknown_page; /* NULL: none */
};

struct router {
	const struct conf *conf; /* the host owns it */
	spore_str reply;         /* owned; empty: none */
};

static const spore_option path_rows[] = {
	SPORE_STRING(struct path_rule, host, SPORE_OPTF_REQUIRED | SPORE_OPTF_NOT_EMPTY, NULL,
	             "the host that the request asks for, without a port"),
	SPORE_STRING(struct path_rule, path, SPORE_OPTF_REQUIRED | SPORE_OPTF_NOT_EMPTY, NULL,
	             "the path; it stands for everything below it, too"),
	SPORE_STRING(struct path_rule, name,
	             SPORE_OPTF_REQUIRED | SPORE_OPTF_NOT_EMPTY | SPORE_OPTF_HOST_NAME, NULL,
	             "the name of the tunnel that gets such requests (`tunnels[].hosts`)"),
};
static const spore_option_item path_item = { SPORE_OPT_OBJECT, sizeof(struct path_rule), path_rows,
	                                     sizeof path_rows / sizeof *path_rows,
	                                     sizeof(spore_option) };
static const spore_option options[] = {
	SPORE_LIST(struct conf, paths, 0, &path_item,
	           "paths of a host that other tunnels have; the longest path that fits counts"),
	SPORE_STRING(
		struct conf, unknown_page, SPORE_OPTF_PATH | SPORE_OPTF_READ | SPORE_OPTF_NOT_EMPTY,
		NULL,
		"file with a page in HTML, at most 64 KiB. Who asks with HTTP/1 for a host that "
		"no tunnel has gets it with the status 404; default: the connection is reset"),
};

static int check_rule(const spore_create_args *args, const spore_list *paths, size_t i)
{
	const struct path_rule *rules = paths->items;
	enum path_fault fault = paths_check(rules, i);
	char pointer[64], text[160];

	if (fault == PATH_GOOD)
		return 1;
	snprintf(pointer, sizeof pointer, "/paths/%zu/%s", i,
	         fault == PATH_BAD_HOST ? "host" : "path");
	if (fault == PATH_TWICE)
		snprintf(text, sizeof text, "/paths/%zu has this host and path already",
		         paths_find_twin(rules, i));
	else
		snprintf(text, sizeof text, "%s", paths_fault_text(fault));
	args->report(args, pointer, text);
	return 0;
}

static int check_paths(const spore_create_args *args, const spore_list *paths)
{
	int good = 1;

	for (size_t i = 0; i < paths->count; i++)
		good &= check_rule(args, paths, i);
	return good;
}

static int load_page(const spore_create_args *args, const char *path, spore_str *reply_out)
{
	spore_str page;
	int made;

	if (!file_read(args, "/unknown_page", path, PAGE_MAX, &page))
		return 0;
	made = page_make(page, reply_out);
	file_free(&page);
	return made;
}

static void destroy(void *instance)
{
	struct router *router = instance;

	free((char *)(uintptr_t)router->reply.ptr);
	free(router);
}

static spore_status create(const spore_create_args *args, void **instance_out)
{
	const struct conf *conf = args->conf;
	struct router *router = calloc(1, sizeof *router);
	int good;

	if (!router)
		return SPORE_ENOMEM;
	router->conf = conf;
	good = check_paths(args, &conf->paths);
	if (conf->unknown_page)
		good &= load_page(args, conf->unknown_page, &router->reply);
	if (good) {
		*instance_out = router;
		return SPORE_OK;
	}
	destroy(router);
	return SPORE_ECONFIG;
}

static int32_t answer(const struct router *router, const struct head *head, spore_route_result *out)
{
	const spore_list *paths = &router->conf->paths;
	const char *name = paths_find(paths->items, paths->count, head->host, head->path);

	if (!head->is_http2) /* which would need frames */
		out->reply = router->reply;
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
