#include "verdict/stand_in.h"

#include <sys/socket.h>
#include <unistd.h>

#include "net/stream.h"
#include "verdict/auth.h"

static char binding_key[] = SPORE_ATTR_CHANNEL_BINDING;

/* The conn borrows the fact. */
static void bind_conn(struct stand_in *stand_in, struct spore_conn *conn)
{
	stand_in->fact = (struct conn_fact){ .key = binding_key,
		                             .value = (char *)stand_in->binding,
		                             .len = sizeof stand_in->binding };
	conn->secure = true;
	conn->facts = &stand_in->fact;
	conn->n_facts = 1;
}

bool stand_in_challenge(const struct plugin_set *set, bool secure, struct uuid *challenge_out)
{
	struct stand_in stand_in = { .stream = NULL };
	struct spore_conn conn = { .secure = false };

	if (secure)
		bind_conn(&stand_in, &conn);
	return auth_challenge(set, &conn, challenge_out);
}

/* A stream needs a descriptor. Nobody waits for this one. */
static int open_descriptor(void)
{
	return socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

bool stand_in_open(struct stand_in *stand_in, struct loop *loop, const struct stand_in_facts *facts)
{
	const struct uuid *challenge = &facts->challenge;
	int fd = open_descriptor();

	*stand_in = (struct stand_in){ .stream = NULL };
	if (fd < 0 || !crypto_sha256(challenge->bytes, sizeof challenge->bytes, stand_in->binding))
		goto fail;
	stand_in->stream = stream_new(loop, fd, &facts->peer, &facts->local);
	if (!stand_in->stream)
		goto fail;
	stream_conn(stand_in->stream)->peer_is_final = true;
	if (facts->secure)
		bind_conn(stand_in, stream_conn(stand_in->stream));
	return true;
fail:
	if (fd >= 0)
		close(fd);
	return false;
}

void stand_in_close(struct stand_in *stand_in)
{
	if (!stand_in->stream)
		return;
	stream_conn(stand_in->stream)->facts = NULL;
	stream_conn(stand_in->stream)->n_facts = 0;
	stream_close(stand_in->stream, false);
	stand_in->stream = NULL;
}
