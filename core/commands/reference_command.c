#include "commands/reference_command.h"

#include <stdio.h>
#include <string.h>

#include "commands/words.h"
#include "config/shorthands.h"
#include "inventory/plugin_search.h"
#include "reference/catalogue.h"
#include "reference/document.h"
#include "reference/reference.h"
#include "reference/schema.h"

enum { EXIT_GOOD = 0, EXIT_BAD = 1, EXIT_USAGE = 2 };
enum { FORMAT_SCHEMA = DOCUMENT_SCDOC + 1 };
enum {
	PART_FLAGS = 1,
	PART_KEYS = 2,
	PART_PLUGINS = 4,
	PART_TYPES = 8,
	PART_METRICS = 16,
	PART_ALL = 31
};

struct request {
	unsigned format, roles, parts; /* enum document_format or FORMAT_SCHEMA; ROLE_*; PART_* */
	struct plugin_search search;
	const char *plugin; /* only the components of this file, without ".so"; NULL: all */
	bool help;
};

static const char usage[] =
	"Usage: spore reference [FLAGS]\n"
	"\n"
	"Prints what can be configured, from the tables of options of this Spore and of every "
	"plugin "
	"that\n"
	"a start would find.\n"
	"\n"
	"Flags:\n"
	"      --format FORMAT    markdown (the default), scdoc (for manual pages), or schema: a "
	"JSON\n"
	"                         Schema of the configuration, for editors\n"
	"      --role ROLE        server or local; both if left out\n"
	"      --part PART        (markdown, scdoc) flags, keys, plugins, types or metrics; all "
	"if\n"
	"                         left out\n"
	"      --plugin NAME      (markdown, scdoc) only the options of NAME.so\n"
	"  -c, --config FILE      the server's or client's configuration: its section \"plugins\" "
	"counts\n"
	"                         [env: SPORE_CONFIG]\n"
	"      --plugin-path DIR  a folder to look in before all others; may be given again\n"
	"  -h, --help             this text\n"
	"\n"
	"Plugins are loaded, as at a start, each after a try in a process of its own.\n";

/* ---- the command line ---- */

static bool wrong(const char *format, const char *what)
{
	return words_wrong("reference", format, what);
}

struct choice {
	const char *name;
	unsigned value;
};

static const struct choice formats[] = { { "markdown", DOCUMENT_MARKDOWN },
	                                 { "scdoc", DOCUMENT_SCDOC },
	                                 { "schema", FORMAT_SCHEMA },
	                                 { NULL, 0 } };
static const struct choice roles[] = { { "server", ROLE_SERVER },
	                               { "local", ROLE_LOCAL },
	                               { NULL, 0 } };
static const struct choice parts[] = { { "flags", PART_FLAGS },     { "keys", PART_KEYS },
	                               { "plugins", PART_PLUGINS }, { "types", PART_TYPES },
	                               { "metrics", PART_METRICS }, { NULL, 0 } };

static bool choose(const struct choice *choices, const char *expected, const char *word,
                   unsigned *out)
{
	for (; choices->name; choices++) {
		if (strcmp(choices->name, word) == 0) {
			*out = choices->value;
			return true;
		}
	}
	return wrong(expected, word);
}

static bool set_value(struct request *request, const char *flag, const char *value)
{
	if (strcmp(flag, "--format") == 0)
		return choose(formats, "expected markdown, scdoc or schema, found \"%s\"", value,
		              &request->format);
	if (strcmp(flag, "--role") == 0)
		return choose(roles, "expected server or local, found \"%s\"", value,
		              &request->roles);
	if (strcmp(flag, "--part") == 0)
		return choose(parts,
		              "expected flags, keys, plugins, types or metrics, found \"%s\"",
		              value, &request->parts);
	if (strcmp(flag, "--plugin") == 0) {
		request->plugin = value;
		request->parts = PART_PLUGINS;
		return true;
	}
	if (strcmp(flag, "--plugin-path") != 0) {
		request->search.config = value;
		return true;
	}
	return plugin_search_add(&request->search, value) || wrong("too many folders at %s", value);
}

static bool takes_value(const char *flag)
{
	static const char *const with_value[] = { "--format", "--role", "--part",
		                                  "--config", "-c",     "--plugin-path",
		                                  "--plugin" };

	for (size_t i = 0; i < sizeof with_value / sizeof *with_value; i++) {
		if (strcmp(flag, with_value[i]) == 0)
			return true;
	}
	return false;
}

static bool read_word(struct request *request, char ***at)
{
	const char *word = **at, *value;
	char flag[32];

	if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
		request->help = true;
		return true;
	}
	snprintf(flag, sizeof flag, "%.*s", (int)strcspn(word, "="), word);
	if (word[0] != '-' || !word[1])
		return wrong("expected a flag, found \"%s\"", word);
	if (!takes_value(flag))
		return wrong("unknown flag %s", word);
	value = words_value("reference", at, flag);
	return value && set_value(request, flag, value);
}

/* argv is NULL-ended. */
static bool read_request(char **argv, struct request *request)
{
	*request = (struct request){ .format = DOCUMENT_MARKDOWN,
		                     .roles = ROLE_SERVER | ROLE_LOCAL,
		                     .parts = PART_ALL };
	for (; *argv && !request->help; argv++) {
		if (!read_word(request, &argv))
			return false;
	}
	return true;
}

/* ---- the work ---- */

static bool write_plugins(const struct request *request, struct document *document,
                          const struct catalogue *catalogue)
{
	size_t n = reference_write_plugins(document, request->roles, catalogue, request->plugin);

	if (n > 0 || !request->plugin)
		return true;
	return wrong("found no plugin \"%s\"", request->plugin);
}

static bool print(struct registry *registry, const void *arg)
{
	const struct request *request = arg;
	struct document document = { .out = stdout, .format = request->format };
	struct catalogue catalogue = { 0 };
	bool good = catalogue_read(&catalogue, registry);

	if (good && request->format == FORMAT_SCHEMA) {
		schema_write(request->roles, &catalogue, stdout);
	} else if (good) {
		if (request->parts & PART_FLAGS)
			reference_write_flags(&document, request->roles);
		if (request->parts & PART_KEYS)
			reference_write_keys(&document, request->roles);
		if (request->parts & PART_PLUGINS)
			good = write_plugins(request, &document, &catalogue);
		if (request->parts & PART_TYPES)
			reference_write_types(&document);
		if (request->parts & PART_METRICS)
			reference_write_metrics(&document);
	}
	catalogue_fini(&catalogue);
	return good;
}

int reference_run(int argc, char **argv)
{
	struct request request;

	(void)argc;
	if (!read_request(argv, &request))
		return EXIT_USAGE;
	if (request.help) {
		fputs(usage, stdout);
		return EXIT_GOOD;
	}
	return plugin_search_run(&request.search, print, &request) && fflush(stdout) == 0
	               ? EXIT_GOOD
	               : EXIT_BAD;
}
