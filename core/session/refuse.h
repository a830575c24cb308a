/* refuse - the ways in which the server turns a session away: what it counts, logs and sends. All
 * but the five at the end also end the session.
 *
 * Strangers, and clients that try again, can repeat most of these lines at will. So the log gets
 * ten lines about strangers for each reason, and then ten a minute; and one line a minute about
 * each address, port and reason for which a tunnel is refused. `others` counts the lines held back;
 * after a pause, or at the server's end, a line of its own tells the rest.
 * A wrong secret is always logged if a ban limits it. Of visitors the log gets a line a second for
 * each reason and plugin instance, or all of them if the operator wants a line for each visitor
 * (log.visitors). A client that does not reach its service has a line of its own, others after
 * pauses that grow, and one at the end (struct trouble, session/forward). [worker] */
#ifndef CORE_REFUSE_H
#define CORE_REFUSE_H

#include "chain/acl.h"
#include "event/event.h"
#include "log/log.h"
#include "quota/limits.h"
#include "quota/pending.h"
#include "session/server_session.h"

/* Whose tunnel is refused or ended, for the log. Borrowed. */
struct refuse_subject {
	const char *identity; /* "" without authentication */
	const char *name;     /* that the client has given to the tunnel; NULL: none */
	uint16_t port;        /* that the client wants or has; 0: any */
};

/* Sends the reason as an Error frame. Not allowed in OPENING; nor are the next five. */
void refuse_session(struct server_session *s, enum refusal why);
/* The same, but the client gets the text of another reason. */
void refuse_as(struct server_session *s, enum refusal why, enum refusal told);
/* The same for a client that was let in: it does not get the tunnel. details: NULL, or a text
 * behind the reason. The client gets it, too, if it reads details. What limits it is for the log
 * only. */
void refuse_tunnel(struct server_session *s, const struct refuse_subject *subject,
                   const struct limit_hit *hit, const char *details, bool reads_details);
/* The peer has left before it asked for anything, which is no refusal: logs it. Clients do so when
 * they do not reach their service, and proxies to check the server, so from an address with a
 * tunnel and from a proxy the level is debug. */
void refuse_log_left(const struct server_session *s, const char *event, const char *reason);
/* The client has ended its stream instead of answering, perhaps because its service is down: it
 * gets bore's error, but nothing was refused. */
void refuse_unanswered(struct server_session *s);
/* The source is banned: says for how long. */
void refuse_banned(struct server_session *s, int64_t left_ms);
/* Closes without an Error frame, as bore does for a wrong frame after authentication or without
 * authentication. */
void refuse_silently(struct server_session *s, enum refusal why);
/* The same, with the limit that is the reason, for the log. */
void refuse_at_limit(struct server_session *s, const struct limit_hit *hit);
/* A client that was let in, or its open tunnel, ends: sends the reason, and counts no refusal. */
void refuse_any_longer(struct server_session *s, const struct refuse_subject *subject,
                       const struct limit_hit *hit);
/* Resets the connection, which leaves nothing behind on this side. */
void refuse_with_reset(struct server_session *s, const struct limit_hit *hit);
/* Closes the connection before its transports are open; `reason` is for the log. */
void refuse_unopened(struct server_session *s, enum log_level level, enum refusal why,
                     const char *reason);

/* Tells of lines that were held back, after a pause. now_ms: of clock_ms(), or INT64_MAX to tell of
 * all. [main] */
void refuse_log_rest(struct server_shared *shared, int64_t now_ms);
/* A connection to the control port is turned away: counts it, and tells the listeners of events. */
void refuse_count(const struct server_worker *worker, const struct event_refusal *refusal);
/* An access list of the control port has denied the peer: counts and logs it. The caller closes the
 * connection. */
void refuse_denied(const struct server_worker *worker, const spore_conn *conn,
                   const struct acl_answer *answer);
/* A visitor is not let in: counts and logs it, and tells the listeners of events. denied: the
 * answer of the access list that denied it, or NULL. The caller closes the connection.
 * Here and in the next two, a client that reads Refusing is told of a limit of its identity. */
void refuse_visitor(const struct server_worker *worker, const struct visitor *visitor,
                    enum refusal why, const struct acl_answer *denied);
/* The bytes of the account's identity are used up, which has ended a visitor. [any worker] */
void refuse_used_up(struct account *account);
/* The client reads Refusing from now on: it is told if its bytes are used up, or if such a limit
 * has refused a visitor before. [worker] of the tunnel */
void refuse_tell(const struct server_worker *worker, struct account *account);
/* A visitor of the account is let in. [worker] of the tunnel */
void refuse_no_more(const struct server_worker *worker, struct account *account);
/* For the log: why transports did not open, or no tunnel was found, and the name of the entry in
 * "public". NULL: not known. */
struct refuse_opening {
	const char *detail, *entry;
	const struct limit_hit *hit; /* NULL: the limit follows from the reason */
	const char *host;            /* that the visitor wants; NULL: not known */
};

/* The same for a visitor whose transports do not open, or who gets no tunnel. */
void refuse_arriving(const struct server_worker *worker, const struct visitor *visitor,
                     enum refusal why, const struct refuse_opening *opening);
/* The same for a visitor that was let in, and is not carried. With log.visitors its line is that of
 * its end. */
void refuse_waiting(const struct server_worker *worker, const struct visitor *visitor,
                    enum refusal why);
/* Logs the event with the session's peer and a reason. Unless the session has a tunnel, this is a
 * line about a stranger. */
void refuse_log(const struct server_session *s, enum log_level level, const char *event,
                const char *reason);

#endif
