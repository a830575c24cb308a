#include "net/resolve.h"

#include <errno.h>
#include <ev.h>
#include <netdb.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/container.h"
#include "base/list.h"
#include "base/zeroed.h"
#include "loop/loop.h"
#include "loop/pool.h"
#include "net/addr.h"
#include "net/answers.h"
#include "net/shortage.h"

enum { THREADS = 4, QUEUED = 4096, END_WAIT_MS = 1000 };
_Static_assert(RESOLVE_MAX == ANSWERS_MAX, "all addresses of a look-up are kept");

struct resolver {
	struct pool *pool;
	/* Protects all members below, the look-ups and their lists of callers. Never held during
	 * getaddrinfo. */
	pthread_mutex_t lock;
	struct answers answers;
	struct list lookups; /* of struct lookup: queued or running */
};

/* One call of getaddrinfo. Owned by the pool. */
struct lookup {
	struct pool_job job;
	struct list node;    /* in resolver->lookups */
	struct list callers; /* of struct resolve */
	struct resolver *resolver;
	int64_t since_ms;
	char name[];
};

/* One caller. It belongs to its loop. Only between its removal from the look-up's list and
 * loop_post, it belongs to the thread of the look-up. */
struct resolve {
	struct list node; /* in lookup->callers; alone once the result is on its way */
	struct loop_task done;
	struct resolver *resolver;
	struct loop *loop;
	resolve_fn on_done;
	void *arg;
	uint16_t port;
	bool stopped;      /* by resolve_stop, while the result was on its way */
	ev_timer patience; /* runs if there is an old answer, which `addrs` holds meanwhile */
	size_t n;
	struct net_failure failure;
	spore_addr addrs[RESOLVE_MAX];
};

/* ---- life ---- */

struct resolver *resolver_new(void)
{
	struct resolver *resolver = calloc(1, sizeof *resolver);

	if (!resolver)
		return NULL;
	resolver->pool = pool_new(THREADS, QUEUED);
	if (!resolver->pool) {
		free(resolver);
		return NULL;
	}
	pthread_mutex_init(&resolver->lock, NULL);
	list_init(&resolver->lookups);
	return resolver;
}

bool resolver_free(struct resolver *resolver)
{
	if (!resolver)
		return true;
	if (!pool_free(resolver->pool, END_WAIT_MS))
		return false; /* a look-up still uses the resolver */
	answers_fini(&resolver->answers);
	pthread_mutex_destroy(&resolver->lock);
	free(resolver);
	return true;
}

/* ---- look-ups ---- */

/* The name service has answered: the name has no address. All other codes mean that the service, or
 * the way to it, does not work at present. */
static bool is_about_the_name(int failure)
{
	return failure == EAI_NONAME || failure == EAI_NODATA || failure == EAI_ADDRFAMILY;
}

struct result {
	size_t n;
	struct net_failure failure;
	spore_addr addrs[RESOLVE_MAX];
};

/* Why there is no address. code: what getaddrinfo returned. */
static struct net_failure failure_of(int code, int system_error)
{
	if (!code)
		return (struct net_failure){ .why = "no address" };
	if (code == EAI_SYSTEM)
		return (struct net_failure){ strerrordesc_np(system_error),
			                     shortage_of(system_error) };
	return (struct net_failure){ gai_strerror(code),
		                     code == EAI_MEMORY ? SHORTAGE_MEMORY : SHORTAGE_NONE };
}

/* Calls getaddrinfo, but a shortage becomes EAI_SYSTEM. If getaddrinfo gets no descriptor for its
 * files and servers, it says that there is no such name, and leaves the cause in errno. */
static int get_addresses(const char *name, const struct addrinfo *hints, struct addrinfo **list_out)
{
	int failure;

	errno = 0;
	failure = getaddrinfo(name, NULL, hints, list_out);
	return failure && shortage_of(errno) ? EAI_SYSTEM : failure;
}

/* [blocking] */
static int ask_name_service(const char *name, struct result *result_out)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list = NULL;
	int failure = get_addresses(name, &hints, &list), cause = errno;
	size_t n = 0;

	for (struct addrinfo *i = list; i && n < RESOLVE_MAX; i = i->ai_next)
		addr_from_sockaddr(i->ai_addr, &result_out->addrs[n++]);
	if (list)
		freeaddrinfo(list);
	result_out->n = n;
	result_out->failure = failure_of(failure, cause);
	return failure;
}

