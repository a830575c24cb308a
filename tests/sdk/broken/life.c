/* Faults of the functions of a life: constructor, create, worker_start, drain, stop, destroy. */
#include "broken.h"

/* ---- loading ---- */

#ifdef CASE_constructor_exits
ON_LOAD()
{
	exit(0);
}
#endif

#ifdef CASE_constructor_hangs
ON_LOAD()
{
	broken_hang();
}
#endif

#ifdef CASE_constructor_crashes
ON_LOAD()
{
	broken_crash();
}
#endif

/* ---- create ---- */

#ifdef CASE_create_exits
ON_CREATE()
{
	exit(0);
}
#endif

#ifdef CASE_create_exits_on_reload
ON_CREATE()
{
	if (broken->conf->generation > 1)
		exit(0);
	return SPORE_OK;
}
#endif

#ifdef CASE_create_crashes
ON_CREATE()
{
	broken_crash();
	return SPORE_OK;
}
#endif

#ifdef CASE_create_aborts
ON_CREATE()
{
	abort();
}
#endif

#ifdef CASE_create_hangs
ON_CREATE()
{
	broken_hang();
	return SPORE_OK;
}
#endif

#ifdef CASE_create_hangs_on_reload
ON_CREATE()
{
	if (broken->conf->generation > 1)
		broken_hang();
	return SPORE_OK;
}
#endif

#ifdef CASE_create_returns_42
ON_CREATE()
{
	return 42;
}
#endif

#ifdef CASE_create_is_pending
ON_CREATE()
{
	return SPORE_EPENDING;
}
#endif

#ifdef CASE_create_and_a_report
ON_CREATE()
{
	args->report(args, "/text", "it is not to my taste");
	return SPORE_OK;
}
#endif

#ifdef CASE_create_reports_nonsense
ON_CREATE()
{
	args->report(args, NULL, NULL);
	args->report(args, "no/pointer/at all", "\x1b[2J\n");
	return SPORE_ECONFIG;
}
#endif

/* The arguments are valid until create() returns. */
#ifdef CASE_create_keeps_args
static spore_create_args kept;

ON_CREATE()
{
	SPORE_COPY(&kept, args);
	return SPORE_OK;
}

ON_VERIFY()
{
	kept.report(&kept, "/text", "much too late");
	return SPORE_DENY;
}
#endif

/* ---- workers ---- */

#ifdef CASE_worker_start_hangs
ON_WORKER_START()
{
	broken_hang();
	return SPORE_OK;
}
#endif

#ifdef CASE_worker_start_fails_on_one
ON_WORKER_START()
{
	return state->host->worker_index(state->worker) == 1 ? SPORE_EBACKEND : SPORE_OK;
}
#endif

#ifdef CASE_worker_start_returns_42
ON_WORKER_START()
{
	return 42;
}
#endif

#ifdef CASE_worker_start_crashes
ON_WORKER_START()
{
	broken_crash();
	return SPORE_OK;
}
#endif

#ifdef CASE_drain_crashes
ON_DRAIN()
{
	broken_crash();
}
#endif

#ifdef CASE_stop_frees_twice
ON_STOP()
{
	free(state);
}
#endif

#ifdef CASE_drain_hangs
ON_DRAIN()
{
	broken_hang();
}
#endif

#ifdef CASE_stop_hangs
ON_STOP()
{
	broken_hang();
}
#endif

/* ---- the end ---- */

#ifdef CASE_destroy_crashes
ON_DESTROY()
{
	broken_crash();
}
#endif

#ifdef CASE_destroy_frees_twice
ON_DESTROY()
{
	free(broken);
}
#endif

/* The worker's handle is no longer valid, since worker_stop() has returned. */
#ifdef CASE_destroy_posts
static spore_worker *kept;

ON_WORKER_START()
{
	kept = state->worker;
	return SPORE_OK;
}

static void nothing(void *arg)
{
}

ON_DESTROY()
{
	if (broken->host->post(kept, nothing, NULL) != SPORE_ESTALE)
		abort();
}
#endif
