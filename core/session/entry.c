#include "session/entry.h"

#include <unistd.h>

#include "base/clock.h"
#include "base/container.h"
#include "chain/acl.h"
#include "log/log.h"
#include "net/addr.h"
#include "net/sock.h"
#include "session/newcomer.h"
#include "session/refuse.h"

static bool is_allowed(struct server_worker *worker, const spore_addr *peer,
                       const spore_addr *local)
{
	struct acl_question question = { .peer = peer, .local = local, .identity = "" };
	struct acl_answer answer;

	if (acl_allows(worker->set, CHAIN_ACL_CONTROL, worker->loop, &question, &answer))
		return true;
	refuse_denied(worker, peer, &answer, NULL);
	return false;
}

/* The source, entered and with a ref; NULL: out of memory, or the source is banned. A ban does not
 * concern connections that the server has asked for. Of the others it lets some pass:
 * login_may_try tells them of it, unless they have shown a pass or the id of a visitor. */
static struct source *enter_source(struct server_worker *worker, const spore_addr *peer,
                                   bool *asked_for_out)
{
	struct source *source = source_get(worker->shared->sources, peer);
	int64_t now_ms = clock_ms();
	char text[ADDR_TEXT_SIZE];

	if (!source)
		return NULL;
	*asked_for_out = source_enter(source);
	if (*asked_for_out || source_ban_left(source, now_ms) == 0 ||
	    source_may_hear(source, now_ms))
		return source;
	refuse_count(worker, &(struct event_refusal){ .peer = peer, .why = REFUSED_SOURCE });
	source_turn_away(source, now_ms);
	if (log_is_enabled(LOG_DEBUG))
		log_debug("connection refused", log_str("peer", addr_format(peer, text)),
		          log_str("reason", refusal_text(REFUSED_SOURCE)),
		          log_str("from", "limits.ban_after"));
	source_leave(source, false);
	source_unref(source);
	return NULL;
}

/* The kernel gives the lowest free descriptor, so a high one says that few are left. */
static void make_room(struct server_worker *worker, const struct server_session *newcomer, int fd)
{
	struct limit_hit hit;
	bool scarce = fd >= server_worker_limits(worker)->scarce_fd;
	struct stranger *stranger = stranger_to_close(&worker->strangers, &newcomer->stranger,
	                                              server_worker_limits(worker), scarce, &hit);

	if (!stranger)
		return;
	source_turn_away(stranger->source, clock_ms());
	refuse_with_reset(CONTAINER_OF(stranger, struct server_session, stranger), &hit);
}

static void log_no_memory(int fd)
{
	log_error("connection refused: out of memory", log_int("descriptor", fd));
}

/* Takes fd and the source. */
static void drop_connection(struct server_worker *worker, int fd, const spore_addr *peer,
                            struct source *source, bool asked_for)
{
	refuse_count(worker, &(struct event_refusal){ .peer = peer, .why = REFUSED_NO_MEMORY });
	log_no_memory(fd);
	source_leave(source, asked_for);
	source_unref(source);
	sock_reset(fd);
}

void entry_start(struct server_worker *worker, int fd, const spore_addr *peer,
                 const spore_addr *local)
{
	struct server_session *s;
	struct source *source;
	bool asked_for = false;

	stats_add(&worker->shared->stats, worker->loop, STAT_CONTROL_CONNECTIONS, 1);
	if (!is_allowed(worker, peer, local)) {
		close(fd);
		return;
	}
	source = enter_source(worker, peer, &asked_for);
	if (!source) {
		sock_reset(fd);
		return;
	}
	s = newcomer_new(worker, source, fd, peer, local);
	if (!s) {
		drop_connection(worker, fd, peer, source, asked_for);
		return;
	}
	if (!server_session_add_stranger(s, asked_for)) {
		log_no_memory(fd);
		refuse_with_reset(s, &(struct limit_hit){ .why = REFUSED_NO_MEMORY });
		return;
	}
	make_room(worker, s, fd);
	newcomer_open(s);
}
