#include "route/route.h"

#include "chain/plugin_set.h"
#include "scene/component_scene.h"
#include "suite.h"
#include "thread/guest.h"

/* What the routes of a test return, in their order. */
struct reply {
	int32_t verdict;
	spore_route_result result;
};

static struct reply replies[2];
static size_t n_asked;
static spore_route_query asked; /* the last query */

static spore_status create(const spore_create_args *args, void **instance_out)
{
	(void)args;
	*instance_out = replies;
	return SPORE_OK;
}

static void destroy(void *instance)
{
	(void)instance;
}

static int32_t look(void *state, const spore_route_query *query, spore_route_result *out)
{
	static const spore_route_result empty = { .struct_size = sizeof empty };
	const struct reply *reply = &replies[n_asked++];

	ck_assert_ptr_eq(state, replies);
	ck_assert_uint_eq(query->struct_size, sizeof *query);
	ck_assert_mem_eq(out, &empty, sizeof empty);
	ck_assert_str_eq(guest_current_call(), "look");
	asked = *query;
	*out = reply->result;
	return reply->verdict;
}

static const spore_route_ops ops = { .struct_size = sizeof ops, .look = look };
static const spore_component component = {
	.struct_size = sizeof component,
	.kind = SPORE_KIND_ROUTE,
	.name = "fake",
	.ops = &ops,
	.create = create,
	.destroy = destroy,
};

struct scene {
	struct component_scene it;
	struct chain *chain; /* the same instance twice */
	struct route_question question;
	spore_addr peer, local;
	struct route_answer answer;
	enum route_verdict verdict;
};

static void open_scene(struct scene *scene)
{
	*scene = (struct scene){ .question = { .head = { "abc", 3 }, .listener = "web" } };
	memset(replies, 0, sizeof replies);
	n_asked = 0;
	component_scene_open(&scene->it, &component);
	scene->chain = calloc(1, sizeof *scene->chain + 2 * sizeof(struct instance *));
	ck_assert_ptr_nonnull(scene->chain);
	scene->chain->n = 2;
	scene->chain->items[0] = scene->chain->items[1] = scene->it.instance;
	scene->question.peer = &scene->peer;
	scene->question.local = &scene->local;
}

static void close_scene(struct scene *scene)
{
	free(scene->chain);
	component_scene_close(&scene->it);
}

static void ask_chain(void *arg)
{
	struct scene *scene = arg;

	scene->verdict = route_ask(scene->chain, scene->it.host.loops[0], &scene->question,
	                           &scene->answer);
}

static enum route_verdict ask(struct scene *scene)
{
	n_asked = 0;
	host_scene_call(&scene->it.host, ask_chain, scene);
	return scene->verdict;
}

START_TEST(the_query_has_the_bytes_and_the_listener)
{
	struct scene scene;

	open_scene(&scene);
	replies[0].verdict = SPORE_ROUTE_NONE;
	ck_assert_int_eq(ask(&scene), ROUTE_NONE);
	ck_assert_uint_eq(n_asked, 1);
	ck_assert_ptr_eq(scene.answer.by, scene.it.instance);
	ck_assert_uint_eq(asked.head.len, 3);
	ck_assert_mem_eq(asked.head.ptr, "abc", 3);
	ck_assert_uint_eq(asked.is_end, 0);
	ck_assert_uint_eq(asked.listener.len, 3);
	ck_assert_ptr_eq(asked.peer, &scene.peer);
	ck_assert_ptr_eq(asked.local, &scene.local);
	close_scene(&scene);
}
END_TEST

START_TEST(next_asks_the_next_one_and_its_end_is_none)
{
	struct scene scene;

	open_scene(&scene);
	replies[0].verdict = replies[1].verdict = SPORE_NEXT;
	ck_assert_int_eq(ask(&scene), ROUTE_NONE);
	ck_assert_uint_eq(n_asked, 2);
	ck_assert_ptr_null(scene.answer.by);
	replies[1].verdict = SPORE_ROUTE_NAME;
	strcpy(replies[1].result.name, "a.example");
	ck_assert_int_eq(ask(&scene), ROUTE_NAME);
	ck_assert_str_eq(scene.answer.name, "a.example");
	scene.chain->n = 0;
	ck_assert_int_eq(ask(&scene), ROUTE_NONE);
	close_scene(&scene);
}
END_TEST

