#include "chain/twins.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "chain/plugin_set.h"
#include "config/shorthands.h"
#include "diag/diag.h"
#include "thread/reading.h"
#include "usage/use_file.h"
#include "json/json.h"
#include "json/pointer.h"

/* ---- secrets ---- */

/* A secret that says who a client is. */
struct proof {
	spore_str secret;        /* borrowed from the instance */
	const struct json *node; /* where the configuration has it */
	size_t instance;         /* in the chain */
};

struct proofs {
	struct proof *items; /* owned */
	size_t n;
	bool counts_only; /* nothing is stored */
};

static void add_proof(struct proofs *proofs, spore_str secret, const struct json *node,
                      size_t instance)
{
	if (!proofs->counts_only)
		proofs->items[proofs->n] = (struct proof){ secret, node, instance };
	proofs->n++;
}

static void add_row(struct proofs *proofs, const struct instance *instance, size_t index,
                    const spore_option *row)
{
	const struct json *node = json_get(instance->raw, row->name);
	const void *field = (const char *)instance->conf + row->offset;
	const struct json *child = node && node->type == JSON_OBJECT ? node->first : NULL;
	const spore_map *map = field;

	if (!(row->flags & SPORE_OPTF_UNIQUE) || !node)
		return;
	if (row->type == SPORE_OPT_SECRET)
		add_proof(proofs, *(const spore_str *)field, node, index);
	for (size_t i = 0; row->type == SPORE_OPT_MAP && i < map->count; i++) {
		add_proof(proofs, ((const spore_str *)map->items)[i], child ? child : node, index);
		child = child ? child->next : NULL;
	}
}

static void add_proofs(struct proofs *proofs, const struct chain *chain)
{
	proofs->n = 0;
	for (size_t i = 0; i < chain->n; i++) {
		const spore_component *component = chain->items[i]->component;
		struct option_table table = { component->options, component->n_options,
			                      component->option_size };

		for (uint32_t k = 0; k < table.n; k++)
			add_row(proofs, chain->items[i], i, option_row(&table, k));
	}
}

static int compare_secrets(const struct proof *a, const struct proof *b)
{
	if (a->secret.len != b->secret.len)
		return a->secret.len < b->secret.len ? -1 : 1;
	return memcmp(a->secret.ptr, b->secret.ptr, a->secret.len);
}

static int compare_proofs(const void *a, const void *b)
{
	const struct proof *x = a, *y = b;
	int order = compare_secrets(x, y);

	if (order == 0 && x->instance != y->instance)
		order = x->instance < y->instance ? -1 : 1;
	return order;
}

/* Equal secrets within one instance are not reported: the plugin decides about them. */
static void report_equal(struct plugin_set *set, struct proofs *proofs)
{
	char pointer[512];

	qsort(proofs->items, proofs->n, sizeof *proofs->items, compare_proofs);
	for (size_t i = 1; i < proofs->n; i++) {
		const struct proof *one = &proofs->items[i - 1], *other = one + 1;

		if (compare_secrets(one, other) != 0 || one->instance == other->instance)
			continue;
		json_pointer(one->node, pointer, sizeof pointer);
		diag_add(&set->doubts, other->node,
		         "the same secret as %s: who knows it can pass for a client of both",
		         pointer);
	}
}

static void find_equal_secrets(struct plugin_set *set)
{
	const struct chain *chain = set->chains[CHAIN_AUTH];
	struct proofs proofs = { .counts_only = true };

	if (set->config->role != ROLE_SERVER || chain->n < 2)
		return;
	add_proofs(&proofs, chain);
	proofs = (struct proofs){ .items = calloc(proofs.n + 1, sizeof *proofs.items) };
	if (!proofs.items)
		return;
	add_proofs(&proofs, chain);
	report_equal(set, &proofs);
	free(proofs.items);
}

/* ---- files ---- */

