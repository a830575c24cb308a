/* The command line of the load generator. */
#include "plan.h"

#include "../loopback.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_CONNECTIONS 19000.0
#define MAX_SECONDS     3600.0

/* One option: its name, where its value goes and between which limits it lies. Numbers are read
 * as double, which is exact for whole numbers up to 2^53. */
struct field {
	const char *name;
	const char *help;
	double least;
	double most;
	void (*set)(struct plan *plan, double value);
	bool (*read)(struct plan *plan, const char *text); /* in place of set: not a number */
};

static void set_port(struct plan *plan, double value)
{
	plan->port = (uint16_t)value;
}

static void set_connections(struct plan *plan, double value)
{
	plan->connections = (unsigned)value;
}

static void set_seconds(struct plan *plan, double value)
{
	plan->seconds = value;
}

static void set_warmup(struct plan *plan, double value)
{
	plan->warmup = value;
}

static void set_size(struct plan *plan, double value)
{
	plan->size = (unsigned)value;
}

static void set_count(struct plan *plan, double value)
{
	plan->count = (uint64_t)value;
}

static void set_bytes(struct plan *plan, double value)
{
	plan->bytes = (uint64_t)value;
}

static void set_sources(struct plan *plan, double value)
{
	plan->sources = (unsigned)value;
}

static void set_threads(struct plan *plan, double value)
{
	plan->threads = (unsigned)value;
}

static bool read_first(struct plan *plan, const char *path)
{
	FILE *file = fopen(path, "rb");

	if (file == NULL) {
		perror(path);
		return false;
	}
	plan->first_size = fread(plan->first, 1, PLAN_FIRST, file);
	fclose(file);
	return true;
}

static const struct field fields[] = {
	{ "port", "the port on 127.0.0.1 to load (needed)", 1, 65535, set_port, NULL },
	{ "connections", "connections at once [1]", 1, MAX_CONNECTIONS, set_connections, NULL },
	{ "seconds", "length of the measured window [3]; hold: the longest wait [600]", .01,
	  MAX_SECONDS, set_seconds, NULL },
	{ "warmup", "seconds before the window opens [0.5]", 0, MAX_SECONDS, set_warmup, NULL },
	{ "size", "pingpong: bytes of a message [64]", 1, 1 << 20, set_size, NULL },
	{ "count", "churn: end after so many connections instead of seconds", 1, 1e9, set_count,
	  NULL },
	{ "bytes", "bulk: end each stream after so many bytes instead of seconds", 1, 1e15,
	  set_bytes, NULL },
	{ "sources", "source addresses to rotate over [200]", 1, LOOPBACK_MAX_SOURCES, set_sources,
	  NULL },
	{ "threads", "threads, each with its share of the connections [1]", 1, 64, set_threads,
	  NULL },
	{ "first", "churn: a file whose bytes come ahead of each question", .read = read_first },
};

#define FIELDS (sizeof(fields) / sizeof(fields[0]))

static void usage(const struct scenario *const *scenarios)
{
	fprintf(stderr, "usage: spore-bench-load SCENARIO --port PORT [OPTIONS]\n\nscenarios:\n");
	for (; *scenarios != NULL; scenarios++)
		fprintf(stderr, "  %-12s %s\n", (*scenarios)->name, (*scenarios)->help);
	fprintf(stderr, "\noptions:\n");
	for (unsigned i = 0; i < FIELDS; i++)
		fprintf(stderr, "  --%-12s %s\n", fields[i].name, fields[i].help);
}

static const struct scenario *find_scenario(const struct scenario *const *scenarios,
                                            const char *name)
{
	for (; *scenarios != NULL; scenarios++)
		if (strcmp((*scenarios)->name, name) == 0)
			return *scenarios;
	fprintf(stderr, "unknown scenario: %s\n", name);
	return NULL;
}

static bool apply(struct plan *plan, const struct field *field, const char *text)
{
	char *end;
	double value;

	if (field->read != NULL)
		return field->read(plan, text);
	errno = 0;
	value = strtod(text, &end);
	if (errno != 0 || end == text || *end != '\0' ||
	    !(value >= field->least && value <= field->most)) {
		fprintf(stderr, "--%s wants a number from %g to %g, not %s\n", field->name,
		        field->least, field->most, text);
		return false;
	}
	field->set(plan, value);
	return true;
}

static bool parse_options(struct plan *plan, int argc, char **argv)
{
	struct option options[FIELDS + 1] = { 0 };
	int found;

	for (unsigned i = 0; i < FIELDS; i++)
		options[i] = (struct option){ fields[i].name, required_argument, NULL, (int)i };
	while ((found = getopt_long(argc, argv, "", options, NULL)) != -1)
		if (found == '?' || !apply(plan, &fields[found], optarg))
			return false;
	if (optind < argc) {
		fprintf(stderr, "unexpected argument: %s\n", argv[optind]);
		return false;
	}
	return true;
}

bool plan_parse(struct plan *plan_out, const struct scenario *const *scenarios, int argc,
                char **argv)
{
	*plan_out = (struct plan){
		.connections = 1,
		.size = 64,
		.sources = 200,
		.threads = 1,
		.warmup = .5,
	};
	if (argc < 2) {
		usage(scenarios);
		return false;
	}
	plan_out->scenario = find_scenario(scenarios, argv[1]);
	if (plan_out->scenario == NULL || !parse_options(plan_out, argc - 1, argv + 1) ||
	    plan_out->port == 0) {
		usage(scenarios);
		return false;
	}
	if (plan_out->seconds <= 0)
		plan_out->seconds = plan_out->scenario->seconds;
	if (plan_out->scenario->is_single)
		plan_out->threads = 1;
	if (plan_out->threads > plan_out->connections)
		plan_out->threads = plan_out->connections;
	return true;
}
