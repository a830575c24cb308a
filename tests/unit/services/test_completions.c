#include "services/completions.h"

#include "host/ticket.h"
#include "scene/thing_scene.h"
#include "suite.h"

/* Numbers that are not verdicts, and answers that do not fit a frame, are errors. */
START_TEST(completions_check_what_they_get)
{
	const spore_host *host = host_table();
	struct component_scene scene;
	char text[SPORE_AUTH_ANSWER_MAX + 1] = "";

	component_scene_open(&scene, &thing_scene);
	ck_assert_int_eq(host->complete_verify(1, 0, NULL), SPORE_EINVAL);
	ck_assert_int_eq(host->complete_verify(1, 1, NULL), SPORE_EINVAL);
	ck_assert_int_eq(host->complete_verify(1, SPORE_EPENDING, NULL), SPORE_EINVAL);
	ck_assert_int_eq(host->complete_verify(1, SPORE_ALLOW, NULL), SPORE_ESTALE);
	ck_assert_int_eq(host->complete_verify(1, SPORE_EBACKEND, NULL), SPORE_ESTALE);
	ck_assert_int_eq(host->complete_answer(1, SPORE_ALLOW, spore_cstr("x")), SPORE_EINVAL);
	ck_assert_int_eq(host->complete_answer(1, SPORE_OK, (spore_str){ NULL, 0 }), SPORE_EINVAL);
	ck_assert_int_eq(host->complete_answer(1, SPORE_OK, (spore_str){ text, 1 }), SPORE_EINVAL);
	memset(text, 'x', sizeof text);
	ck_assert_int_eq(host->complete_answer(1, SPORE_OK, (spore_str){ text, sizeof text }),
	                 SPORE_EINVAL);
	ck_assert_int_eq(host->complete_answer(1, SPORE_OK, (spore_str){ text, sizeof text - 1 }),
	                 SPORE_ESTALE);
	ck_assert_int_eq(host->complete_handshake(1, SPORE_OK), SPORE_ESTALE);
	ck_assert_int_eq(host->complete_handshake(1, SPORE_EPENDING), SPORE_EINVAL);
	ck_assert_int_eq(host->complete_handshake(1, 1), SPORE_EINVAL);
	component_scene_close(&scene);
}
END_TEST

static void note_result(void *arg, struct ticket_result *result)
{
	*(int32_t *)arg = result->status;
	grant_free(result->grant);
}

/* Completes a ticket of this kind wrongly on the worker. */
struct wrong {
	struct component_scene scene;
	enum ticket_kind kind;
	int32_t result;
};

static void complete_wrongly(void *arg)
{
	const spore_auth_result bad = { .struct_size = 0 };
	const spore_host *host = host_table();
	struct wrong *wrong = arg;
	spore_ticket ticket = ticket_open(wrong->scene.host.loops[0], wrong->kind, note_result,
	                                  &wrong->result);

	if (wrong->kind == TICKET_VERIFY) {
		ck_assert_int_eq(host->complete_handshake(ticket, SPORE_OK), SPORE_EINVAL);
		ck_assert(ticket_is_open(ticket)); /* it is of another kind */
		ck_assert_int_eq(host->complete_verify(ticket, SPORE_ALLOW, &bad), SPORE_EINVAL);
	} else if (wrong->kind == TICKET_ANSWER) {
		ck_assert_int_eq(host->complete_answer(ticket, SPORE_OK, (spore_str){ NULL, 3 }),
		                 SPORE_EINVAL);
	} else if (wrong->kind == TICKET_HANDSHAKE) {
		ck_assert_int_eq(host->complete_handshake(ticket, SPORE_EAGAIN), SPORE_EINVAL);
	} else {
		ck_assert_int_eq(host->complete_start(ticket, 1), SPORE_EINVAL);
	}
	ck_assert(!ticket_is_open(ticket));
	ck_assert_int_eq(host->complete_verify(ticket, SPORE_ALLOW, NULL),
	                 wrong->kind == TICKET_VERIFY ? SPORE_ESTALE : SPORE_EINVAL);
}

/* It ends at once and fails closed, instead of with the deadline. */
START_TEST(a_wrong_completion_ends_the_operation)
{
	for (int kind = TICKET_VERIFY; kind <= TICKET_START; kind++) {
		struct wrong wrong = { .kind = (enum ticket_kind)kind };

		component_scene_open(&wrong.scene, &thing_scene);
		host_scene_call(&wrong.scene.host, complete_wrongly, &wrong);
		component_scene_close(&wrong.scene);
		ck_assert_int_eq(wrong.result, SPORE_EINVAL);
	}
}
END_TEST

SUITE("completions", completions_check_what_they_get, a_wrong_completion_ends_the_operation)
