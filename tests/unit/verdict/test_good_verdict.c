/* test_auth has the whole way of a verdict. */
#include "verdict/good_verdict.h"

#include "host/last_good.h"
#include "net/stream.h"
#include "scene/host_scene.h"
#include "sockets.h"
#include "suite.h"
#include "verdict/allowance.h"

enum { SESSION = 7 };

/* What is done on the worker. */
struct task {
	struct host_scene scene;
	struct plugin_set *set;
	struct instance *instance;
	struct auth_question question;
	int fds[2];
	void (*fn)(struct task *task);
	struct allowance *allowance;
	bool found;
};

static void run(void *arg)
{
	struct task *task = arg;

	task->fn(task);
}

static void on_worker(struct task *task, void (*fn)(struct task *task))
{
	task->fn = fn;
	host_scene_call(&task->scene, run, task);
}

static void open_stream(struct task *task)
{
	spore_addr peer;

	ck_assert(addr_parse("127.0.0.1:1", &peer));
	task->question.stream = stream_new(task->scene.loops[0], task->fds[0], &peer, NULL);
	ck_assert_ptr_nonnull(task->question.stream);
}

static void close_stream(struct task *task)
{
	allowance_end(task->allowance, SPORE_END_CLOSED, NULL);
	stream_close(task->question.stream, false);
}

static void open_task(struct task *task, const char *on_error)
{
	char text[128];

	*task = (struct task){ .question = { .purpose = SPORE_AUTH_CONTROL, .answer = "alice" } };
	host_scene_open(&task->scene);
	snprintf(text, sizeof text, "{\"auth\":[{\"use\":\"recall\",\"on_error\":\"%s\"}]}",
	         on_error);
	task->set = host_scene_server(&task->scene, text);
	task->instance = task->set->chains[CHAIN_AUTH]->items[0];
	task->question.set = task->set;
	sockets_tcp_pair(task->fds);
	on_worker(task, open_stream);
}

static void close_task(struct task *task)
{
	on_worker(task, close_stream);
	close(task->fds[1]);
	plugin_set_unref(task->set);
	host_scene_close(&task->scene);
}

static struct grant *make_grant(uint64_t session)
{
	return grant_new(&(spore_auth_result){ .struct_size = sizeof(spore_auth_result),
	                                       .identity = spore_cstr("alice"),
	                                       .session = session,
	                                       .verifier = spore_cstr("alice") });
}

static void let_in(struct task *task)
{
	struct last_good *store = task->instance->last_good;
	struct revision_stamp asked = revisions_stamp(&task->instance->revisions);
	struct grant *grant = make_grant(SESSION);

	last_good_release(store, last_good_put(store, grant, &asked, clock_ms()), clock_ms());
	grant_free(grant);
}

static void find(struct task *task)
{
	task->found = good_verdict_find(&task->question, task->instance, SPORE_EBACKEND,
	                                &task->allowance);
}

static void forget(struct task *task)
{
	good_verdict_forget(&task->question, task->instance);
}

static void confirm(struct task *task)
{
	struct revision_stamp asked = revisions_stamp(&task->instance->revisions);
	struct grant *grant = make_grant(SESSION);

	good_verdict_confirm(&task->question, task->instance, NULL, &asked);
	good_verdict_confirm(&task->question, task->instance, grant, &asked);
	grant_free(grant);
}

START_TEST(a_control_connection_gets_an_allow)
{
	struct task task;

	open_task(&task, "last_good");
	on_worker(&task, find);
	ck_assert(!task.found);
	ck_assert_ptr_null(task.allowance);
	let_in(&task);
	on_worker(&task, find);
	ck_assert(task.found);
	ck_assert_str_eq(task.allowance->grant->identity, "alice");
	ck_assert_uint_ne(task.allowance->ticket, 0);
	ck_assert_ptr_null(task.allowance->good); /* it extends nothing */
	close_task(&task);
}
END_TEST

START_TEST(a_data_connection_needs_the_session_of_its_tunnel)
{
	struct task task;

	open_task(&task, "last_good");
	let_in(&task);
	task.question.purpose = SPORE_AUTH_DATA;
	task.question.session = SESSION + 1;
	on_worker(&task, find);
	ck_assert(!task.found);
	task.question.session = SESSION;
	on_worker(&task, find);
	ck_assert(task.found);
	ck_assert_ptr_null(task.allowance);
	close_task(&task);
}
END_TEST

START_TEST(a_renewal_gets_none)
{
	struct task task;

	open_task(&task, "last_good");
	let_in(&task);
	task.question.purpose = SPORE_AUTH_RENEW;
	on_worker(&task, find);
	ck_assert(!task.found);
	close_task(&task);
}
END_TEST

START_TEST(a_denial_ends_it)
{
	struct task task;

	open_task(&task, "last_good");
	let_in(&task);
	task.question.answer = "bob";
	on_worker(&task, forget);
	ck_assert(!last_good_is_empty(task.instance->last_good));
	task.question.answer = "alice";
	on_worker(&task, forget);
	ck_assert(last_good_is_empty(task.instance->last_good));
	close_task(&task);
}
END_TEST

/* What the plugin says of another session is not about this tunnel. */
START_TEST(a_data_connection_confirms_its_own_session)
{
	struct task task;

	open_task(&task, "last_good");
	task.question.purpose = SPORE_AUTH_DATA;
	task.question.session = SESSION + 1;
	on_worker(&task, confirm);
	ck_assert(last_good_is_empty(task.instance->last_good));
	task.question.session = SESSION;
	on_worker(&task, confirm);
	ck_assert(!last_good_is_empty(task.instance->last_good));
	close_task(&task);
}
END_TEST

START_TEST(without_last_good_nothing_happens)
{
	struct task task;

	open_task(&task, "deny");
	on_worker(&task, find);
	ck_assert(!task.found);
	on_worker(&task, forget);
	task.question.session = SESSION;
	on_worker(&task, confirm);
	close_task(&task);
}
END_TEST

SUITE("good_verdict", a_control_connection_gets_an_allow,
      a_data_connection_needs_the_session_of_its_tunnel, a_renewal_gets_none, a_denial_ends_it,
      a_data_connection_confirms_its_own_session, without_last_good_nothing_happens)
