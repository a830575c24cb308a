/* broken - an auth plugin with hooks. Each broken plugin of this folder defines one of them.
 *
 * A source file holds the broken plugins of one topic. -DCASE_name and -DNAME="name" build one of
 * them as auth_name.so. table.py says what each does and what the host must make of it.
 *
 * The plugin leaves every decision to the next instance of the chain, except for a client that
 * answers "break NAME": that one runs on_verify. So a test chooses the moment of the fault, and
 * other clients show whether the host still serves them. */
#ifndef BROKEN_H
#define BROKEN_H

#include <spore/auth.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#ifndef NAME
#define NAME "broken"
#endif

struct conf {
	int64_t generation; /* lets a test make an instance that differs from the one before */
	const char *text;
};

struct broken {
	const spore_host *host;
	spore_ctx *ctx;
	const struct conf *conf;
};

/* The state of one worker. */
struct state {
	struct broken *broken;
	const spore_host *host;
	spore_worker *worker;
};

/* The hooks. One that no case defines is NULL. */
#define ON_LOAD() void on_load(void)
/* clang-format off */
#define ON_CREATE()                                                                                \
	spore_status on_create(struct broken *broken, const spore_create_args *args)
/* clang-format on */
#define ON_WORKER_START() spore_status on_worker_start(struct state *state)
#define ON_DRAIN()        void on_drain(struct state *state)
#define ON_STOP()         void on_stop(struct state *state)
#define ON_DESTROY()      void on_destroy(struct broken *broken)
#define ON_CANCEL()       void on_cancel(struct state *state, spore_ticket ticket)
#define ON_VERIFY()                                                                                \
	int32_t on_verify(struct state *state, const spore_auth_request *rq, spore_ticket ticket)

#define BROKEN_HOOK __attribute__((weak, visibility("hidden")))
BROKEN_HOOK ON_LOAD();
BROKEN_HOOK ON_CREATE();
BROKEN_HOOK ON_WORKER_START();
BROKEN_HOOK ON_DRAIN();
BROKEN_HOOK ON_STOP();
BROKEN_HOOK ON_DESTROY();
BROKEN_HOOK ON_VERIFY();
BROKEN_HOOK ON_CANCEL();

#define BROKEN_LOG(state_, ...)                                                                    \
	spore_logf((state_)->host, (state_)->broken->ctx, SPORE_LOG_INFO, __VA_ARGS__)

/* Faults as the processor sees them. A compiler cannot tell, and leaves them in. */
static inline void broken_crash(void)
{
	*(volatile int *)8 = 1;
}

static inline void broken_hang(void)
{
	for (;;)
		pause();
}

/* ---- the plugin ---- */

__attribute__((constructor)) static void broken_load(void)
{
	if (on_load)
		on_load();
}

static inline spore_status broken_create(const spore_create_args *args, void **instance_out)
{
	struct broken *broken = malloc(sizeof *broken);
	spore_status status = SPORE_OK;

	if (!broken)
		return SPORE_ENOMEM;
	*broken = (struct broken){ args->host, args->ctx, args->conf };
	if (on_create)
		status = on_create(broken, args);
	*instance_out = broken;
	return status;
}

static inline void broken_destroy(void *instance)
{
	if (on_destroy)
		on_destroy(instance);
	free(instance);
}

static inline spore_status broken_worker_start(void *instance, spore_worker *worker,
                                               spore_ticket ticket, void **state_out)
{
	struct state *state = malloc(sizeof *state);
	struct broken *broken = instance;

	if (!state)
		return SPORE_ENOMEM;
	*state = (struct state){ broken, broken->host, worker };
	*state_out = state;
	return on_worker_start ? on_worker_start(state) : SPORE_OK;
}

static inline void broken_worker_drain(void *state)
{
	if (on_drain)
		on_drain(state);
}

static inline void broken_worker_stop(void *state)
{
	if (on_stop)
		on_stop(state);
	free(state);
}

static inline int32_t broken_verify(void *state, const spore_auth_request *rq, spore_ticket ticket)
{
	static const char word[] = "break " NAME;

	if (on_verify && rq->answer.len == sizeof word - 1 &&
	    memcmp(rq->answer.ptr, word, sizeof word - 1) == 0)
		return on_verify(state, rq, ticket);
	return SPORE_NEXT;
}

static inline void broken_cancel(void *state, spore_ticket ticket)
{
	if (on_cancel)
		on_cancel(state, ticket);
}

static const spore_auth_ops broken_ops = {
	.struct_size = sizeof broken_ops,
	.verify = broken_verify,
	.cancel = broken_cancel,
};

static const spore_option broken_options[] = {
	SPORE_INT(struct conf, generation, 0, "1", 0, 1000, "changes nothing"),
	SPORE_STRING(struct conf, text, 0, "\"some text\"", "changes nothing"),
};

/* The members of the component. */
#define BROKEN_COMPONENT                                                                           \
	.struct_size = sizeof(spore_component), .kind = SPORE_KIND_AUTH, .name = NAME,             \
	.summary = "broken", .ops = &broken_ops, .options = broken_options, .n_options = 2,        \
	.option_size = sizeof(spore_option), .conf_size = sizeof(struct conf),                     \
	.create = broken_create, .destroy = broken_destroy, .worker_start = broken_worker_start,   \
	.worker_drain = broken_worker_drain, .worker_stop = broken_worker_stop

#ifndef OWN_PLUGIN
static const spore_component broken_component = { BROKEN_COMPONENT };
SPORE_PLUGIN("auth_broken", "1.0.0", "", "MIT", "", &broken_component);
#endif

#endif
