/* auth_request - what an auth instance is asked: from the question of a session to the structs of
 * the SDK. [worker] */
#ifndef CORE_AUTH_REQUEST_H
#define CORE_AUTH_REQUEST_H

#include <spore/auth.h>
#include <stdbool.h>

#include "net/conn.h"
#include "wire/about.h"

struct allowance;
struct instance;
struct plugin_set;
struct stream;

/* Everything that it points to must stay valid until the verdict or auth_cancel. */
struct auth_question {
	const struct plugin_set *set;
	struct instance *only; /* ask only this instance; NULL: the chain */
	struct stream *stream;
	uint32_t purpose; /* SPORE_AUTH_* */
	uint8_t challenge[16];
	const char *answer; /* the client's answer; borrowed */
	uint64_t session;   /* SPORE_AUTH_DATA, _RENEW: the session value of the tunnel */
	/* SPORE_AUTH_RENEW: what let the client in; NULL: no authentication. Copied where it is
	 * needed later. */
	const struct allowance *renews;
	int64_t age_ms;            /* SPORE_AUTH_RENEW: of the tunnel; else 0 */
	const struct about *about; /* what the client has said; NULL: nothing */
	int64_t deadline_ms;
	const char *server_name; /* client only */
};

/* What a request to renew a verdict says about the old one. */
struct auth_origin {
	const char *identity; /* of the client; borrowed from question->renews */
	const char *name;     /* permanent; of the instance that let the client in */
	bool is_same;         /* the instance that is asked has let the client in itself */
};

/* What a request to this instance says. */
struct auth_origin auth_request_origin(const struct auth_question *q,
                                       const struct instance *instance);
/* The request points into *view, and borrows what the question does. */
spore_auth_request auth_request_verify(const struct auth_question *q,
                                       const struct auth_origin *origin, const spore_conn *conn,
                                       struct about_view *view);
spore_answer_request auth_request_answer(const struct auth_question *q, const spore_conn *conn);
/* The channel binding of the connection; empty: it has none. */
spore_str auth_request_binding(const spore_conn *conn);

#endif
