#include "relay/checkup.h"

#include <poll.h>

#include "net/conn.h"
#include "net/sock.h"
#include "net/stream.h"
#include "relay/brake.h"
#include "relay/flow.h"

/* ---- streams that are not read ---- */

static bool is_paused(const struct checkup_subject *subject, int from)
{
	return subject->brake && brake_holds(subject->brake, from, subject->flows[from].bytes);
}

static bool is_unix(struct stream *stream)
{
	return stream_conn(stream)->socket_peer.family == 1;
}

static bool has_been_quiet(const struct checkup_subject *subject)
{
	int64_t limit_ms = subject->watch->timeout_ms;

	return limit_ms && subject->quiet_ms >= limit_ms;
}

/* Finds the relays of a unix socket that its peer has closed in order, and that the other side
 * keeps open. Nothing is on its way any more: the other side has acknowledged all bytes, and is
 * quiet. */
static bool has_been_left(const struct checkup_subject *subject, int side)
{
	struct pollfd fd = { stream_fd(subject->streams[side]), 0, 0 };

	return is_unix(subject->streams[side]) && subject->flows[side].state == FLOW_ENDED &&
	       has_been_quiet(subject) && poll(&fd, 1, 0) > 0 && fd.revents & POLLHUP &&
	       !sock_has_unacknowledged(stream_fd(subject->streams[!side]));
}

/* A stream is not read after its end, while the other side takes nothing, or during a pause. It may
 * be reset meanwhile, so ask the kernel. A stream that has ended in order is left alone while its
 * bytes drain. */
static bool has_died(const struct checkup_subject *subject, int side)
{
	const struct flow *reader = &subject->flows[side], *writer = &subject->flows[!side];
	struct pollfd fd = { stream_fd(subject->streams[side]), 0, 0 };
	bool reads = flow_reads(reader) && !is_paused(subject, side);

	if (reads || reader->state == FLOW_ENDING || flow_is_over(writer))
		return false;
	if (poll(&fd, 1, 0) <= 0 || !(fd.revents & (POLLERR | POLLHUP)))
		return false;
	/* What a unix socket's peer has sent before it closed it may still be on its way. */
	if (!(fd.revents & POLLERR) && is_unix(subject->streams[side]))
		return false;
	if (fd.revents & POLLERR)
		stream_lose(subject->streams[side], sock_take_error(fd.fd));
	return true;
}

/* ---- peers that are gone ---- */

/* The smaller of two times of which 0 means none. */
static int64_t sooner(int64_t a_ms, int64_t b_ms)
{
	return a_ms && (!b_ms || a_ms < b_ms) ? a_ms : b_ms;
}

/* How long a left peer that seems to be gone may leave data or probes unanswered. */
static int64_t doubt_limit_ms(const struct relay_watch *watch)
{
	return sooner(watch->doubt_ms, watch->timeout_ms);
}

static enum vigil_finding look_for_peer(struct checkup *checkup,
                                        const struct checkup_subject *subject, int side)
{
	const struct relay_watch *watch = subject->watch;
	bool is_doubted = side == 0 && checkup->doubted;

	return vigil_look(&checkup->vigils[side], stream_fd(subject->streams[side]),
	                  is_doubted ? doubt_limit_ms(watch) : watch->timeout_ms);
}

/* A settled relay sends nothing until bytes move or a flow ends. Until then, the kernel's keepalive
 * probes are enough, and this costs no system call. */
static bool has_lost_peer(struct checkup *checkup, const struct checkup_subject *subject,
                          int *side_out)
{
	enum vigil_finding findings[2];

	if (checkup->settled && subject->flows[0].state == FLOW_OPEN &&
	    subject->flows[1].state == FLOW_OPEN)
		return false;
	for (int i = 0; i < 2; i++)
		findings[i] = look_for_peer(checkup, subject, i);
	checkup->settled = findings[0] == VIGIL_SETTLED && findings[1] == VIGIL_SETTLED;
	*side_out = findings[0] == VIGIL_LOST ? 0 : 1;
	return findings[0] == VIGIL_LOST || findings[1] == VIGIL_LOST;
}

/* ---- all of it ---- */

void checkup_note_bytes(struct checkup *checkup)
{
	checkup->settled = false;
}

void checkup_keep_alive(struct checkup *checkup, const struct checkup_subject *subject)
{
	const struct relay_watch *watch = subject->watch;

	if (checkup->kept_alive)
		return;
	checkup->kept_alive = true;
	for (int i = 0; i < 2; i++)
		sock_keep_alive(stream_fd(subject->streams[i]), watch->keepalive_ms[i],
		                watch->timeout_ms);
}

void checkup_doubt_left(struct checkup *checkup, const struct checkup_subject *subject)
{
	const struct relay_watch *watch = subject->watch;
	int64_t limit_ms = doubt_limit_ms(watch);

	if (checkup->doubted)
		return;
	checkup->doubted = true;
	sock_keep_alive(stream_fd(subject->streams[0]),
	                sooner(limit_ms / 3, watch->keepalive_ms[0]), limit_ms);
}

enum checkup_finding checkup_look(struct checkup *checkup, const struct checkup_subject *subject,
                                  int *side_out)
{
	for (int side = 0; side < 2; side++) {
		*side_out = side;
		if (has_died(subject, side))
			return CHECKUP_DIED;
		if (has_been_left(subject, side))
			return CHECKUP_LEFT;
	}
	return has_lost_peer(checkup, subject, side_out) ? CHECKUP_LOST : CHECKUP_FINE;
}
