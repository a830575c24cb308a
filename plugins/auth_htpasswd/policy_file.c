#include "policy_file.h"

#include <stdlib.h>

#include "../common/file.h"
#include "../common/pointer.h"
#include "../common/report.h"

enum { FILE_MAX = 1024 * 1024, POINTER_SIZE = 320 };

/* Where a value is. */
struct place {
	const spore_create_args *args;
	const char *path;
	char pointer[POINTER_SIZE];
	unsigned faults;
};

static void report_value(struct place *place, const char *fault)
{
	report(place->args, "/policy_file", "%.200s: %s: %s", place->path, place->pointer, fault);
	place->faults++;
}

/* ---- the file ---- */

static void read_policy(struct named_policy *item, struct place *place, const spore_cfg *from)
{
	const spore_host *host = place->args->host;
	size_t len = strlen(place->pointer);
	const spore_cfg *value;
	const char *key, *fault;

	if (host->cfg_type(from) != SPORE_CFG_OBJECT) {
		report_value(place, "expected an object of limits");
		return;
	}
	for (size_t i = 0; (value = host->cfg_at(from, i, &key)) != NULL; i++) {
		fault = terms_set_value(&item->terms, key, host, value);
		pointer_append(place->pointer, sizeof place->pointer, key);
		if (fault)
			report_value(place, fault);
		place->pointer[len] = '\0';
	}
	item->policy = terms_policy(&item->terms);
}

static void read_tree(struct policy_file *file, struct place *place, const spore_cfg *tree)
{
	const spore_host *host = place->args->host;
	const spore_cfg *value;
	const char *key;

	if (host->cfg_type(tree) != SPORE_CFG_OBJECT) {
		report(place->args, "/policy_file",
		       "%.200s: expected an object: names, each with its limits", place->path);
		place->faults++;
		return;
	}
	file->items = calloc(host->cfg_count(tree) + 1, sizeof *file->items);
	for (size_t i = 0; file->items && (value = host->cfg_at(tree, i, &key)) != NULL; i++) {
		struct named_policy *item = &file->items[file->n++];

		item->name = strdup(key);
		item->terms.is_positive = true;
		place->pointer[0] = '\0';
		pointer_append(place->pointer, sizeof place->pointer, key);
		read_policy(item, place, value);
		if (!item->name)
			report_value(place, "out of memory");
	}
}

bool policy_file_read(struct policy_file *file, const spore_create_args *args, const char *path)
{
	struct place place = { .args = args, .path = path };
	spore_cfg *tree;
	spore_str text;
	char error[128];

	*file = (struct policy_file){ 0 };
	if (!file_read(args, "/policy_file", path, FILE_MAX, &text))
		return false;
	if (args->host->cfg_parse(args->ctx, text, &tree, error, sizeof error) != SPORE_OK) {
		report(args, "/policy_file", "%.200s: %s", path, error);
		place.faults++;
	} else {
		read_tree(file, &place, tree);
	}
	args->host->cfg_free(tree);
	file_free(&text);
	return place.faults == 0;
}

void policy_file_fini(struct policy_file *file)
{
	for (size_t i = 0; i < file->n; i++)
		free(file->items[i].name);
	free(file->items);
	*file = (struct policy_file){ 0 };
}
