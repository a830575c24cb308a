/* doubt_scene - the doubts about a configuration, as the host prints them. */
#ifndef UNIT_DOUBT_SCENE_H
#define UNIT_DOUBT_SCENE_H

#include "capture.h"
#include "doubts/cut_off_doubts.h"
#include "doubts/doubts.h"
#include "scene/host_scene.h"

/* Prints the doubts about `set`, gives it back, and closes the scene. The text is valid until the
 * next call. */
static inline const char *doubt_scene_end(struct host_scene *scene, struct plugin_set *set)
{
	static char printed[4096];
	FILE *out = fmemopen(printed, sizeof printed, "w");

	doubts_print(set, out);
	fputc('\0', out);
	fclose(out);
	plugin_set_unref(set);
	host_scene_close(scene);
	return printed;
}

/* The lines about a configuration of this role (ROLE_*). */
static inline const char *doubt_scene_lines(unsigned role, const char *text)
{
	struct host_scene scene;
	struct plugin_set *set;

	host_scene_open(&scene);
	set = host_scene_start(&scene, role, text);
	doubts_find(set);
	return doubt_scene_end(&scene, set);
}

static inline const char *doubt_scene_server(const char *text)
{
	return doubt_scene_lines(ROLE_SERVER, text);
}

/* The lines about a reload of a server from the first configuration to the second one. */
static inline const char *doubt_scene_reload(const char *from, const char *to)
{
	struct host_scene scene;
	struct plugin_set *before, *after;

	host_scene_open(&scene);
	before = host_scene_server(&scene, from);
	after = host_scene_server(&scene, to);
	cut_off_doubts_find(before, NULL);
	cut_off_doubts_find(after, before);
	plugin_set_unref(before);
	return doubt_scene_end(&scene, after);
}

/* An auth instance that knows two identities. */
#define DOUBT_SCENE_AUTH "{\"use\":\"multi_secret\",\"secrets\":{\"alice\":\"a\",\"bob\":\"b\"}}"

#endif
