/* refuse - the ways in which the server turns a session away: what it counts, logs and sends. All
 * but the three at the end also end the session. [worker] */
#ifndef CORE_REFUSE_H
#define CORE_REFUSE_H

#include "chain/acl.h"
#include "log/log.h"
#include "session/server_session.h"

/* Sends the reason as an Error frame. Not allowed in OPENING; nor are the next two. */
void refuse_session(struct server_session *s, enum refusal why);
/* Closes without an Error frame, as bore does for a wrong frame after authentication or without
 * authentication. */
void refuse_silently(struct server_session *s, enum refusal why);
/* A session that was let in ends: sends the reason, and counts no refusal. */
void refuse_any_longer(struct server_session *s, enum refusal why);
/* Resets the connection, which leaves nothing behind on this side. */
void refuse_with_reset(struct server_session *s, enum refusal why);
/* Closes the connection before its transports are open; `reason` is for the log. */
void refuse_unopened(struct server_session *s, enum log_level level, enum refusal why,
                     const char *reason);

void refuse_count(const struct server_worker *worker, enum refusal why);
/* An access list of the control port has denied the peer: counts and logs it. `reason`: NULL, or a
 * text for the log. The caller closes the connection. */
void refuse_denied(const struct server_worker *worker, const spore_addr *peer,
                   const struct acl_answer *answer, const char *reason);
/* Logs the event with the session's peer and a reason. */
void refuse_log(const struct server_session *s, enum log_level level, const char *event,
                const char *reason);

#endif
