#include "commands/reference.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arguments/arguments.h"
#include "arguments/exit_status.h"
#include "base/text.h"
#include "commands/serve.h"
#include "config/shorthands.h"
#include "inventory/plugin_search.h"
#include "process/watchdog.h"
#include "reference/catalogue.h"
#include "reference/document.h"
#include "reference/reference.h"
#include "reference/schema.h"

enum { FORMAT_SCHEMA = DOCUMENT_SCDOC + 1 };
enum {
	PART_FLAGS = 1,
	PART_KEYS = 2,
	PART_PLUGINS = 4,
	PART_TYPES = 8,
	PART_METRICS = 16,
	PART_REASONS = 32,
	PART_ALL = 63
};

struct request {
	unsigned format, roles, parts; /* enum document_format or FORMAT_SCHEMA; ROLE_*; PART_* */
	const char *plugin; /* only the components of this file, without ".so"; NULL: all */
	struct plugin_search search;
};

/* Tables, aligned by hand. */
/* clang-format off */
static const struct argument_choice formats[] = {
	{ "markdown", DOCUMENT_MARKDOWN },
	{ "scdoc",    DOCUMENT_SCDOC },
	{ "schema",   FORMAT_SCHEMA },
	{ NULL, 0 },
};
static const struct argument_choice roles[] = {
	{ "server", ROLE_SERVER },
	{ "local",  ROLE_LOCAL },
	{ NULL, 0 },
};
static const struct argument_choice parts[] = {
	{ "flags",   PART_FLAGS },
	{ "keys",    PART_KEYS },
	{ "plugins", PART_PLUGINS },
	{ "types",   PART_TYPES },
	{ "metrics", PART_METRICS },
	{ "reasons", PART_REASONS },
	{ NULL, 0 },
};
/* clang-format on */

static const struct argument_flag flags[] = {
	{ .name = "--format",
	  .type = ARGUMENT_CHOICE,
	  .offset = offsetof(struct request, format),
	  .metavar = "FORMAT",
	  .choices = formats,
	  .dflt = "markdown",
	  .doc = "what to print; scdoc is for manual pages, schema is a JSON Schema of the "
	         "configuration, for editors" },
	{ .name = "--role",
	  .type = ARGUMENT_CHOICE,
	  .offset = offsetof(struct request, roles),
	  .metavar = "ROLE",
	  .choices = roles,
	  .doc = "describe only one of `spore server` and `spore local`" },
	{ .name = "--part",
	  .type = ARGUMENT_CHOICE,
	  .offset = offsetof(struct request, parts),
	  .metavar = "PART",
	  .choices = parts,
	  .doc = "print only this part (of markdown or scdoc)" },
	{ .name = "--plugin",
	  .type = ARGUMENT_TEXT,
	  .offset = offsetof(struct request, plugin),
	  .metavar = "NAME",
	  .doc = "print only the options of the plugin NAME.so (as markdown or scdoc)" },
	{ .name = "--config",
	  .letter = 'c',
	  .type = ARGUMENT_TEXT,
	  .offset = offsetof(struct request, search.config),
	  .metavar = "FILE",
	  .variable = "SPORE_CONFIG",
	  .doc = "configuration of a server or client; only its section \"plugins\" is read" },
	{ .name = "--plugin-path",
	  .type = ARGUMENT_LIST,
	  .offset = offsetof(struct request, search.folders),
	  .count_offset = offsetof(struct request, search.n_folders),
	  .most = PLUGIN_SEARCH_MOST,
	  .metavar = "DIR",
	  .doc = "folder to search before all others" },
};

const struct argument_table reference_arguments = {
	.command = "reference",
	.summary = "Describes everything that can be configured, from the option tables of "
		   "this Spore and of every plugin that a start would find.",
	.remarks = "Plugins are loaded, as at a start, but each is first tried in a separate "
		   "process.",
	.flags = flags,
	.n_flags = sizeof flags / sizeof *flags,
};

/* The name, or the part of it behind the kind: "hmac" of "auth_hmac". */
static const char *find_meant(const char *found, const char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const char *kind_end = strchr(names[i], '_');

		if (kind_end && strcmp(kind_end + 1, found) == 0)
			return names[i];
	}
	return text_suggest(found, names, n);
}

/* The caller frees it. NULL: no plugin has a name like it. */
static char *find_similar(const struct catalogue *catalogue, const char *name)
{
	char **names = calloc(catalogue->n + 1, sizeof *names), *similar = NULL;
	const char *meant;
	size_t n = 0;

	for (; names && n < catalogue->n; n++) {
		const char *use = catalogue->entries[n].use_by_file;

		names[n] = strndup(use, strcspn(use, ":"));
		if (!names[n])
			break;
	}
	meant = names ? find_meant(name, (const char *const *)names, n) : NULL;
	if (meant)
		similar = strdup(meant);
	while (n > 0)
		free(names[--n]);
	free(names);
	return similar;
}

static void refuse_plugin(const struct catalogue *catalogue, const char *name)
{
	char *similar = find_similar(catalogue, name);
	char shown[256];

	text_printable(name, strlen(name), shown, sizeof shown);
	fprintf(stderr, "error: found no plugin \"%s\"", shown);
	if (similar)
		fprintf(stderr, ": did you mean \"%s\"?", similar);
	fputc('\n', stderr);
	free(similar);
}

static bool write_plugin(const struct request *request, struct document *document,
                         const struct catalogue *catalogue)
{
	if (reference_write_plugins(document, request->roles, catalogue, request->plugin) > 0)
		return true;
	refuse_plugin(catalogue, request->plugin);
	return false;
}

static bool write_document(const struct request *request, const struct catalogue *catalogue)
{
	struct document document = { .out = stdout, .format = request->format };

	if (request->plugin)
		return write_plugin(request, &document, catalogue);
	if (request->parts & PART_FLAGS)
		reference_write_flags(&document, request->roles);
	if (request->parts & PART_KEYS)
		reference_write_keys(&document, request->roles);
	if (request->parts & PART_PLUGINS)
		reference_write_plugins(&document, request->roles, catalogue, NULL);
	if (request->parts & PART_TYPES)
		reference_write_types(&document);
	if (request->parts & PART_METRICS)
		reference_write_metrics(&document);
	if (request->parts & PART_REASONS)
		reference_write_reasons(&document);
	return true;
}

static bool print_reference(struct registry *registry, const void *arg)
{
	const struct request *request = arg;
	struct catalogue catalogue = { 0 };
	bool good;

	/* A plugin may end the process that loads it on trial, which does not have this thread. */
	watchdog_stop();
	good = catalogue_read(&catalogue, registry);

	if (good && request->format == FORMAT_SCHEMA)
		schema_write(request->roles, &catalogue, stdout);
	else if (good)
		good = write_document(request, &catalogue);
	catalogue_fini(&catalogue);
	return good;
}

int reference_run(int argc, char **argv)
{
	struct request request = { .roles = ROLE_SERVER | ROLE_LOCAL, .parts = PART_ALL };
	bool is_printed;
	int status;

	(void)argc;
	if (!arguments_read(&reference_arguments, argv, &request, &status))
		return status;
	serve_watch();
	is_printed = plugin_search_run(&request.search, print_reference, &request) &&
	             fflush(stdout) == 0;
	watchdog_stop();
	return is_printed ? EXIT_GOOD : EXIT_FAILED;
}
