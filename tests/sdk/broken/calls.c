/* Functions of the host that are called with wrong arguments. The host refuses each call, and names
 * the plugin. */
#include "broken.h"

#include <fcntl.h>
#include <pthread.h>

__attribute__((unused)) static void nothing(void *arg)
{
}

__attribute__((unused)) static void on_ready(void *arg, uint32_t events)
{
}

__attribute__((unused)) static void on_resolved(void *arg, spore_status status,
                                                const spore_addr *addrs, size_t n)
{
}

/* Defines on_verify, which logs the status that this call returns. */
#define VERIFY_CALLS(...)                                                                          \
	ON_VERIFY()                                                                                \
	{                                                                                          \
		const spore_host *host = state->host;                                              \
		spore_worker *worker = state->worker;                                              \
		spore_status status = (__VA_ARGS__);                                               \
                                                                                                   \
		(void)host, (void)worker;                                                          \
		BROKEN_LOG(state, "the host says %d", status);                                     \
		return SPORE_DENY;                                                                 \
	}

__attribute__((unused)) static spore_timer timer;
__attribute__((unused)) static spore_io io;
__attribute__((unused)) static spore_resolve look_up;

/* ---- timers ---- */

#ifdef CASE_timer_in_the_past
VERIFY_CALLS(host->timer_start(worker, -5, 0, nothing, NULL, &timer))
#endif

#ifdef CASE_timer_repeats_backwards
VERIFY_CALLS(host->timer_start(worker, 5, -5, nothing, NULL, &timer))
#endif

/* 292 million years are an unusual time, but no wrong one. */
#ifdef CASE_timer_for_ever
VERIFY_CALLS(host->timer_start(worker, INT64_MAX, INT64_MAX, nothing, NULL, &timer))
#endif

#ifdef CASE_timer_without_function
VERIFY_CALLS(host->timer_start(worker, 0, 0, NULL, NULL, &timer))
#endif

#ifdef CASE_timer_without_worker
VERIFY_CALLS(host->timer_start(NULL, 0, 0, nothing, NULL, &timer))
#endif

/* The second stop must not stop the timer that was started in between. */
#ifdef CASE_timer_stopped_twice
ON_VERIFY()
{
	const spore_host *host = state->host;
	spore_timer first, second;

	host->timer_start(state->worker, 1000, 0, nothing, NULL, &first);
	host->timer_stop(first);
	host->timer_start(state->worker, 1000, 0, nothing, NULL, &second);
	BROKEN_LOG(state, "the host says %d", host->timer_stop(first));
	BROKEN_LOG(state, "and then %d", host->timer_stop(second));
	return SPORE_DENY;
}
#endif

#ifdef CASE_timer_of_another_thread
static void *start_timer(void *arg)
{
	struct state *state = arg;

	BROKEN_LOG(state, "the host says %d",
	           state->host->timer_start(state->worker, 0, 0, nothing, NULL, &timer));
	return NULL;
}

ON_VERIFY()
{
	pthread_t thread;

	pthread_create(&thread, NULL, start_timer, state);
	pthread_join(thread, NULL);
	return SPORE_DENY;
}
#endif

#ifdef CASE_timers_leak
ON_WORKER_START()
{
	for (int i = 0; i < 3; i++)
		state->host->timer_start(state->worker, 1000000, 10, nothing, NULL, &timer);
	return SPORE_OK;
}
#endif

/* ---- descriptors ---- */

#ifdef CASE_watches_minus_one
VERIFY_CALLS(host->io_start(worker, -1, SPORE_READ, on_ready, NULL, &io))
#endif

#ifdef CASE_watches_a_closed_descriptor
static int closed_descriptor(void)
{
	int fds[2];

	if (pipe(fds) < 0)
		abort();
	close(fds[0]);
	close(fds[1]);
	return fds[0];
}

VERIFY_CALLS(host->io_start(worker, closed_descriptor(), SPORE_READ, on_ready, NULL, &io))
#endif

/* epoll refuses it. The event loop would call on_ready for ever. */
#ifdef CASE_watches_a_file
VERIFY_CALLS(host->io_start(worker, open("/proc/self/exe", O_RDONLY), SPORE_READ, on_ready, NULL,
                            &io))
#endif

#ifdef CASE_watches_for_nonsense
VERIFY_CALLS(host->io_start(worker, 0, 0xFFFF, on_ready, NULL, &io))
#endif

