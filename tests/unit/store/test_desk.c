#include "desk.h"

#include "base/container.h"
#include "services/host.h"
#include "suite.h"

static const uint8_t key[RECORD_KEY_SIZE] = { 1, 2, 3 };

/* An instance on one worker, with one verifier that the host has held. */
struct scene {
	struct keeper keeper;
	struct keeper_worker worker;
	spore_held held;
	spore_verifier verifier;
	bool is_shown;
	void (*meanwhile)(struct scene *scene); /* NULL: nothing happens */
	char answer[SPORE_AUTH_ANSWER_MAX];
	spore_auth_request rq;
};

static const spore_verifier *next_verifier(const spore_held *held, uint64_t hint)
{
	struct scene *scene = CONTAINER_OF((spore_held *)(uintptr_t)held, struct scene, held);

	(void)hint;
	if (scene->is_shown)
		return NULL;
	scene->is_shown = true;
	if (scene->meanwhile)
		scene->meanwhile(scene);
	return &scene->verifier;
}

/* The answer to the challenge of zeros, without a name. */
static void set_answer(struct scene *scene)
{
	uint8_t tag[BORE_TAG_SIZE];

	host_table()->hmac_sha256(key, sizeof key, scene->rq.challenge, sizeof scene->rq.challenge,
	                          tag);
	bore_tag_print(tag, scene->answer);
	scene->rq.answer = (spore_str){ scene->answer, BORE_HEX_SIZE };
}

static void open_scene(struct scene *scene)
{
	*scene = (struct scene){
		.keeper = { .host = host_table(), .rules = { .host = host_table() } },
		.held = { .struct_size = sizeof scene->held, .next = next_verifier },
		.verifier = { .struct_size = sizeof scene->verifier,
		              .bytes = { (const char *)key, sizeof key },
		              .identity = spore_cstr("alice"),
		              .session = 7 },
		.rq = { .struct_size = sizeof scene->rq, .purpose = SPORE_AUTH_CONTROL },
	};
	scene->keeper.sessions = sessions_new(false);
	scene->keeper.roll = roll_new(1);
	ck_assert(scene->keeper.sessions && scene->keeper.roll);
	scene->worker.keeper = &scene->keeper;
	set_answer(scene);
}

static void close_scene(struct scene *scene)
{
	sessions_unref(scene->keeper.sessions);
	roll_free(scene->keeper.roll);
}

static int32_t recheck(struct scene *scene, spore_ticket ticket)
{
	scene->is_shown = false;
	return desk_ops.recheck(&scene->worker, &scene->rq, ticket, &scene->held);
}

static bool has_session(const struct scene *scene)
{
	struct session session;

	return sessions_find(scene->keeper.sessions, 7, &session);
}

START_TEST(an_earlier_verdict_begins_a_session)
{
	struct scene scene;

	open_scene(&scene);
	ck_assert_int_eq(recheck(&scene, 0), SPORE_ALLOW); /* only asks */
	ck_assert(!has_session(&scene));
	ck_assert_int_eq(recheck(&scene, 1), SPORE_ALLOW);
	ck_assert(has_session(&scene));
	close_scene(&scene);
}
END_TEST

static void change_alice(struct scene *scene)
{
	sessions_touch(scene->keeper.sessions, "alice");
}

/* The name is known only when the verifier is found. */
START_TEST(a_change_during_a_recheck_counts)
{
	struct scene scene;

	open_scene(&scene);
	scene.meanwhile = change_alice;
	ck_assert_int_eq(recheck(&scene, 1), SPORE_NEXT);
	ck_assert(!has_session(&scene));
	scene.meanwhile = NULL;
	ck_assert_int_eq(recheck(&scene, 1), SPORE_ALLOW);
	close_scene(&scene);
}
END_TEST

SUITE("desk", an_earlier_verdict_begins_a_session, a_change_during_a_recheck_counts)