/* A file to which an instance appends. */
struct log_file {
	const char *path;        /* borrowed from the instance */
	const struct json *node; /* where the configuration has it */
	struct stat st;
	bool exists;
	char *place; /* owned: the path without links; NULL: it cannot be told, or out of memory */
};

struct log_files {
	struct log_file *items; /* owned */
	size_t n;
};

/* The file need not exist, but its folder. */
static char *find_place(const char *path)
{
	const char *name = strrchr(path, '/');
	char *folder = name ? strndup(path, (size_t)(name - path) + 1) : NULL;
	char *real = realpath(folder ? folder : ".", NULL), *place = NULL;

	if (real && asprintf(&place, "%s/%s", real, name ? name + 1 : path) < 0)
		place = NULL;
	free(real);
	free(folder);
	return place;
}

static void add_file(struct log_files *files, const char *path, const struct json *node)
{
	struct log_file *items = realloc(files->items, (files->n + 1) * sizeof *items);
	struct log_file *file;
	char pointer[256];

	if (!items)
		return;
	files->items = items;
	file = &items[files->n++];
	*file = (struct log_file){ .path = path, .node = node };
	json_pointer(node, pointer, sizeof pointer);
	reading_begin(path, pointer); /* the file system may not answer */
	file->exists = stat(path, &file->st) == 0;
	file->place = file->exists ? NULL : find_place(path);
	reading_end();
}

static void add_files(struct log_files *files, const struct instance *instance)
{
	const spore_component *component = instance->component;
	struct option_table table = { component->options, component->n_options,
		                      component->option_size };

	for (uint32_t i = 0; i < table.n; i++) {
		const spore_option *row = option_row(&table, i);
		const void *field = (const char *)instance->conf + row->offset;
		const struct json *node = json_get(instance->raw, row->name);

		if (node && row->type == SPORE_OPT_STRING && row->flags & SPORE_OPTF_APPENDS)
			add_file(files, *(const char *const *)field, node);
	}
}

static bool is_same_file(const struct log_file *a, const struct log_file *b)
{
	if (a->exists && b->exists)
		return a->st.st_dev == b->st.st_dev && a->st.st_ino == b->st.st_ino;
	return a->place && b->place && strcmp(a->place, b->place) == 0;
}

static void report_file(struct plugin_set *set, const struct log_files *files, size_t at)
{
	const struct log_file *file = &files->items[at];
	struct log_file log = { .exists = true };
	char pointer[512];
	size_t i = 0;

	if (fstat(STDERR_FILENO, &log.st) == 0 && S_ISREG(log.st.st_mode) &&
	    is_same_file(file, &log))
		diag_add(&set->doubts, file->node,
		         "Spore's own log (standard error) goes to this file, too: the lines of "
		         "both mix");
	while (i < at && !is_same_file(file, &files->items[i]))
		i++;
	if (i == at)
		return;
	json_pointer(files->items[i].node, pointer, sizeof pointer);
	diag_add(&set->doubts, file->node, "the same file as %s: the lines of both mix", pointer);
}

static struct log_files find_log_files(const struct plugin_set *set)
{
	struct log_files files = { 0 };

	for (size_t id = 0; id < set->config->n_chains; id++) {
		for (size_t i = 0; i < set->chains[id]->n; i++)
			add_files(&files, set->chains[id]->items[i]);
	}
	return files;
}

static void free_log_files(struct log_files *files)
{
	for (size_t i = 0; i < files->n; i++)
		free(files->items[i].place);
	free(files->items);
}

static void find_equal_files(struct plugin_set *set)
{
	struct log_files files = find_log_files(set);

	for (size_t i = 0; i < files.n; i++)
		report_file(set, &files, i);
	free_log_files(&files);
}

/* Lines that are appended would make it another configuration, certificate or secret. */
static bool is_read(const struct log_file *file, const struct config *config)
{
	struct log_file other = { .exists = true };

	for (size_t i = 0; file->exists && i < config->files.n; i++) {
		if (stat(config->files.items[i].path, &other.st) == 0 && is_same_file(file, &other))
			return true;
	}
	return false;
}

