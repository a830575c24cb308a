#include "choose/choice.h"

#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/container.h"
#include "chain/plugin_set.h"
#include "choose/admission.h"
#include "choose/choice_guest.h"
#include "log/log.h"
#include "loop/loop.h"
#include "net/addr.h"
#include "net/stream.h"
#include "route/names.h"
#include "session/arrival.h"
#include "session/refuse.h"

/* How often it is looked for the tunnels of guests that wait for one. */
static const double look_s = 0.02;

/* ---- no tunnel has the name ---- */

/* The stream of the visitor, also if that has a bare socket. NULL: out of memory. */
static struct stream *stream_of(const struct choice_guest *guest)
{
	const struct visitor *visitor = &guest->visitor;
	struct stream *stream = visitor->stream;

	if (stream)
		return stream;
	stream = stream_new(guest->worker->loop, visitor->fd, &visitor->peer, &guest->local);
	if (stream)
		stream_open(stream);
	return stream;
}

/* Sends the text, and closes in order. */
static void send_reply(struct choice_guest *guest, spore_str reply)
{
	struct buf last = { 0 };
	bool has_text = buf_append(&last, reply.ptr, reply.len, SIZE_MAX);
	struct stream *stream = has_text ? stream_of(guest) : NULL;

	if (stream)
		linger_start(&guest->worker->lingerers, stream, &last);
	else
		choice_guest_close_visitor(&guest->visitor);
	buf_fini(&last);
}

/* wanted: NULL: the visitor names no host. */
static void refuse_unknown(struct choice_guest *guest, const char *wanted, spore_str reply)
{
	choice_guest_report(guest, wanted ? REFUSED_UNKNOWN_HOST : REFUSED_NO_HOST, NULL, wanted);
	if (reply.len > 0)
		send_reply(guest, reply);
	else
		choice_guest_close_visitor(&guest->visitor);
	choice_guest_free(guest);
}

/* ---- the tunnel with the name ---- */

/* May its tunnel yet come, as the clients of the server before this one do? */
static bool may_come(const struct choice_guest *guest)
{
	return clock_ms() < guest->worker->shared->await_until_ms;
}

/* The account of the tunnel that has this name, or of the one for all other visitors. NULL: there
 * is none, or the one with the name may yet come. */
static struct account *find_tunnel(const struct choice_guest *guest, const char *wanted,
                                   uint64_t *key_out)
{
	struct names *names = guest->worker->shared->names;
	const char *other = guest->entry->unknown_host;
	char name[HOSTNAME_SIZE];
	struct account *account = NULL;

	if (wanted && hostname_read(wanted, HOSTNAME_EXACT, name))
		account = names_find(names, name, key_out);
	if (wanted && !account && may_come(guest))
		return NULL;
	if (!account && other && hostname_read(other, HOSTNAME_EXACT, name))
		account = names_find(names, name, key_out);
	return account;
}

/* False: no tunnel can come for it, or memory is out. */
static bool await_tunnel(struct choice_guest *guest, const char *wanted, spore_str reply)
{
	struct choices *choices = guest->choices;

	if (!may_come(guest) || (!wanted && !guest->entry->unknown_host))
		return false;
	guest->wanted = wanted ? strdup(wanted) : NULL;
	if ((wanted && !guest->wanted) ||
	    !buf_append(&guest->reply, reply.ptr, reply.len, SIZE_MAX))
		return false;
	list_append(&choices->awaiting, &guest->node);
	ev_timer_start(loop_ev(choices->worker->loop), &choices->look);
	return true;
}

static void choose(struct choice_guest *guest, const char *wanted, spore_str reply)
{
	guest->visitor.account = find_tunnel(guest, wanted, &guest->visitor.name);
	if (guest->visitor.account)
		admission_start(guest, &guest->choices->moving);
	else if (!await_tunnel(guest, wanted, reply))
		refuse_unknown(guest, wanted, reply);
}

/* Has its tunnel come, or is it too late for that? */
static void look_again(struct choice_guest *guest)
{
	struct buf *reply = &guest->reply;

	guest->visitor.account = find_tunnel(guest, guest->wanted, &guest->visitor.name);
	if (!guest->visitor.account && may_come(guest))
		return;
	list_remove(&guest->node);
	if (guest->visitor.account)
		admission_start(guest, &guest->choices->moving);
	else
		refuse_unknown(guest, guest->wanted,
		               (spore_str){ (const char *)buf_bytes(reply), reply->len });
}