START_TEST(more_ends_the_chain_and_says_how_many_bytes)
{
	struct scene scene;

	open_scene(&scene);
	replies[0].verdict = SPORE_ROUTE_MORE;
	ck_assert_int_eq(ask(&scene), ROUTE_MORE);
	ck_assert_uint_eq(n_asked, 1);
	ck_assert_uint_eq(scene.answer.need, 4);
	replies[0].result.need = 3; /* these are there */
	ck_assert_int_eq(ask(&scene), ROUTE_MORE);
	ck_assert_uint_eq(scene.answer.need, 4);
	replies[0].result.need = 517;
	ck_assert_int_eq(ask(&scene), ROUTE_MORE);
	ck_assert_uint_eq(scene.answer.need, 517);
	scene.question.is_end = true;
	ck_assert_int_eq(ask(&scene), ROUTE_NONE);
	ck_assert_uint_eq(asked.is_end, 1);
	close_scene(&scene);
}
END_TEST

START_TEST(a_name_that_is_empty_or_unended_is_none)
{
	struct scene scene;

	open_scene(&scene);
	replies[0].verdict = SPORE_ROUTE_NAME;
	ck_assert_int_eq(ask(&scene), ROUTE_NONE);
	memset(replies[0].result.name, 'a', sizeof replies[0].result.name);
	ck_assert_int_eq(ask(&scene), ROUTE_NONE);
	replies[0].result.name[SPORE_ROUTE_NAME_SIZE - 1] = '\0';
	ck_assert_int_eq(ask(&scene), ROUTE_NAME);
	ck_assert_uint_eq(strlen(scene.answer.name), SPORE_ROUTE_NAME_SIZE - 1);
	close_scene(&scene);
}
END_TEST

START_TEST(a_reply_is_for_who_gets_no_tunnel)
{
	static const char page[SPORE_ROUTE_REPLY_MAX + 1] = "404";
	struct scene scene;

	open_scene(&scene);
	replies[0].result.reply = (spore_str){ page, SPORE_ROUTE_REPLY_MAX };
	replies[0].verdict = SPORE_ROUTE_NONE;
	ck_assert_int_eq(ask(&scene), ROUTE_NONE);
	ck_assert_uint_eq(scene.answer.reply.len, SPORE_ROUTE_REPLY_MAX);
	ck_assert_ptr_eq(scene.answer.reply.ptr, page);
	replies[0].verdict = SPORE_ROUTE_NAME;
	ck_assert_int_eq(ask(&scene), ROUTE_NONE); /* the name is empty */
	ck_assert_ptr_eq(scene.answer.reply.ptr, page);
	replies[0].result.reply.len++;
	ask(&scene);
	ck_assert_uint_eq(scene.answer.reply.len, 0);
	replies[0].result.reply.len = 3;
	replies[0].verdict = SPORE_DENY;
	ask(&scene);
	ck_assert_uint_eq(scene.answer.reply.len, 0);
	close_scene(&scene);
}
END_TEST

START_TEST(a_refusal_has_a_reason_of_valid_text)
{
	struct scene scene;

	open_scene(&scene);
	replies[0].verdict = SPORE_DENY;
	strcpy(replies[0].result.reason, "two hosts\xff");
	ck_assert_int_eq(ask(&scene), ROUTE_REFUSED);
	ck_assert_str_eq(scene.answer.reason, "two hosts");
	memset(replies[0].result.reason, 'x', sizeof replies[0].result.reason);
	ck_assert_int_eq(ask(&scene), ROUTE_REFUSED);
	ck_assert_uint_eq(strlen(scene.answer.reason), SPORE_ROUTE_REASON_SIZE - 1);
	close_scene(&scene);
}
END_TEST

START_TEST(what_is_not_a_verdict_refuses)
{
	static const int32_t wrong[] = { 0, 1, SPORE_ALLOW, SPORE_EPROTO, SPORE_UNBOUND };
	struct scene scene;

	open_scene(&scene);
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		replies[0].verdict = wrong[i];
		ck_assert_int_eq(ask(&scene), ROUTE_REFUSED);
		ck_assert_uint_eq(n_asked, 1);
	}
	close_scene(&scene);
}
END_TEST

SUITE("route", the_query_has_the_bytes_and_the_listener, next_asks_the_next_one_and_its_end_is_none,
      more_ends_the_chain_and_says_how_many_bytes, a_name_that_is_empty_or_unended_is_none,
      a_reply_is_for_who_gets_no_tunnel, a_refusal_has_a_reason_of_valid_text,
      what_is_not_a_verdict_refuses)
