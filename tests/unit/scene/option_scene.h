/* option_scene - a JSON text checked against a table, with what the diag said of it. */
#ifndef UNIT_OPTION_SCENE_H
#define UNIT_OPTION_SCENE_H

#include <check.h>
#include <string.h>

#include "option/option.h"
#include "json/parse.h"

struct option_scene {
	struct json_doc *doc;
	struct diag diag;
	struct json *root;
	char printed[4096];
};

static inline void option_scene_open(struct option_scene *scene, const char *text)
{
	struct json_source *source;
	struct json_error error;

	*scene = (struct option_scene){ .doc = json_doc_new() };
	ck_assert_ptr_nonnull(scene->doc);
	source = json_source_add(scene->doc, "t", text, strlen(text));
	scene->root = json_parse(scene->doc, source, &error);
	ck_assert_msg(scene->root != NULL, "%s: %s", text, error.text);
}

/* The first message alone: what stands between "error: " and the end of its line. */
static inline const char *option_scene_message(struct option_scene *scene)
{
	FILE *file = fmemopen(scene->printed, sizeof scene->printed, "w");
	char *start;

	diag_print(&scene->diag, file);
	fputc('\0', file);
	fclose(file);
	start = strstr(scene->printed, "error: ");
	if (!start)
		return "";
	start[strcspn(start, "\n")] = '\0';
	return start + strlen("error: ");
}

static inline void option_scene_close(struct option_scene *scene)
{
	diag_fini(&scene->diag);
	json_doc_free(scene->doc);
}

#endif
