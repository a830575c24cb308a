#include "commands/plugin_info.h"

#include <spore/auth.h>
#include <spore/metrics.h>
#include <spore/option.h>
#include <spore/transport.h>
#include <string.h>

#include "capture.h"
#include "inventory/plugin_view.h"
#include "suite.h"

struct options {
	int64_t number;
};

static const spore_option rows[] = { SPORE_INT(struct options, number, 0, "8", 0, 23, "an hour") };
static const spore_auth_ops auth_ops = { .struct_size = sizeof auth_ops,
	                                 .flags = SPORE_AUTHF_BLOCKING };
static spore_status wrap(void *state, const spore_wrap_args *args, spore_stream **upper_out)
{
	(void)state;
	*upper_out = args->lower;
	return SPORE_OK;
}

static const spore_transport_ops transport_ops = { .struct_size = sizeof transport_ops,
	                                           .wrap = wrap,
	                                           .flags = SPORE_TRANSPORTF_SECURE };
static const spore_component auth = { .struct_size = sizeof auth,
	                              .kind = SPORE_KIND_AUTH,
	                              .name = "ldap",
	                              .summary = "asks a directory",
	                              .ops = &auth_ops,
	                              .options = rows,
	                              .n_options = 1,
	                              .option_size = sizeof *rows };
static const spore_component transport = { .struct_size = sizeof transport,
	                                   .kind = SPORE_KIND_TRANSPORT,
	                                   .name = "x\x1b",
	                                   .flags = SPORE_COMPF_SINGLE_WORKER,
	                                   .ops = &transport_ops };
static const spore_component future = { .struct_size = sizeof future, .kind = 77 };
static const spore_component *const components[] = { &auth, &transport, &future, NULL };
static const char *const required[] = { "spore.a/1", "spore.b/1", NULL };
static const spore_plugin plugin = { .struct_size = sizeof plugin,
	                             .name = "acme",
	                             .version = "1.2",
	                             .author = "A",
	                             .license = "MIT",
	                             .required = required,
	                             .components = components };
static const struct loaded loaded = { .plugin = &plugin };

static struct plugin_view view_of(const struct loaded *from)
{
	struct plugin_view view = { .path = "/x/acme.so",
		                    .state = from ? PLUGIN_LOADED : PLUGIN_NOT_LOADED,
		                    .loaded = from,
		                    .seen = { .is_read = true, .has_note = true } };

	view.seen.note = (struct note){ .abi_major = 1, .abi_minor = 4, .min_minor = 2 };
	snprintf(view.seen.note.plugin, sizeof view.seen.note.plugin, "acme");
	snprintf(view.seen.note.version, sizeof view.seen.note.version, "1.2");
	return view;
}

static char *print(const struct plugin_view *view, bool as_json)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	if (as_json)
		plugin_info_write_json(view, out);
	else
		ck_assert(plugin_info_print(view, out));
	fclose(out);
	return text;
}

START_TEST(everything_for_people)
{
	struct plugin_view view = view_of(&loaded);
	char *text = print(&view, false);

	ck_assert_contains(text,
	                   "file      /x/acme.so\nplugin    acme 1.2\n"
	                   "abi       1.4; needs a host with 1.2 or later, this host has 1.0\n"
	                   "digest    sha256:0000");
	ck_assert_contains(text, "\nstate     loaded\nauthor    A\nlicence   MIT\nurl       -\n"
	                         "requires  spore.a/1, spore.b/1\n\n"
	                         "auth ldap: asks a directory\n");
	ck_assert_contains(text, "  use      acme:ldap\n");
	ck_assert_contains(
		text,
		"  flags    blocking\n  options\n    number  whole number, 0 to 23  8  an hour\n");
	ck_assert_contains(text, "\ntransport x\\x1b\n");
	ck_assert_contains(
		text,
		"  sides    server, client\n  flags    secure, one worker\n  options  none\n");
	ck_assert_contains(text, "\nkind 77: unknown to this host\n");
	free(text);
}
END_TEST

START_TEST(everything_as_json)
{
	struct plugin_view view = view_of(&loaded);
	char *text = print(&view, true);

	ck_assert_contains(
		text,
		"\"abi\": {\n    \"major\": 1,\n    \"minor\": 4,\n    \"min_minor\": 2\n  },\n");
	ck_assert_contains(
		text, "\"forbidden\": null,\n  \"group_may_write\": null,\n  \"exports\": [],\n"
		      "  \"n_exports\": 0,\n  \"taken_names\": [],\n  \"n_taken_names\": 0,\n"
		      "  \"state\": \"loaded\",\n");
	ck_assert_contains(text, "\"requires\": [\n    \"spore.a/1\",\n    \"spore.b/1\"\n  ],\n");
	ck_assert_contains(text, "\"name\": \"x\\u001b\",\n");
	ck_assert_contains(text, "\"flags\": [\n        \"secure\",\n        \"one worker\"\n      "
	                         "],\n      \"options\": []\n");
	ck_assert_contains(text, "    {\n      \"kind\": \"unknown\"\n    }\n");
	free(text);
}
END_TEST

START_TEST(a_file_that_is_not_loaded)
{
	struct plugin_view view = view_of(NULL);
	char *text = print(&view, false);

	ck_assert_contains(text, "\nstate   not loaded\n");
	ck_assert_lacks(text, "author");
	free(text);
	view.state = PLUGIN_REFUSED;
	view.seen.has_note = view.seen.is_read = false;
	err_set(&view.refusal, "it is bad");
	text = print(&view, false);
	ck_assert_str_eq(text, "file     /x/acme.so\nstate    refused\nrefusal  it is bad\n");
	free(text);
	text = print(&view, true);
	ck_assert_str_eq(text, "{\n  \"file\": \"/x/acme.so\",\n  \"state\": \"refused\",\n  "
	                       "\"refusal\": \"it is bad\"\n}\n");
	free(text);
}
END_TEST

START_TEST(access_is_judged)
{
	struct plugin_view view = view_of(NULL);
	char *text;

	err_set(&view.seen.access.doubtful, "/x");
	text = print(&view, false);
	ck_assert_contains(text, "\naccess  good, but its group can write to /x\n");
	free(text);
	err_set(&view.seen.access.forbidden, "everyone may write");
	text = print(&view, false);
	ck_assert_contains(text, "\naccess  everyone may write\n");
	free(text);
}
END_TEST

SUITE("plugin_info", everything_for_people, everything_as_json, a_file_that_is_not_loaded,
      access_is_judged)
