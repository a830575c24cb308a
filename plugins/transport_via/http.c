#include "http.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* ---- the request ---- */

static void add_text(struct talk *talk, const char *text)
{
	size_t len = strlen(text);

	if (len > sizeof talk->out - talk->out_len)
		len = sizeof talk->out - talk->out_len; /* not with the bounds of url and talk */
	memcpy(talk->out + talk->out_len, text, len);
	talk->out_len += len;
}

static void encode_base64(const uint8_t *bytes, size_t len, char *out)
{
	/* The last one is for padding. */
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=";
	enum { PADDING = 64 };

	for (size_t i = 0; i < len; i += 3) {
		uint32_t group = (uint32_t)bytes[i] << 16;

		group |= i + 1 < len ? (uint32_t)bytes[i + 1] << 8 : 0;
		group |= i + 2 < len ? bytes[i + 2] : 0;
		*out++ = digits[group >> 18];
		*out++ = digits[group >> 12 & 63];
		*out++ = digits[i + 1 < len ? group >> 6 & 63 : PADDING];
		*out++ = digits[i + 2 < len ? group & 63 : PADDING];
	}
	*out = '\0';
}

static void add_credentials(struct talk *talk)
{
	uint8_t pair[URL_USER_MAX + 1 + TALK_SECRET_MAX];
	char text[(sizeof pair + 2) / 3 * 4 + 1];
	size_t len = strlen(talk->url->user);

	memcpy(pair, talk->url->user, len);
	pair[len++] = ':';
	if (talk->password.len)
		memcpy(pair + len, talk->password.ptr, talk->password.len);
	len += talk->password.len;
	encode_base64(pair, len, text);
	add_text(talk, "Proxy-Authorization: Basic ");
	add_text(talk, text);
	add_text(talk, "\r\n");
	explicit_bzero(pair, sizeof pair);
	explicit_bzero(text, sizeof text);
}

enum talk_result http_begin(struct talk *talk)
{
	char place[URL_HOST_MAX + 16];

	snprintf(place, sizeof place, strchr(talk->host, ':') ? "[%.255s]:%u" : "%.255s:%u",
	         talk->host, talk->port);
	add_text(talk, "CONNECT ");
	add_text(talk, place);
	add_text(talk, " HTTP/1.1\r\nHost: ");
	add_text(talk, place);
	add_text(talk, "\r\n");
	if (*talk->url->user)
		add_credentials(talk);
	add_text(talk, "\r\n");
	return TALK_SEND;
}

/* ---- the reply ---- */

/* The length of the head with the empty line at its end; 0: it is not complete. */
static size_t head_length(const struct talk *talk)
{
	const uint8_t *in = talk->in;

	for (size_t i = 0; i + 1 < talk->in_len; i++) {
		if (in[i] != '\n')
			continue;
		if (in[i + 1] == '\n')
			return i + 2;
		if (i + 2 < talk->in_len && in[i + 1] == '\r' && in[i + 2] == '\n')
			return i + 3;
	}
	return 0;
}

static size_t line_length(const struct talk *talk)
{
	size_t n = 0;

	while (n < talk->in_len && talk->in[n] != '\n')
		n++;
	return n > 0 && talk->in[n - 1] == '\r' ? n - 1 : n;
}

/* "HTTP/1.1 200 Connection established". 0: not a status line. */
static unsigned read_status(const struct talk *talk, size_t len)
{
	const char *line = (const char *)talk->in;
	unsigned status = 0;

	if (len < 12 || memcmp(line, "HTTP/1.", 7) != 0 || !isdigit((unsigned char)line[7]) ||
	    line[8] != ' ' || (len > 12 && line[12] != ' '))
		return 0;
	for (size_t i = 9; i < 12; i++) {
		if (!isdigit((unsigned char)line[i]))
			return 0;
		status = status * 10 + (unsigned)(line[i] - '0');
	}
	return status;
}

enum { SHOWN = 120 };

static enum talk_result refuse_reply(struct talk *talk, size_t len)
{
	char shown[SHOWN];

	talk_escape(talk->in, len, shown, sizeof shown);
	return talk_fail(talk, "expected a reply of HTTP/1.1, found \"%s\": is it an HTTP proxy?",
	                 shown);
}

static enum talk_result take_refusal(struct talk *talk, unsigned status, size_t len)
{
	const char *hint = "";
	char shown[SHOWN];

	talk_escape(talk->in + 9, len - 9, shown, sizeof shown);
	if (status == 407 || status == 401) /* some say 401 */
		hint = *talk->url->user ? ": the user or the password is wrong"
		                        : ": it wants a user (in the URL) and a password";
	return talk_fail(talk, "it has refused CONNECT %.100s:%u with \"%s\"%s", talk->host,
	                 talk->port, shown, hint);
}

/* Skips replies of 1xx, which may precede the final reply. */
enum talk_result http_take(struct talk *talk)
{
	size_t head, len = line_length(talk);
	size_t compared = talk->in_len < 7 ? talk->in_len : 7;
	unsigned status;

	/* A wrong reply is refused at its first bytes. The head may not be complete yet. */
	if (memcmp(talk->in, "HTTP/1.", compared) != 0)
		return refuse_reply(talk, len);
	while ((head = head_length(talk)) > 0) {
		len = line_length(talk);
		status = read_status(talk, len);
		if (!status)
			return refuse_reply(talk, len);
		if (status >= 300)
			return take_refusal(talk, status, len);
		talk_skip(talk, head);
		if (status >= 200)
			return TALK_OPEN;
	}
	if (talk->in_len < sizeof talk->in)
		return TALK_MORE;
	return talk_fail(talk, "the head of its reply is longer than %zu bytes", sizeof talk->in);
}
