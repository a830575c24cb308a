/* answer_scene - a JSON text, parsed as an answer of the server, and what is printed of it. */
#ifndef UNIT_ANSWER_SCENE_H
#define UNIT_ANSWER_SCENE_H

#include <check.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "show/answer.h"
#include "json/json.h"
#include "json/parse.h"

struct answer_scene {
	struct json_doc *doc;
	const struct json *root;
};

static inline void answer_scene_open(struct answer_scene *scene, const char *text)
{
	struct json_error error;

	scene->doc = json_doc_new();
	scene->root = json_parse(scene->doc,
	                         json_source_add(scene->doc, "answer", text, strlen(text)), &error);
	ck_assert_ptr_nonnull(scene->root);
}

static inline void answer_scene_close(struct answer_scene *scene)
{
	json_doc_free(scene->doc);
}

/* Is exactly this printed of the answer to `command`? */
static inline void answer_scene_check(const char *command, const char *answer, const char *expected)
{
	struct answer_scene scene;
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	answer_scene_open(&scene, answer);
	ck_assert(answer_print(command, scene.root, out));
	fclose(out);
	ck_assert_str_eq(text, expected);
	free(text);
	answer_scene_close(&scene);
}

#endif
