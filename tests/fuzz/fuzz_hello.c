/* fuzz_hello - the first bytes of a TLS client, read at each length, and by the plugin
 * route_sni. */
#include <spore/route.h>
#include <stdbool.h>

#include "fuzz.h"
#include "hello.h"

static bool is_plain(const char *text)
{
	for (; *text; text++) {
		if (*text <= 0x20 || *text >= 0x7F)
			return false;
	}
	return true;
}

/* Reads the first n bytes, from a block that ends behind them. */
static enum hello_result read_first(const uint8_t *data, size_t n, struct hello *out)
{
	uint8_t *exact = fuzz_exact(data, n);
	enum hello_result result = hello_read(exact, n, out);

	free(exact);
	FUZZ_CHECK(result != HELLO_MORE || out->need > n);
	FUZZ_CHECK(result != HELLO_WRONG || *out->why);
	FUZZ_CHECK(result != HELLO_NAME || (out->name[0] && is_plain(out->name)));
	return result;
}

/* A result stays when more bytes come, and no more bytes are asked for than are needed. */
static enum hello_result read_all(const uint8_t *data, size_t n, struct hello *out)
{
	enum hello_result result = read_first(data, n, out), before;
	struct hello part;

	for (size_t i = 0; i < n; i++) {
		before = read_first(data, i, &part);
		FUZZ_CHECK(before == HELLO_MORE || before == result);
		FUZZ_CHECK(before != HELLO_NAME || strcmp(part.name, out->name) == 0);
		FUZZ_CHECK(before != HELLO_MORE || result != HELLO_MORE || part.need <= out->need);
		FUZZ_CHECK(before != HELLO_MORE || part.need <= n || result != HELLO_NAME);
	}
	return result;
}

static void check_plugin(const uint8_t *data, size_t n, enum hello_result result,
                         const struct hello *hello)
{
	static const int32_t verdicts[] = { [HELLO_MORE] = SPORE_ROUTE_MORE,
		                            [HELLO_NAME] = SPORE_ROUTE_NAME,
		                            [HELLO_NO_NAME] = SPORE_ROUTE_NONE,
		                            [HELLO_OTHER] = SPORE_NEXT,
		                            [HELLO_WRONG] = SPORE_DENY };
	const spore_component *component = spore_plugin_v1()->components[0];
	const spore_route_ops *ops = component->ops;
	spore_create_args args = { .struct_size = sizeof args, .role = SPORE_ROLE_SERVER };
	spore_route_query query = { .struct_size = sizeof query,
		                    .head = { (const char *)data, n } };
	spore_route_result out = { .struct_size = sizeof out };
	void *instance;

	FUZZ_CHECK(component->create(&args, &instance) == SPORE_OK);
	FUZZ_CHECK(ops->look(instance, &query, &out) == verdicts[result]);
	FUZZ_CHECK(result != HELLO_NAME || strcmp(out.name, hello->name) == 0);
	FUZZ_CHECK((result == HELLO_WRONG) == (out.reason[0] != '\0'));
	component->destroy(instance);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hello hello;
	enum hello_result result = read_all(data, size, &hello);

	check_plugin(data, size, result, &hello);
	return 0;
}
