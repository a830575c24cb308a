#include "host/readiness.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include "base/clock.h"
#include "log/mistake.h"
#include "thread/guest.h"

enum { SECOND = 1000000000 };

/* One per process, as a process is ready or not. */
static struct {
	atomic_bool serves;
	atomic_int_fast64_t limit_ns;
	pthread_mutex_t lock; /* of the two texts */
	char reason[512], obstacle[256];
} the_readiness = { .limit_ns = INT64_MAX,
	            .lock = PTHREAD_MUTEX_INITIALIZER,
	            .reason = "the process does not serve yet, or not any more" };

void readiness_set(bool serves)
{
	atomic_store(&the_readiness.serves, serves);
}

void readiness_give_reason(const char *text)
{
	pthread_mutex_lock(&the_readiness.lock);
	snprintf(the_readiness.reason, sizeof the_readiness.reason, "%s", text);
	pthread_mutex_unlock(&the_readiness.lock);
}

void readiness_set_obstacle(const char *text)
{
	pthread_mutex_lock(&the_readiness.lock);
	snprintf(the_readiness.obstacle, sizeof the_readiness.obstacle, "%s", text);
	pthread_mutex_unlock(&the_readiness.lock);
}

void readiness_set_limit(int64_t ns)
{
	atomic_store(&the_readiness.limit_ns, ns);
}

/* The workers that hang. */
struct hung {
	int64_t now_ns, limit_ns;
	unsigned n;
	char text[128]; /* of the first */
};

static void note_if_hung(const struct guest_view *view, void *arg)
{
	struct hung *hung = arg;
	int64_t lasts_ns = view->turn_ns ? hung->now_ns - view->turn_ns : 0;

	if (view->kind != GUEST_WORKER || lasts_ns <= hung->limit_ns || hung->n++ > 0)
		return;
	if (view->plugin)
		snprintf(hung->text, sizeof hung->text, "%s hangs for %lld s in plugin %s, call %s",
		         view->thread, (long long)(lasts_ns / SECOND), view->plugin, view->call);
	else
		snprintf(hung->text, sizeof hung->text, "%s hangs for %lld s", view->thread,
		         (long long)(lasts_ns / SECOND));
}

/* Copies the text, and returns its length. */
static int copy_locked(const char *from, char *text, size_t size)
{
	int len;

	pthread_mutex_lock(&the_readiness.lock);
	len = snprintf(text, size, "%s", from);
	pthread_mutex_unlock(&the_readiness.lock);
	return len;
}

bool readiness_explain(char *text, size_t size)
{
	struct hung hung = { .now_ns = clock_coarse_ns(),
		             .limit_ns = atomic_load(&the_readiness.limit_ns) };

	if (!atomic_load(&the_readiness.serves)) {
		copy_locked(the_readiness.reason, text, size);
		return false;
	}
	guest_each(note_if_hung, &hung);
	if (hung.n == 0) {
		int obstacle_len = copy_locked(the_readiness.obstacle, text, size);

		return obstacle_len == 0;
	}
	if (hung.n > 1)
		snprintf(text, size, "%s; %u more workers hang", hung.text, hung.n - 1);
	else
		snprintf(text, size, "%s", hung.text);
	return false;
}

static uint32_t explain(char *text, size_t size)
{
	if (!text && size)
		mistake(NULL, "explain", "text is NULL");
	return readiness_explain(text, text ? size : 0);
}

static uint32_t is_ready(void)
{
	return readiness_explain(NULL, 0);
}

const spore_ext_ready readiness_extension = { sizeof readiness_extension, 0, is_ready, explain };
