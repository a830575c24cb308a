#include "socks.h"

#include <arpa/inet.h>
#include <string.h>

enum { METHOD_NONE = 0, METHOD_PASSWORD = 2, METHOD_REFUSED = 0xff };
enum { TYPE_IPV4 = 1, TYPE_NAME = 3, TYPE_IPV6 = 4 };
enum { AWAITING_METHOD, AWAITING_VERDICT, AWAITING_REPLY };

static void put(struct talk *talk, const void *bytes, size_t len)
{
	if (len == 0)
		return;
	memcpy(talk->out + talk->out_len, bytes, len);
	talk->out_len += len;
}

static void put_byte(struct talk *talk, size_t byte)
{
	talk->out[talk->out_len++] = (uint8_t)byte;
}

enum talk_result socks_begin(struct talk *talk)
{
	bool has_user = *talk->url->user;

	talk->phase = AWAITING_METHOD;
	put_byte(talk, 5);
	put_byte(talk, has_user ? 2 : 1);
	put_byte(talk, METHOD_NONE);
	if (has_user)
		put_byte(talk, METHOD_PASSWORD);
	return TALK_SEND;
}

static enum talk_result send_password(struct talk *talk)
{
	size_t len = strlen(talk->url->user);

	talk->phase = AWAITING_VERDICT;
	talk->out_len = 0;
	put_byte(talk, 1);
	put_byte(talk, len);
	put(talk, talk->url->user, len);
	put_byte(talk, talk->password.len);
	put(talk, talk->password.ptr, talk->password.len);
	return TALK_SEND;
}

static enum talk_result send_request(struct talk *talk)
{
	size_t len = strlen(talk->host);
	uint8_t address[16];

	talk->phase = AWAITING_REPLY;
	talk->out_len = 0;
	put(talk, "\5\1", 3); /* with the NUL: connect */
	if (inet_pton(AF_INET, talk->host, address) == 1) {
		put_byte(talk, TYPE_IPV4);
		put(talk, address, 4);
	} else if (inet_pton(AF_INET6, talk->host, address) == 1) {
		put_byte(talk, TYPE_IPV6);
		put(talk, address, 16);
	} else if (len > 255) {
		return talk_fail(talk, "the server's name is longer than 255 bytes");
	} else {
		put_byte(talk, TYPE_NAME);
		put_byte(talk, len);
		put(talk, talk->host, len);
	}
	put_byte(talk, talk->port >> 8);
	put_byte(talk, talk->port & 0xff);
	return TALK_SEND;
}

static enum talk_result refuse_reply(struct talk *talk, const char *expected)
{
	char shown[100];

	talk_escape(talk->in, talk->in_len < 24 ? talk->in_len : 24, shown, sizeof shown);
	return talk_fail(talk, "expected %s of SOCKS 5, found \"%s\": is it a SOCKS 5 proxy?",
	                 expected, shown);
}

static enum talk_result take_method(struct talk *talk)
{
	unsigned method = talk->in[1];
	bool has_user = *talk->url->user;

	if (talk->in[0] != 5)
		return refuse_reply(talk, "the choice of a method");
	talk_skip(talk, 2);
	if (method == METHOD_PASSWORD && has_user)
		return send_password(talk);
	if (method == METHOD_NONE)
		return send_request(talk);
	if (method == METHOD_REFUSED && !has_user)
		return talk_fail(talk, "it takes no client without a user (in the URL) and a "
		                       "password, or not this one");
	if (method == METHOD_REFUSED)
		return talk_fail(talk, "it takes neither a user and a password nor none");
	return talk_fail(talk, "it has chosen method %u, which was not offered", method);
}

static enum talk_result take_verdict(struct talk *talk)
{
	unsigned verdict = talk->in[1];

	if (verdict != 0)
		return talk_fail(talk, "it has refused the user or the password (status %u)",
		                 verdict);
	talk_skip(talk, 2);
	return send_request(talk);
}

static const char *explain_reply(unsigned reply)
{
	static const char *const texts[] = {
		[1] = "general failure",     [2] = "not allowed by its rules",
		[3] = "network unreachable", [4] = "host unreachable",
		[5] = "connection refused",  [6] = "TTL expired",
		[7] = "command unknown",     [8] = "address type unknown",
	};

	return reply < sizeof texts / sizeof *texts ? texts[reply] : "unknown reply";
}

/* The length of the whole reply; 0: not known yet, or not valid. */
static size_t reply_length(const struct talk *talk)
{
	switch (talk->in[3]) {
	case TYPE_IPV4:
		return 10;
	case TYPE_IPV6:
		return 22;
	case TYPE_NAME:
		return talk->in_len > 4 ? 7u + talk->in[4] : 5;
	default:
		return 0;
	}
}

static enum talk_result take_reply(struct talk *talk)
{
	size_t len;

	if (talk->in[0] != 5)
		return refuse_reply(talk, "a reply");
	if (talk->in[1] != 0)
		return talk_fail(talk, "it cannot connect to %.100s:%u: %s (reply %u)", talk->host,
		                 talk->port, explain_reply(talk->in[1]), talk->in[1]);
	if (talk->in_len < 4)
		return TALK_MORE;
	len = reply_length(talk);
	if (len == 0)
		return refuse_reply(talk, "a reply");
	if (talk->in_len < len)
		return TALK_MORE;
	talk_skip(talk, len);
	return TALK_OPEN;
}

enum talk_result socks_take(struct talk *talk)
{
	if (talk->in_len < 2)
		return TALK_MORE;
	switch (talk->phase) {
	case AWAITING_METHOD:
		return take_method(talk);
	case AWAITING_VERDICT:
		return take_verdict(talk);
	default:
		return take_reply(talk);
	}
}
