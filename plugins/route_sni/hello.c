#include "hello.h"

#include <stdbool.h>
#include <string.h>

enum { HANDSHAKE = 22, CLIENT_HELLO = 1, SERVER_NAME = 0, HOST_NAME = 0 };
enum { RECORD_HEAD = 5, MESSAGE_HEAD = 4, RECORD_MAX = 16384 };

/* ---- bytes ---- */

/* What is left of a part of the message. */
struct part {
	const uint8_t *at;
	size_t n;
};

static bool skip(struct part *part, size_t n)
{
	if (part->n < n)
		return false;
	part->at += n;
	part->n -= n;
	return true;
}

/* A number of `size` bytes. */
static bool take_number(struct part *part, size_t size, size_t *out)
{
	const uint8_t *at = part->at;

	if (!skip(part, size))
		return false;
	*out = 0;
	for (size_t i = 0; i < size; i++)
		*out = *out << 8 | at[i];
	return true;
}

/* A vector, whose length has `size` bytes in front of it. */
static bool take_vector(struct part *part, size_t size, struct part *out)
{
	size_t n;

	if (!take_number(part, size, &n))
		return false;
	*out = (struct part){ part->at, n };
	return skip(part, n);
}

/* ---- the message ---- */

static enum hello_result wrong(struct hello *out, const char *why)
{
	out->why = why;
	return HELLO_WRONG;
}

static enum hello_result more(struct hello *out, size_t need)
{
	out->need = need;
	return HELLO_MORE;
}

static enum hello_result read_name(struct part name, struct hello *out)
{
	if (name.n == 0 || name.n >= HELLO_NAME_SIZE)
		return wrong(out, "the server name is empty or too long");
	for (size_t i = 0; i < name.n; i++) {
		if (name.at[i] <= ' ' || name.at[i] >= 0x7F)
			return wrong(out, "the server name has a character that no name has");
	}
	memcpy(out->name, name.at, name.n);
	out->name[name.n] = '\0';
	return HELLO_NAME;
}

/* A list with one host name. Names of other types do not exist. */
static enum hello_result read_server_name(struct part extension, struct hello *out)
{
	struct part list, name;
	size_t type;

	if (!take_vector(&extension, 2, &list) || extension.n > 0 ||
	    !take_number(&list, 1, &type) || !take_vector(&list, 2, &name))
		return wrong(out, "the extension server_name is malformed");
	if (type != HOST_NAME || list.n > 0)
		return wrong(out, "expected one server name of the type host_name");
	return read_name(name, out);
}

static enum hello_result read_extensions(struct part extensions, struct hello *out)
{
	enum hello_result result = HELLO_NO_NAME;

	while (extensions.n > 0) {
		struct part extension;
		size_t type;

		if (!take_number(&extensions, 2, &type) || !take_vector(&extensions, 2, &extension))
			return wrong(out, "an extension is malformed");
		if (type != SERVER_NAME)
			continue;
		if (result != HELLO_NO_NAME)
			return wrong(out, "the extension server_name comes twice");
		result = read_server_name(extension, out);
		if (result == HELLO_WRONG)
			return result;
	}
	return result;
}

/* The body of a whole ClientHello. */
static enum hello_result read_body(struct part body, struct hello *out)
{
	struct part session, suites, compressions, extensions;
	size_t version;

	if (!take_number(&body, 2, &version) || !skip(&body, 32) ||
	    !take_vector(&body, 1, &session) || !take_vector(&body, 2, &suites) ||
	    !take_vector(&body, 1, &compressions))
		return wrong(out, "the ClientHello is too short");
	if (version >> 8 != 3 || session.n > 32 || suites.n < 2 || suites.n % 2 != 0 ||
	    compressions.n == 0)
		return wrong(out, "the ClientHello is malformed");
	if (body.n == 0)
		return HELLO_NO_NAME;
	if (!take_vector(&body, 2, &extensions) || body.n > 0)
		return wrong(out, "the extensions are malformed");
	return read_extensions(extensions, out);
}

/* ---- the records ---- */

/* The message may be in several records. */
struct gathering {
	const uint8_t *data;
	size_t n, at;              /* at: behind the records that are gathered */
	uint8_t joined[HELLO_MAX]; /* used from the second record on */
	struct part message;
};