/* Keeps the result. If the name service has failed, an old answer may take the result's place. Lock
 * held. */
static void note_result(struct answers *answers, const char *name, int failure,
                        struct result *result)
{
	int64_t now_ms = clock_ms();

	if (result->n > 0) {
		answers_keep(answers, name, result->addrs, result->n, now_ms);
	} else if (failure && !is_about_the_name(failure)) {
		answers_extend(answers, name, now_ms);
		answers_find(answers, name, now_ms, result->addrs, &result->n);
	} else {
		answers_forget(answers, name);
	}
}

/* The caller has been removed from the look-up's list, so nobody else touches it. Lock held. */
static void tell_caller(struct resolve *resolve, const struct result *result)
{
	resolve->n = result->n;
	resolve->failure = result->failure;
	memcpy(resolve->addrs, result->addrs, result->n * sizeof *result->addrs);
	loop_post(resolve->loop, &resolve->done);
}

static void run_lookup(struct pool_job *job)
{
	struct lookup *lookup = CONTAINER_OF(job, struct lookup, job);
	struct resolver *resolver = lookup->resolver;
	struct result result;
	int failure = ask_name_service(lookup->name, &result);

	pthread_mutex_lock(&resolver->lock);
	note_result(&resolver->answers, lookup->name, failure, &result);
	list_remove(&lookup->node);
	while (!list_is_empty(&lookup->callers)) {
		struct list *first = lookup->callers.next;

		list_remove(first);
		tell_caller(CONTAINER_OF(first, struct resolve, node), &result);
	}
	pthread_mutex_unlock(&resolver->lock);
	free(lookup);
}

/* NULL: none runs for this name. Lock held. */
static struct lookup *find_lookup(const struct resolver *resolver, const char *name)
{
	for (struct list *i = resolver->lookups.next; i != &resolver->lookups; i = i->next) {
		struct lookup *lookup = CONTAINER_OF(i, struct lookup, node);

		if (strcmp(lookup->name, name) == 0)
			return lookup;
	}
	return NULL;
}

/* NULL: too many wait, or memory is out. Lock held. */
static struct lookup *start_lookup(struct resolver *resolver, const char *name)
{
	size_t size = strlen(name) + 1;
	struct lookup *lookup = calloc(1, sizeof *lookup + size);

	if (!lookup)
		return NULL;
	lookup->job.run = run_lookup;
	lookup->resolver = resolver;
	lookup->since_ms = clock_ms();
	list_init(&lookup->callers);
	memcpy(lookup->name, name, size);
	list_append(&resolver->lookups, &lookup->node);
	if (pool_submit(resolver->pool, &lookup->job))
		return lookup;
	list_remove(&lookup->node);
	free(lookup);
	return NULL;
}

static struct lookup *find_or_start_lookup(struct resolver *resolver, const char *name)
{
	struct lookup *lookup = find_lookup(resolver, name);

	return lookup ? lookup : start_lookup(resolver, name);
}

/* ---- kept answers ---- */

void resolver_refresh(struct resolver *resolver, const char *name)
{
	spore_addr addr;

	if (addr_parse_ip(name, &addr))
		return;
	pthread_mutex_lock(&resolver->lock);
	find_or_start_lookup(resolver, name);
	pthread_mutex_unlock(&resolver->lock);
}

/* Does the look-up of this name run for longer than callers wait for it? Lock held. */
static bool is_overdue(const struct resolver *resolver, const char *name, int64_t now_ms)
{
	const struct lookup *lookup = find_lookup(resolver, name);

	return lookup && now_ms - lookup->since_ms >= RESOLVE_PATIENCE_MS;
}

size_t resolver_known(struct resolver *resolver, const char *name, uint16_t port,
                      spore_addr addrs_out[RESOLVE_MAX])
{
	int64_t now_ms = clock_ms();
	enum answer_state state;
	size_t n;

	if (addr_parse_ip(name, &addrs_out[0])) {
		addrs_out[0].port = port;
		return 1;
	}
	pthread_mutex_lock(&resolver->lock);
	state = answers_find(&resolver->answers, name, now_ms, addrs_out, &n);
	if (state == ANSWER_DUE)
		find_or_start_lookup(resolver, name);
	else if (state == ANSWER_OLD && !is_overdue(resolver, name, now_ms))
		n = 0; /* the caller waits for a new answer */
	pthread_mutex_unlock(&resolver->lock);
	for (size_t i = 0; i < n; i++)
		addrs_out[i].port = port;
	return n;
}

