/* verify() that returns or completes something wrong. */
#include "broken.h"

#include <pthread.h>

/* Allows with this result, and logs what the host says. */
__attribute__((unused)) static int32_t allow(struct state *state, spore_ticket ticket,
                                             const spore_auth_result *result)
{
	spore_status status = state->host->complete_verify(ticket, SPORE_ALLOW, result);

	BROKEN_LOG(state, "the host says %d", status);
	return status == SPORE_OK ? SPORE_EPENDING : SPORE_DENY;
}

/* Defines on_verify, which allows with these members of the result. */
#define ALLOW_WITH(...)                                                                            \
	ON_VERIFY()                                                                                \
	{                                                                                          \
		return allow(state, ticket,                                                        \
		             &(spore_auth_result){ .struct_size = sizeof(spore_auth_result),       \
		                                   __VA_ARGS__ });                                 \
	}

/* ---- returned values ---- */

#ifdef CASE_returns_true
ON_VERIFY()
{
	return 1;
}
#endif

#ifdef CASE_returns_ok
ON_VERIFY()
{
	return SPORE_OK;
}
#endif

#ifdef CASE_returns_again
ON_VERIFY()
{
	return SPORE_EAGAIN;
}
#endif

#ifdef CASE_never_decides
ON_VERIFY()
{
	return SPORE_EPENDING;
}
#endif

/* ---- tickets ---- */

#ifdef CASE_completes_and_returns
ON_VERIFY()
{
	state->host->complete_verify(ticket, SPORE_DENY, NULL);
	return SPORE_ALLOW;
}
#endif

#ifdef CASE_completes_twice
ON_VERIFY()
{
	BROKEN_LOG(state, "first %d", state->host->complete_verify(ticket, SPORE_DENY, NULL));
	BROKEN_LOG(state, "second %d", state->host->complete_verify(ticket, SPORE_ALLOW, NULL));
	return SPORE_EPENDING;
}
#endif

#ifdef CASE_completes_another_kind
ON_VERIFY()
{
	const spore_host *host = state->host;

	BROKEN_LOG(state, "answer %d", host->complete_answer(ticket, SPORE_OK, spore_cstr("x")));
	BROKEN_LOG(state, "handshake %d", host->complete_handshake(ticket, SPORE_OK));
	BROKEN_LOG(state, "verdict %d", host->complete_verify(ticket, 77, NULL));
	return SPORE_DENY;
}
#endif

#ifdef CASE_completes_invented_tickets
ON_VERIFY()
{
	unsigned accepted = 0;

	for (spore_ticket other = 0; other < 100000; other++)
		accepted += other != ticket &&
		            state->host->complete_verify(other, SPORE_ALLOW, NULL) == SPORE_OK;
	BROKEN_LOG(state, "accepted %u", accepted);
	return SPORE_DENY;
}
#endif

#ifdef CASE_completes_from_two_threads
struct job {
	const spore_host *host;
	spore_ticket ticket;
	int32_t verdict;
	spore_status status;
	pthread_barrier_t *both;
};

static void *complete(void *arg)
{
	struct job *job = arg;

	pthread_barrier_wait(job->both);
	job->status = job->host->complete_verify(job->ticket, job->verdict, NULL);
	return NULL;
}

ON_VERIFY()
{
	pthread_barrier_t both;
	struct job jobs[2] = { { state->host, ticket, SPORE_NEXT, 0, &both },
		               { state->host, ticket, SPORE_DENY, 0, &both } };
	pthread_t threads[2];
	int n = 0;

	pthread_barrier_init(&both, NULL, 2);
	for (int i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, complete, &jobs[i]);
	for (int i = 0; i < 2; i++) {
		pthread_join(threads[i], NULL);
		n += jobs[i].status == SPORE_OK;
	}
	BROKEN_LOG(state, "completed %d times", n);
	return SPORE_EPENDING;
}
#endif

#ifdef CASE_completes_in_cancel
ON_VERIFY()
{
	return SPORE_EPENDING;
}

ON_CANCEL()
{
	BROKEN_LOG(state, "in cancel %d", state->host->complete_verify(ticket, SPORE_ALLOW, NULL));
}
#endif

/* ---- results ---- */

#ifdef CASE_inverted_ports
static const spore_port_range ranges[] = { { 30, 20 }, { 0, 0 } };

ALLOW_WITH(.fields = SPORE_AUTH_F_PORTS, .ports = ranges, .n_ports = 2)
#endif

#ifdef CASE_ports_without_a_list
ALLOW_WITH(.fields = SPORE_AUTH_F_PORTS, .ports = NULL, .n_ports = 5)
#endif

#ifdef CASE_endless_ports
static const spore_port_range ranges[] = { { 1, 65535 } };

ALLOW_WITH(.fields = SPORE_AUTH_F_PORTS, .ports = ranges, .n_ports = SIZE_MAX)
#endif

#ifdef CASE_hostile_identity
ALLOW_WITH(.identity = spore_cstr("a\nb\x1b[31m\xff\"{}"), .reason = spore_cstr("so\nso"))
#endif

#ifdef CASE_identity_of_100_kb
static char big[100000];

ON_VERIFY()
{
	memset(big, 'a', sizeof big);
	return allow(state, ticket,
	             &(spore_auth_result){ .struct_size = sizeof(spore_auth_result),
	                                   .identity = { big, sizeof big } });
}
#endif

#ifdef CASE_identity_without_text
ALLOW_WITH(.identity = { NULL, 10 })
#endif

#ifdef CASE_reason_without_text
ALLOW_WITH(.identity = spore_cstr("x"), .reason = { NULL, 10 })
#endif

#ifdef CASE_limits_of_nothing
ALLOW_WITH(.fields = 0xFFFFFFFF, .max_tunnels = 0, .max_conns = 0, .life_ms = -1)
#endif

#ifdef CASE_result_of_size_0
ON_VERIFY()
{
	return allow(state, ticket, &(spore_auth_result){ .struct_size = 0 });
}
#endif

/* The host must not read behind the struct that it knows. */
#ifdef CASE_result_of_a_huge_size
ON_VERIFY()
{
	return allow(state, ticket, &(spore_auth_result){ .struct_size = 100000 });
}
#endif