/* Checks what there is of the next record's head. */
static const char *check_record(const struct gathering *g)
{
	const uint8_t *head = g->data + g->at;
	size_t n = g->n - g->at;

	if ((n > 0 && head[0] != HANDSHAKE) || (n > 1 && head[1] != 3))
		return "expected a handshake record";
	if (n >= RECORD_HEAD && (head[3] << 8 | head[4]) > RECORD_MAX)
		return "a record is too long";
	if (n >= RECORD_HEAD && (head[3] << 8 | head[4]) == 0)
		return "a handshake record is empty";
	return NULL;
}

static bool add_record(struct gathering *g, const uint8_t *bytes, size_t n)
{
	if (g->message.n == 0) {
		g->message = (struct part){ bytes, n };
		return true;
	}
	if (g->message.n + n > sizeof g->joined)
		return false;
	if (g->message.at != g->joined)
		memcpy(g->joined, g->message.at, g->message.n);
	memcpy(g->joined + g->message.n, bytes, n);
	g->message = (struct part){ g->joined, g->message.n + n };
	return true;
}

/* Bytes of the message, with its head; 0: its head is not complete. */
static size_t message_size(const struct part *message)
{
	const uint8_t *at = message->at;

	return message->n < MESSAGE_HEAD
	               ? 0
	               : MESSAGE_HEAD + ((size_t)at[1] << 16 | at[2] << 8 | at[3]);
}

/* Checks the first bytes of the message, as far as they have come. */
static const char *check_message(const struct part *message)
{
	if (message->n > 0 && message->at[0] != CLIENT_HELLO)
		return "expected a ClientHello";
	if (message_size(message) > HELLO_MAX)
		return "the ClientHello is too long";
	return NULL;
}

/* A record that has come in part: what there is of its bytes shows a mistake early. */
static enum hello_result await_record(struct gathering *g, size_t len, struct hello *out)
{
	const uint8_t *bytes = g->data + g->at + RECORD_HEAD;
	struct part begin = { bytes, g->n - g->at - RECORD_HEAD };
	const char *why = g->message.n == 0 ? check_message(&begin) : NULL;

	return why ? wrong(out, why) : more(out, g->at + RECORD_HEAD + len);
}

static enum hello_result gather(struct gathering *g, struct hello *out)
{
	for (;;) {
		const uint8_t *head = g->data + g->at;
		const char *why = check_record(g);
		size_t len, size;

		if (why)
			return wrong(out, why);
		if (g->n - g->at < RECORD_HEAD)
			return more(out, g->at + RECORD_HEAD);
		len = (size_t)(head[3] << 8 | head[4]);
		if (g->n - g->at < RECORD_HEAD + len)
			return await_record(g, len, out);
		if (!add_record(g, head + RECORD_HEAD, len))
			return wrong(out, "the ClientHello is too long");
		g->at += RECORD_HEAD + len;
		why = check_message(&g->message);
		if (why)
			return wrong(out, why);
		size = message_size(&g->message);
		if (size > 0 && g->message.n >= size)
			return read_body(
				(struct part){ g->message.at + MESSAGE_HEAD, size - MESSAGE_HEAD },
				out);
	}
}

/* The hello of SSL 2.0 may offer a later version, too. It has no extensions. */
static enum hello_result read_old(const uint8_t *data, size_t n, struct hello *out)
{
	if (n < RECORD_HEAD)
		return more(out, RECORD_HEAD);
	if (data[2] == CLIENT_HELLO && (data[3] == 3 || (data[3] == 0 && data[4] == 2)))
		return HELLO_NO_NAME;
	return HELLO_OTHER;
}

enum hello_result hello_read(const uint8_t *data, size_t n, struct hello *out)
{
	struct gathering g;

	out->need = 0;
	out->why = NULL;
	out->name[0] = '\0';
	if (n == 0)
		return more(out, RECORD_HEAD);
	if (data[0] & 0x80)
		return read_old(data, n, out);
	if (data[0] != HANDSHAKE || (n > 1 && data[1] != 3))
		return HELLO_OTHER;
	g.data = data;
	g.n = n;
	g.at = 0;
	g.message = (struct part){ data, 0 };
	return gather(&g, out);
}