static void on_look(struct ev_loop *ev, ev_timer *timer, int events)
{
	struct choices *choices = timer->data;
	struct list *next;

	(void)events;
	for (struct list *at = choices->awaiting.next; at != &choices->awaiting; at = next) {
		next = at->next;
		look_again(CONTAINER_OF(at, struct choice_guest, node));
	}
	if (list_is_empty(&choices->awaiting))
		ev_timer_stop(ev, timer);
}

static void end_awaiting(struct choices *choices)
{
	ev_timer_stop(loop_ev(choices->worker->loop), &choices->look);
	while (!list_is_empty(&choices->awaiting)) {
		struct choice_guest *guest = CONTAINER_OF(choices->awaiting.next,
		                                          struct choice_guest, node);

		list_remove(&guest->node);
		choice_guest_close_visitor(&guest->visitor);
		choice_guest_free(guest);
	}
}

/* ---- the name ---- */

static void log_left(const struct choice_guest *guest)
{
	char text[ADDR_TEXT_SIZE];

	if (log_is_enabled(LOG_DEBUG))
		log_debug("visitor left before its tunnel was known",
		          log_str("peer", addr_format(&guest->visitor.peer, text)),
		          log_int("port", guest->visitor.port));
}

static void park(struct choice_guest *guest)
{
	struct server_worker *worker = guest->worker;

	worker->parked[worker->n_parked++] = guest->visitor.fd;
	choice_guest_free(guest);
}

static void on_decided(bool has_left, enum route_verdict verdict, const struct route_answer *answer,
                       void *arg)
{
	struct choice_guest *guest = arg;

	if (has_left) {
		log_left(guest);
		choice_guest_free(guest);
	} else if (verdict == ROUTE_MORE) {
		park(guest);
	} else if (verdict == ROUTE_REFUSED) {
		choice_guest_refuse(guest, REFUSED_BAD_START, answer->reason);
	} else {
		choose(guest, verdict == ROUTE_NAME ? answer->name : NULL, answer->reply);
	}
}

static bool start_glance(struct choice_guest *guest)
{
	struct choices *choices = guest->choices;
	struct glance_spec spec = { .chain = guest->routes,
		                    .listener = guest->entry->name ? guest->entry->name : "",
		                    .local = &guest->local,
		                    .peer = &guest->visitor.peer,
		                    .on_decided = on_decided,
		                    .arg = guest };

	return guest->visitor.stream
	               ? glance_start_stream(&choices->glances, guest->visitor.stream, &spec)
	               : glance_start(&choices->glances, guest->visitor.fd, &spec);
}

void choices_receive(struct choices *choices, struct visitor *visitor, const spore_addr *local,
                     struct source *crowd, struct plugin_set *set)
{
	struct server_worker *worker = choices->worker;
	struct choice_guest *guest = choice_guest_new(worker, visitor, local, crowd, set);

	if (!guest) {
		refuse_visitor(worker, visitor, REFUSED_NO_MEMORY, NULL);
		choice_guest_close_visitor(visitor);
		arrival_leave_crowd(worker->shared, crowd);
		return;
	}
	guest->choices = choices;
	if (!start_glance(guest))
		choice_guest_refuse(guest, REFUSED_NO_MEMORY, NULL);
}

/* ---- life ---- */

void choices_init(struct choices *choices, struct server_worker *worker)
{
	choices->worker = worker;
	glance_list_init(&choices->glances, worker->loop, 0, 0);
	list_init(&choices->awaiting);
	list_init(&choices->moving);
	ev_timer_init(&choices->look, on_look, look_s, look_s);
	choices->look.data = choices;
}

void choices_set(struct choices *choices, const struct public_settings *entry,
                 const struct limits *limits)
{
	glance_list_set(&choices->glances, entry->route_timeout, limits->handshakes);
}

void choices_park(struct choices *choices, unsigned most)
{
	struct list *next;

	most -= glance_list_release(&choices->glances, most);
	for (struct list *at = choices->awaiting.next; at != &choices->awaiting && most > 0;
	     at = next) {
		struct choice_guest *guest = CONTAINER_OF(at, struct choice_guest, node);

		next = at->next;
		if (guest->visitor.stream)
			continue;
		list_remove(&guest->node);
		park(guest);
		most--;
	}
}

void choices_end_undecided(struct choices *choices)
{
	end_awaiting(choices);
	glance_list_end_all(&choices->glances);
}

bool choices_are_idle(const struct choices *choices)
{
	return choices->glances.n == 0 && list_is_empty(&choices->awaiting) &&
	       list_is_empty(&choices->moving);
}

void choices_fini(struct choices *choices)
{
	admission_end_all(&choices->moving);
	end_awaiting(choices);
	glance_list_fini(&choices->glances);
}
