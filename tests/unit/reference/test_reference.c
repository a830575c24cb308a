#include "reference/reference.h"

#include "capture.h"
#include "config/shorthands.h"
#include "reference/document.h"
#include "scene/catalogue_scene.h"
#include "suite.h"

static char *text;
static size_t size;

static struct document begin(void)
{
	return (struct document){ .out = open_memstream(&text, &size),
		                  .format = DOCUMENT_MARKDOWN };
}

/* The row of a table that begins with this name; "" if there is none. */
static const char *row_of(const char *name)
{
	static char row[1024];
	char start[128];
	const char *at;

	snprintf(start, sizeof start, "\n| `%s` |", name);
	at = strstr(text, start);
	snprintf(row, sizeof row, "%.*s", at ? (int)strcspn(at + 1, "\n") : 0, at ? at + 1 : "");
	return row;
}

START_TEST(flags_of_one_role)
{
	struct document d = begin();

	reference_write_flags(&d, ROLE_SERVER);
	fclose(d.out);
	ck_assert_lacks(text, "###");
	ck_assert_contains(text, "| flag | default | variables | sets | meaning |\n");
	ck_assert_contains(row_of("--min-port PORT"),
	                   "| `1024` | `SPORE_MIN_PORT, BORE_MIN_PORT` | `/server/min_port` |");
	ck_assert_contains(row_of("-c, --config FILE"), "| | `SPORE_CONFIG` | |");
	ck_assert_contains(row_of("--log-level LEVEL"), "trace\\|debug\\|info\\|warn\\|error |");
	ck_assert_str_eq(row_of("-t, --to HOST"), "");
	free(text);
}
END_TEST

START_TEST(flags_of_both_roles_have_headings)
{
	struct document d = begin();

	reference_write_flags(&d, ROLE_SERVER | ROLE_LOCAL);
	fclose(d.out);
	ck_assert_contains(text, "### `spore server`\n");
	ck_assert_contains(text, "### `spore local`\n");
	ck_assert_str_ne(row_of("-t, --to HOST"), "");
	free(text);
}
END_TEST

START_TEST(keys_of_both_roles)
{
	struct document d = begin();

	reference_write_keys(&d, ROLE_SERVER | ROLE_LOCAL);
	fclose(d.out);
	ck_assert_contains(text, "### Both\n");
	ck_assert_contains(text, "### Instances of plugins\n");
	ck_assert_contains(text, "| key | type | default | reload | meaning |\n");
	ck_assert_contains(row_of("server.min_port"), "| port, 1 to 65535 | `1024` |");
	ck_assert_contains(row_of("server.min_port"), "(`--min-port`) |");
	ck_assert_contains(row_of("server.on_reload"), "| `\"close\"`, `\"keep\"` | `\"close\"` |");
	ck_assert_contains(row_of("tunnels[].port"), "(`--port`) |");
	ck_assert_contains(row_of("client.to"), "| text, or list of texts | required |");
	ck_assert_contains(row_of("transport"),
	                   "| list of instances (transport) | `[{\"use\":\"plain\"}]` |");
	ck_assert_contains(text, "\n\nThese keys are in no section.\n\n| key |");
	ck_assert_contains(row_of("acl.public"), "| list of instances (acl) | `[]` |");
	ck_assert_contains(row_of("use"), "| text | required |");
	free(text);
}
END_TEST

START_TEST(keys_of_one_role)
{
	struct document d = begin();

	reference_write_keys(&d, ROLE_LOCAL);
	fclose(d.out);
	ck_assert_contains(text, "### `spore local`\n");
	ck_assert_lacks(text, "### Both\n");
	ck_assert_contains(text, "| key | type | default | reload |");
	ck_assert_contains(row_of("client.to"), "| needs a restart |");
	ck_assert_str_ne(row_of("transport"), "");
	ck_assert_str_ne(row_of("log.level"), "");
	ck_assert_str_eq(row_of("server.min_port"), "");
	free(text);
}
END_TEST

START_TEST(plugins_of_a_role)
{
	struct catalogue catalogue;
	struct registry registry;
	struct document d;

	ck_assert(catalogue_scene_read(&catalogue, &registry, NULL));
	d = begin();
	reference_write_plugins(&d, ROLE_LOCAL, &catalogue, NULL);
	fclose(d.out);
	ck_assert_contains(text, "### The auth plugin `hmac`\n");
	ck_assert_contains(text, "for a server or a client.");
	ck_assert_contains(text, "It has no options.\n");
	ck_assert_lacks(text, "The acl plugin");
	free(text);
	d = begin();
	reference_write_plugins(&d, ROLE_SERVER, &catalogue, NULL);
	fclose(d.out);
	ck_assert_contains(text, "### The acl plugin `cidr`\n");
	ck_assert_contains(row_of("secret"), "| secret | required |");
	free(text);
	catalogue_fini(&catalogue);
	loader_fini(&registry.loader);
}
END_TEST

START_TEST(plugins_of_one_file)
{
	struct catalogue catalogue;
	struct registry registry;
	struct document d;

	ck_assert(catalogue_scene_read(&catalogue, &registry, NULL));
	d = begin();
	ck_assert_uint_eq(reference_write_plugins(&d, ROLE_SERVER, &catalogue, "auth_hmac"), 1);
	ck_assert_uint_eq(reference_write_plugins(&d, ROLE_LOCAL, &catalogue, "acl_cidr"), 0);
	ck_assert_uint_eq(reference_write_plugins(&d, ROLE_SERVER, &catalogue, "auth_hma"), 0);
	ck_assert_uint_eq(reference_write_plugins(&d, ROLE_SERVER, &catalogue, "hmac"), 0);
	fclose(d.out);
	ck_assert_contains(text, "### The auth plugin `hmac`\n");
	ck_assert_lacks(text, "`cidr`");
	free(text);
	catalogue_fini(&catalogue);
	loader_fini(&registry.loader);
}
END_TEST

START_TEST(metrics_have_kinds_and_labels)
{
	struct document d = begin();

	reference_write_metrics(&d);
	fclose(d.out);
	ck_assert_contains(text, "| metric | kind | labels | meaning |\n");
	ck_assert_contains(row_of("spore_tunnels"), "| gauge | |");
	ck_assert_contains(row_of("spore_refusals_total"), "| counter | `at`, `reason` |");
	ck_assert_contains(row_of("spore_accept_latency_ms"), "| summary |");
	free(text);
}
END_TEST

START_TEST(types_have_examples)
{
	struct document d = begin();

	reference_write_types(&d);
	fclose(d.out);
	ck_assert_contains(text, "| type | example | meaning |\n");
	ck_assert_contains(row_of("duration"), "| `\"1.5s\"` |");
	ck_assert_str_ne(row_of("secret"), "");
	free(text);
}
END_TEST

SUITE("reference", flags_of_one_role, flags_of_both_roles_have_headings, keys_of_both_roles,
      keys_of_one_role, plugins_of_a_role, plugins_of_one_file, metrics_have_kinds_and_labels,
      types_have_examples)
