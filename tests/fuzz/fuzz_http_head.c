/* fuzz_http_head - the first bytes of an HTTP client, read at each length, and by the plugin
 * route_http. */
#include <spore/route.h>
#include <stdbool.h>

#include "fuzz.h"
#include "paths.h"
#include "request.h"

/* A host in lower case without a port, or empty. */
static bool is_host(const char *text)
{
	bool is_in_brackets = *text == '[';

	for (; *text; text++) {
		if (*text >= 'a' && *text <= 'z')
			continue;
		if (!strchr(is_in_brackets ? "0123456789.[]:" : "0123456789.-_", *text))
			return false;
	}
	return true;
}

/* Reads the first n bytes, from a block that ends behind them. */
static enum head_result read_first(const uint8_t *data, size_t n, struct head *out)
{
	uint8_t *exact = fuzz_exact(data, n);
	enum head_result result = request_read(exact, n, out);

	free(exact);
	FUZZ_CHECK(result != HEAD_MORE || out->need > n);
	FUZZ_CHECK(result != HEAD_WRONG || *out->why);
	FUZZ_CHECK(is_host(out->host));
	FUZZ_CHECK(out->path[0] == '\0' || out->path[0] == '/');
	return result;
}

/* A result stays when more bytes come. */
static enum head_result read_all(const uint8_t *data, size_t n, struct head *out)
{
	enum head_result result = read_first(data, n, out), before;
	struct head part;

	for (size_t i = 0; i < n; i++) {
		before = read_first(data, i, &part);
		FUZZ_CHECK(before == HEAD_MORE || before == result);
		if (before == HEAD_DONE)
			FUZZ_CHECK(strcmp(part.host, out->host) == 0 &&
			           strcmp(part.path, out->path) == 0);
		if (result == HEAD_DONE && before == HEAD_MORE)
			FUZZ_CHECK(part.need <= n);
	}
	return result;
}

static void check_plugin(const uint8_t *data, size_t n, enum head_result result,
                         const struct head *head)
{
	static const struct path_rule rule = { "a", "/b", "c" };
	const spore_component *component = spore_plugin_v1()->components[0];
	const spore_route_ops *ops = component->ops;
	/* As the options of the plugin. */
	struct {
		spore_list paths;
		const char *unknown_page;
	} conf = { .paths = { .items = &rule, .count = 1 } };
	spore_create_args args = { .struct_size = sizeof args,
		                   .role = SPORE_ROLE_SERVER,
		                   .conf = &conf };
	spore_route_query query = { .struct_size = sizeof query,
		                    .head = { (const char *)data, n } };
	spore_route_result out = { .struct_size = sizeof out };
	const char *name = paths_find(&rule, 1, head->host, head->path);
	void *instance;
	int32_t verdict;

	FUZZ_CHECK(component->conf_size == sizeof conf);
	FUZZ_CHECK(component->create(&args, &instance) == SPORE_OK);
	verdict = ops->look(instance, &query, &out);
	FUZZ_CHECK((verdict == SPORE_ROUTE_MORE) == (result == HEAD_MORE));
	FUZZ_CHECK((verdict == SPORE_DENY) == (result == HEAD_WRONG));
	FUZZ_CHECK((verdict == SPORE_NEXT) == (result == HEAD_OTHER));
	FUZZ_CHECK((verdict == SPORE_DENY) == (out.reason[0] != '\0'));
	if (verdict == SPORE_ROUTE_NAME)
		FUZZ_CHECK(strcmp(out.name, name ? name : head->host) == 0);
	component->destroy(instance);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct head head;
	enum head_result result = read_all(data, size, &head);

	check_plugin(data, size, result, &head);
	return 0;
}