void resolver_prefer(struct resolver *resolver, const char *name, const spore_addr *addr)
{
	pthread_mutex_lock(&resolver->lock);
	answers_prefer(&resolver->answers, name, addr);
	pthread_mutex_unlock(&resolver->lock);
}

void resolver_doubt(struct resolver *resolver, const char *name)
{
	pthread_mutex_lock(&resolver->lock);
	answers_doubt(&resolver->answers, name, clock_ms());
	pthread_mutex_unlock(&resolver->lock);
}

/* ---- callers ---- */

static void run_free_resolve(struct loop_task *task)
{
	free(CONTAINER_OF(task, struct resolve, done));
}

static void end_resolve(struct resolve *resolve)
{
	ev_timer_stop(loop_ev(resolve->loop), &resolve->patience);
	resolve->done.run = run_free_resolve;
	loop_reap(resolve->loop, &resolve->done);
}

static void report(struct resolve *resolve)
{
	for (size_t i = 0; i < resolve->n; i++)
		resolve->addrs[i].port = resolve->port;
	end_resolve(resolve);
	resolve->on_done(resolve->arg, resolve->addrs, resolve->n, &resolve->failure);
}

static void run_done(struct loop_task *task)
{
	struct resolve *resolve = CONTAINER_OF(task, struct resolve, done);

	if (resolve->stopped)
		end_resolve(resolve);
	else
		report(resolve);
}

/* False: the result is on its way already. */
static bool leave_lookup(struct resolve *resolve)
{
	bool was_waiting;

	pthread_mutex_lock(&resolve->resolver->lock);
	was_waiting = !list_is_empty(&resolve->node);
	list_remove(&resolve->node);
	pthread_mutex_unlock(&resolve->resolver->lock);
	return was_waiting;
}

static void on_patience_over(struct ev_loop *ev, ev_timer *timer, int events)
{
	struct resolve *resolve = timer->data;

	(void)ev;
	(void)events;
	if (leave_lookup(resolve))
		report(resolve);
}

static struct resolve *new_caller(struct resolver *resolver, struct loop *loop)
{
	struct resolve *resolve = zeroed_new(sizeof *resolve);

	if (!resolve)
		return NULL;
	list_init(&resolve->node);
	resolve->done.run = run_done;
	resolve->resolver = resolver;
	resolve->loop = loop;
	ev_timer_init(&resolve->patience, on_patience_over, 0.0, 0.0);
	resolve->patience.data = resolve;
	return resolve;
}

/* If there is an old answer, uses it as soon as the look-up has taken too long. */
static void arm_patience(struct resolve *resolve, int64_t left_ms)
{
	if (resolve->n == 0)
		return;
	ev_now_update(loop_ev(resolve->loop));
	ev_timer_set(&resolve->patience, (double)(left_ms > 0 ? left_ms : 0) / 1000.0, 0.0);
	ev_timer_start(loop_ev(resolve->loop), &resolve->patience);
}

struct resolve *resolve_start(struct resolver *resolver, struct loop *loop, const char *name,
                              uint16_t port, resolve_fn on_done, void *arg)
{
	struct resolve *resolve = new_caller(resolver, loop);
	int64_t now_ms = clock_ms();
	struct lookup *lookup;

	if (!resolve)
		return NULL;
	resolve->on_done = on_done;
	resolve->arg = arg;
	resolve->port = port;
	pthread_mutex_lock(&resolver->lock);
	lookup = find_or_start_lookup(resolver, name);
	if (lookup) {
		answers_find(&resolver->answers, name, now_ms, resolve->addrs, &resolve->n);
		arm_patience(resolve, lookup->since_ms + RESOLVE_PATIENCE_MS - now_ms);
		list_append(&lookup->callers, &resolve->node);
	}
	pthread_mutex_unlock(&resolver->lock);
	if (lookup)
		return resolve;
	free(resolve);
	return NULL;
}

void resolve_stop(struct resolve *resolve)
{
	if (!resolve)
		return;
	if (leave_lookup(resolve))
		end_resolve(resolve);
	else
		resolve->stopped = true;
}