#ifdef CASE_watches_a_huge_descriptor
VERIFY_CALLS(host->io_start(worker, INT32_MAX, SPORE_READ, on_ready, NULL, &io))
#endif

#ifdef CASE_closes_before_it_stops
ON_VERIFY()
{
	int fds[2];

	if (pipe(fds) < 0 || state->host->io_start(state->worker, fds[0], SPORE_READ, on_ready,
	                                           NULL, &io) != SPORE_OK)
		abort();
	close(fds[0]);
	BROKEN_LOG(state, "the host says %d", state->host->io_stop(io));
	close(fds[1]);
	return SPORE_DENY;
}
#endif

/* ---- threads and look-ups ---- */

#ifdef CASE_posts_nothing
VERIFY_CALLS(host->post(worker, NULL, NULL))
#endif

#ifdef CASE_offloads_nothing
VERIFY_CALLS(host->offload(worker, NULL, nothing, NULL))
#endif

#ifdef CASE_resolves_nothing
VERIFY_CALLS(host->resolve(worker, NULL, 80, on_resolved, NULL, &look_up))
#endif

#ifdef CASE_resolves_a_long_name
static char name[5000];

VERIFY_CALLS(memset(name, 'a', sizeof name - 1),
             host->resolve(worker, name, 80, on_resolved, NULL, &look_up))
#endif

/* ---- the log, metrics and the rest ---- */

#ifdef CASE_logs_nothing
ON_VERIFY()
{
	spore_str nothing_at_all = { NULL, 10 };

	state->host->log(state->broken->ctx, 99, nothing_at_all, NULL, 1000);
	state->host->log(state->broken->ctx, -99, nothing_at_all, NULL, 1000);
	return SPORE_DENY;
}
#endif

#ifdef CASE_logs_for_the_terminal
ON_VERIFY()
{
	spore_kv field = { spore_cstr("key\n\x1b[2J"), spore_cstr("\x1b]0;title\a\n") };

	state->host->log(state->broken->ctx, SPORE_LOG_ERROR,
	                 spore_cstr("\n2026-01-01T00:00:00Z error all is lost\x1b[2J"), &field, 1);
	return SPORE_DENY;
}
#endif

#ifdef CASE_asks_for_no_extension
ON_VERIFY()
{
	BROKEN_LOG(state, "extension %p", state->host->get_extension(NULL));
	return SPORE_DENY;
}
#endif

#ifdef CASE_updates_unknown_series
ON_VERIFY()
{
	state->host->metric_add(state->worker, 0, 1);
	state->host->metric_set(state->worker, UINT32_MAX, 1);
	state->host->metric_observe(state->worker, 123456, -1);
	return SPORE_DENY;
}
#endif

#ifdef CASE_registers_bad_families
ON_CREATE()
{
	static const char *const names[] = { "", "Total", "a b", "x_total", "\x1b[2J" };
	uint32_t accepted = 0;

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		spore_metric_spec spec = { .struct_size = sizeof spec,
			                   .type = i == 3 ? SPORE_METRIC_GAUGE
			                                  : SPORE_METRIC_COUNTER,
			                   .name = names[i],
			                   .help = "none" };

		accepted |= broken->host->metric_family(broken->ctx, &spec);
	}
	spore_logf(broken->host, broken->ctx, SPORE_LOG_INFO, "accepted %u", accepted);
	return SPORE_OK;
}
#endif

#ifdef CASE_asks_a_connection_for_nothing
ON_VERIFY()
{
	spore_str value = { NULL, 0 };

	BROKEN_LOG(state, "attribute %u", state->host->conn_attr(rq->conn, NULL, SIZE_MAX, &value));
	return SPORE_DENY;
}
#endif

#ifdef CASE_revalidates_nobody
VERIFY_CALLS(host->auth_revalidate(state->broken->ctx, (spore_str){ NULL, 10 }, SPORE_DENY, NULL))
#endif

#ifdef CASE_listens_nowhere
ON_CREATE()
{
	spore_addr nowhere = { .family = 77 };
	int fd = -1;

	spore_logf(broken->host, broken->ctx, SPORE_LOG_INFO, "the host says %d",
	           broken->host->listener_get(broken->ctx, &nowhere, &fd));
	return SPORE_OK;
}
#endif
