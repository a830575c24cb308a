#include "net/resolve.h"

#include <netdb.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/container.h"
#include "loop/loop.h"
#include "loop/pool.h"
#include "net/addr.h"

enum { KEEP_MS = 10000, THREADS = 4, QUEUED = 4096, MAX_NAMES = 32 };

struct answer {
	char *name;
	int64_t until_ms; /* the first request after this time renews the answer */
	bool refreshing;
	size_t n;
	spore_addr addrs[RESOLVE_MAX]; /* without a port */
};

struct resolver {
	struct pool *pool;
	pthread_mutex_t lock; /* of the answers; held only while they are copied */
	struct answer answers[MAX_NAMES];
	size_t next; /* the answer to overwrite next */
};

/* Owned by the pool, then by the loop; but `stopped` is always the loop's. */
struct resolve {
	struct pool_job job;
	struct loop_task done;
	struct resolver *resolver;
	struct loop *loop;
	resolve_fn on_done;
	void *arg;
	uint16_t port;
	bool stopped;
	size_t n;
	const char *why;
	spore_addr addrs[RESOLVE_MAX];
	char name[];
};

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
	return resolver;
}

bool resolver_free(struct resolver *resolver)
{
	if (!resolver)
		return true;
	if (!pool_free(resolver->pool, 1000))
		return false;
	for (size_t i = 0; i < MAX_NAMES; i++)
		free(resolver->answers[i].name);
	pthread_mutex_destroy(&resolver->lock);
	free(resolver);
	return true;
}

/* ---- kept answers (lock held) ---- */

static struct answer *find_answer(struct resolver *resolver, const char *name)
{
	for (size_t i = 0; i < MAX_NAMES; i++) {
		struct answer *answer = &resolver->answers[i];

		if (answer->name && strcmp(answer->name, name) == 0)
			return answer;
	}
	return NULL;
}

static void keep_answer(struct resolver *resolver, const char *name, const spore_addr *addrs,
                        size_t n)
{
	struct answer *answer = find_answer(resolver, name);

	if (!answer && n > 0) {
		answer = &resolver->answers[resolver->next++ % MAX_NAMES];
		free(answer->name);
		answer->name = strdup(name);
	}
	if (!answer)
		return;
	answer->until_ms = clock_ms() + KEEP_MS;
	answer->refreshing = false;
	if (n == 0)
		return; /* an old answer is better than none */
	answer->n = n;
	memcpy(answer->addrs, addrs, n * sizeof *addrs);
}

/* Looks the name up and keeps the answer. 0 and *why_out on failure. [blocking] */
static size_t look_up(struct resolver *resolver, const char *name,
                      spore_addr addrs_out[RESOLVE_MAX], const char **why_out)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *list = NULL;
	int failed = getaddrinfo(name, NULL, &hints, &list);
	size_t n = 0;

	for (struct addrinfo *i = list; i && n < RESOLVE_MAX; i = i->ai_next)
		addr_from_sockaddr(i->ai_addr, &addrs_out[n++]);
	if (list)
		freeaddrinfo(list);
	*why_out = failed ? gai_strerror(failed) : "no address";
	pthread_mutex_lock(&resolver->lock);
	keep_answer(resolver, name, addrs_out, n);
	pthread_mutex_unlock(&resolver->lock);
	return n;
}

struct refresh {
	struct pool_job job;
	struct resolver *resolver;
	char name[];
};

static void run_refresh(struct pool_job *job)
{
	struct refresh *refresh = CONTAINER_OF(job, struct refresh, job);
	spore_addr addrs[RESOLVE_MAX];
	const char *why;

	look_up(refresh->resolver, refresh->name, addrs, &why);
	free(refresh);
}

void resolver_refresh(struct resolver *resolver, const char *name)
{
	size_t size = strlen(name) + 1;
	struct refresh *refresh = calloc(1, sizeof *refresh + size);

	if (!refresh)
		return;
	refresh->job.run = run_refresh;
	refresh->resolver = resolver;
	memcpy(refresh->name, name, size);
	if (!pool_submit(resolver->pool, &refresh->job))
		free(refresh);
}

size_t resolver_known(struct resolver *resolver, const char *name, uint16_t port,
                      spore_addr addrs_out[RESOLVE_MAX])
{
	struct answer *answer;
	bool stale = false;
	size_t n = 0;

	if (addr_parse_ip(name, &addrs_out[0])) {
		addrs_out[0].port = port;
		return 1;
	}
	pthread_mutex_lock(&resolver->lock);
	answer = find_answer(resolver, name);
	if (answer) {
		stale = answer->until_ms <= clock_ms() && !answer->refreshing;
		answer->refreshing = answer->refreshing || stale;
		n = answer->n;
		memcpy(addrs_out, answer->addrs, n * sizeof *addrs_out);
	}
	pthread_mutex_unlock(&resolver->lock);
	if (stale)
		resolver_refresh(resolver, name);
	for (size_t i = 0; i < n; i++)
		addrs_out[i].port = port;
	return n;
}

void resolver_prefer(struct resolver *resolver, const char *name, const spore_addr *addr)
{
	struct answer *answer;
	spore_addr bare = *addr;

	bare.port = 0;
	pthread_mutex_lock(&resolver->lock);
	answer = find_answer(resolver, name);
	for (size_t i = 1; answer && i < answer->n; i++) {
		if (addr_equal(&answer->addrs[i], &bare)) {
			memmove(answer->addrs + 1, answer->addrs, i * sizeof bare);
			answer->addrs[0] = bare;
			break;
		}
	}
	pthread_mutex_unlock(&resolver->lock);
}

/* ---- look-ups ---- */

static void run_lookup(struct pool_job *job)
{
	struct resolve *resolve = CONTAINER_OF(job, struct resolve, job);

	resolve->n = look_up(resolve->resolver, resolve->name, resolve->addrs, &resolve->why);
	loop_post(resolve->loop, &resolve->done);
}

static void run_done(struct loop_task *task)
{
	struct resolve *resolve = CONTAINER_OF(task, struct resolve, done);

	for (size_t i = 0; i < resolve->n; i++)
		resolve->addrs[i].port = resolve->port;
	if (!resolve->stopped)
		resolve->on_done(resolve->arg, resolve->addrs, resolve->n, resolve->why);
	free(resolve);
}

struct resolve *resolve_start(struct resolver *resolver, struct loop *loop, const char *name,
                              uint16_t port, resolve_fn on_done, void *arg)
{
	size_t size = strlen(name) + 1;
	struct resolve *resolve = calloc(1, sizeof *resolve + size);

	if (!resolve)
		return NULL;
	resolve->job.run = run_lookup;
	resolve->done.run = run_done;
	resolve->resolver = resolver;
	resolve->loop = loop;
	resolve->on_done = on_done;
	resolve->arg = arg;
	resolve->port = port;
	memcpy(resolve->name, name, size);
	if (pool_submit(resolver->pool, &resolve->job))
		return resolve;
	free(resolve);
	return NULL;
}

void resolve_stop(struct resolve *resolve)
{
	if (resolve)
		resolve->stopped = true;
}
