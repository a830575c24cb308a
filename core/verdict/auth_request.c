#include "verdict/auth_request.h"

#include <string.h>

#include "host/instance.h"
#include "plugin/loader.h"
#include "verdict/allowance.h"

enum { BINDING_MAX = 64 };

spore_str auth_request_binding(const spore_conn *conn)
{
	spore_str binding = { NULL, 0 };

	if (!conn_attr(conn, SPORE_ATTR_CHANNEL_BINDING, 0, &binding) || binding.len > BINDING_MAX)
		return (spore_str){ NULL, 0 };
	return binding;
}

/* Is this the instance that let the client in, perhaps under an earlier configuration? If not, the
 * client's identity and session mean nothing to it. */
static bool is_origin(const struct instance *instance, const struct allowance *allowance)
{
	const struct instance *by = allowance->by;

	return strcmp(by->name, instance->name) == 0 &&
	       strcmp(by->component->name, instance->component->name) == 0 &&
	       strcmp(by->plugin->plugin->name, instance->plugin->plugin->name) == 0;
}

struct auth_origin auth_request_origin(const struct auth_question *q,
                                       const struct instance *instance)
{
	if (!q->renews)
		return (struct auth_origin){ .identity = "", .name = "" };
	return (struct auth_origin){
		.identity = q->renews->grant->identity,
		.name = q->renews->by->name,
		.is_same = is_origin(instance, q->renews),
	};
}

spore_auth_request auth_request_verify(const struct auth_question *q,
                                       const struct auth_origin *origin, const spore_conn *conn,
                                       struct about_view *view)
{
	spore_auth_request rq = {
		.struct_size = sizeof rq,
		.purpose = q->purpose,
		.answer = spore_cstr(q->answer),
		.peer = &conn->peer,
		.local = &conn->local,
		.conn = conn,
		.channel_binding = auth_request_binding(conn),
		.session = q->session,
		.deadline_ms = q->deadline_ms,
		.secure = conn->secure,
		.same_instance = origin->is_same,
		.identity = spore_cstr(origin->identity),
		.allowed_by = spore_cstr(origin->name),
		.client = &view->info,
		.age_ms = q->age_ms,
	};

	about_look(q->about, view);
	memcpy(rq.challenge, q->challenge, sizeof rq.challenge);
	return rq;
}

spore_answer_request auth_request_answer(const struct auth_question *q, const spore_conn *conn)
{
	spore_answer_request rq = {
		.struct_size = sizeof rq,
		.purpose = q->purpose,
		.server_name = q->server_name,
		.server = &conn->peer,
		.conn = conn,
		.channel_binding = auth_request_binding(conn),
		.deadline_ms = q->deadline_ms,
		.secure = conn->secure,
	};

	memcpy(rq.challenge, q->challenge, sizeof rq.challenge);
	return rq;
}
