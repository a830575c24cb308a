/* rehearsal_scene - a client with a secret, which a test asks: the plugins of the build answer. */
#ifndef UNIT_REHEARSAL_SCENE_H
#define UNIT_REHEARSAL_SCENE_H

#include "net/addr.h"
#include "rehearsal/asking.h"
#include "scene/serve_scene.h"

struct rehearsal_scene {
	struct serve_scene client;
	struct asking asking;
};

static inline void rehearsal_begin(struct rehearsal_scene *scene, const char *secret)
{
	char members[256];
	struct err err;

	snprintf(members, sizeof members,
	         "\"client\": {\"to\": \"h\"}, \"tunnels\": [{\"local_port\": 1}], "
	         "\"auth\": [{\"use\": \"hmac\", \"secret\": \"%s\"}]",
	         secret);
	serve_scene_open(&scene->client, members);
	scene->asking = (struct asking){ .as_json = true };
	ck_assert(addr_parse("127.0.0.1:0", &scene->asking.question.facts.peer));
	ck_assert(answerer_start(&scene->asking.answerer, scene->client.config, NULL, &err));
}

static inline void rehearsal_end(struct rehearsal_scene *scene)
{
	answerer_stop(&scene->asking.answerer);
	serve_scene_close(&scene->client);
}

#endif