static void refuse_logs(const struct config *config, const struct log_files *logs,
                        struct diag *diag)
{
	for (size_t i = 0; i < logs->n; i++) {
		if (is_read(&logs->items[i], config))
			diag_add(diag, logs->items[i].node,
			         "expected a file of its own to append to, found one that the "
			         "configuration consists of or reads: %s",
			         logs->items[i].path);
	}
}

static bool is_log(const struct log_file *file, const struct log_files *logs)
{
	struct log_file log = { .exists = true };
	size_t i = 0;

	if (fstat(STDERR_FILENO, &log.st) == 0 && S_ISREG(log.st.st_mode) &&
	    is_same_file(file, &log))
		return true;
	while (i < logs->n && !is_same_file(file, &logs->items[i]))
		i++;
	return i < logs->n;
}

/* At a start or a check, the file must also be one that the server can use. A running server has
 * it, and reports itself what fails. */
static void check_usage_file(const struct log_file *file, bool is_running, struct diag *diag)
{
	char pointer[64];
	struct err err;

	json_pointer(file->node, pointer, sizeof pointer);
	reading_begin(file->path, pointer);
	if (!is_running && !use_file_check(file->path, &err))
		diag_add(diag, file->node, "%s", err.text);
	reading_end();
}

/* At the end of a path: what a server makes of it, or beside it (usage/ledger). */
static const char *const of_usage_file[] = { "", ".new", ".lock", ".bad" };
enum { N_OF_USAGE_FILE = sizeof of_usage_file / sizeof *of_usage_file };

/* Is the file another one that the configuration names? */
static bool is_named(const struct config *config, const struct log_file *file,
                     const struct log_files *logs)
{
	const char *socket = config->settings.admin.socket;
	struct log_files sockets = { 0 };
	bool is_socket;

	if (socket && *socket)
		add_file(&sockets, socket, file->node);
	is_socket = sockets.n > 0 && is_same_file(file, sockets.items);
	free_log_files(&sockets);
	return is_socket || is_read(file, config) || is_log(file, logs);
}

static void refuse_usage_file(const struct config *config, const struct log_files *logs,
                              bool is_running, struct diag *diag)
{
	const struct json *section = json_get(json_doc_root(config->doc), "server");
	const struct json *node = json_get(section, "usage_file");
	struct log_files own = { 0 };
	char *paths[N_OF_USAGE_FILE] = { NULL };
	unsigned n = diag->count;

	if (config->role != ROLE_SERVER || !node || !config->settings.server.usage_file)
		return;
	for (size_t i = 0; i < N_OF_USAGE_FILE; i++) {
		if (asprintf(&paths[i], "%s%s", config->settings.server.usage_file,
		             of_usage_file[i]) >= 0)
			add_file(&own, paths[i], node);
		else
			paths[i] = NULL;
	}
	for (size_t i = 0; i < own.n && diag->count == n; i++) {
		if (is_named(config, &own.items[i], logs))
			diag_add(
				diag, node,
				"expected a file of its own to replace, found one that the "
				"configuration consists of or reads, a log or the admin socket: %s",
				own.items[i].path);
	}
	if (own.n > 0 && diag->count == n)
		check_usage_file(own.items, is_running, diag);
	free_log_files(&own);
	for (size_t i = 0; i < N_OF_USAGE_FILE; i++)
		free(paths[i]);
}

void twins_refuse(const struct config *config, const struct plugin_set *set, bool is_running,
                  struct diag *diag)
{
	struct log_files logs = { 0 };

	if (set)
		logs = find_log_files(set);
	refuse_logs(config, &logs, diag);
	refuse_usage_file(config, &logs, is_running, diag);
	free_log_files(&logs);
}

void twins_find(struct plugin_set *set)
{
	find_equal_secrets(set);
	find_equal_files(set);
}
