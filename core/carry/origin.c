#include "carry/origin.h"

#include <stdlib.h>

#include "base/container.h"
#include "carry/ahead.h"
#include "carry/shared.h"
#include "lane/taken.h"
#include "net/stream.h"
#include "thread/users.h"

/* After this many holds in vain, 64 visitors (2 to the power of 6) have no hold before the next one
 * has one. */
enum { MOST_VAIN_HOLDS = 6 };

static void free_origin(struct origin *origin)
{
	deadline_stop(&origin->hold);
	users_leave(origin->pool->users);
	free(origin);
}

/* Before a service answers, it may need more of the visitor's bytes than came with Open. Then a
 * hold only costs time. So after each hold in vain, twice as many visitors have no hold. */
static void learn_from_hold(struct ahead_pool *pool, bool in_vain)
{
	if (!in_vain)
		pool->vain_holds = 0;
	else if (pool->vain_holds < MOST_VAIN_HOLDS)
		pool->vain_holds++;
	pool->until_holds = in_vain ? 1U << pool->vain_holds : 0;
}

static void take_server_back(struct stream *stream, struct buf *rest, void *arg)
{
	struct origin *origin = arg;

	if (deadline_is_running(&origin->hold))
		learn_from_hold(origin->pool, false);
	if (origin->was_opened)
		taken_forget(&origin->pool->worker->shared->taken, &origin->visitor);
	ahead_pool_return(origin->pool, origin->grant, stream, rest);
	free_origin(origin);
}

/* If the service has reset its connection before Opened left, the server must still learn that the
 * client had the visitor: otherwise it takes the reset for a loss on the way. */
static void lose_server(void *arg)
{
	struct origin *origin = arg;

	if (deadline_is_running(&origin->hold))
		stream_push_user(origin->stream);
	ahead_pool_lose(origin->pool);
	free_origin(origin);
}

static const struct stream_home home = { take_server_back, lose_server };

struct origin *origin_new(const struct origin *visit, struct buf *received, struct buf *unsent)
{
	struct origin *origin = malloc(sizeof *origin);

	if (!origin)
		return NULL;
	*origin = *visit;
	deadline_init(&origin->hold);
	if (!stream_begin_user(origin->stream, &home, origin, received, unsent)) {
		free(origin);
		return NULL;
	}
	users_enter(origin->pool->users);
	return origin;
}

void origin_hold(struct origin *origin)
{
	stream_hold_user(origin->stream);
}

void origin_release(struct origin *origin)
{
	struct ahead_pool *pool = origin->pool;

	if (pool->until_holds == 0) {
		deadline_start(&pool->worker->holds, &origin->hold);
	} else {
		pool->until_holds--;
		stream_release_user(origin->stream);
	}
}

void origin_on_held(struct deadline *deadline)
{
	struct origin *origin = CONTAINER_OF(deadline, struct origin, hold);
	struct ahead_pool *pool = origin->pool; /* the stream may free `origin` */
	bool in_vain = stream_release_user(origin->stream);

	learn_from_hold(pool, in_vain);
}
