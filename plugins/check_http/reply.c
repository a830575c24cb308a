#include "reply.h"

#include <string.h>

/* "HTTP/1.1 200" */
enum { STATUS_AT = 9, STATUS_END = 12 };

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static int read_status(const char *digits)
{
	if (!is_digit(digits[0]) || !is_digit(digits[1]) || !is_digit(digits[2]))
		return REPLY_INVALID;
	return (digits[0] - '0') * 100 + (digits[1] - '0') * 10 + (digits[2] - '0');
}

/* Do the bytes that have come begin a status line? */
static bool may_be_reply(const char *bytes, size_t len)
{
	static const char version[] = "HTTP/1.";
	size_t n = len < sizeof version - 1 ? len : sizeof version - 1;

	return memcmp(bytes, version, n) == 0 && (len <= 7 || is_digit(bytes[7])) &&
	       (len <= 8 || bytes[8] == ' ');
}

/* The status of the head that begins here. */
static int head_status(const char *bytes, size_t len)
{
	int status;

	if (!may_be_reply(bytes, len))
		return REPLY_INVALID;
	if (len <= STATUS_END)
		return REPLY_MORE;
	status = read_status(bytes + STATUS_AT);
	if (status < 100 || (bytes[STATUS_END] != ' ' && bytes[STATUS_END] != '\r'))
		return REPLY_INVALID;
	return status;
}

int reply_status(const char *bytes, size_t len)
{
	int status = head_status(bytes, len);

	while (status >= 100 && status < 200) {
		const char *end = memmem(bytes, len, "\r\n\r\n", 4);

		if (!end)
			return REPLY_MORE;
		len -= (size_t)(end + 4 - bytes);
		bytes = end + 4;
		status = head_status(bytes, len);
	}
	return status;
}

static const char *skip_blanks(const char *text)
{
	return text + strspn(text, " ");
}

/* Reads "200" or "200-299" and the blanks behind it. NULL: it is not there. */
static const char *read_range(const char *text, int *from_out, int *to_out)
{
	if (strlen(text) < 3)
		return NULL;
	*from_out = *to_out = read_status(text);
	text += 3;
	if (*text == '-') {
		if (strlen(text) < 4)
			return NULL;
		*to_out = read_status(text + 1);
		text += 4;
	}
	if (*from_out < 100 || *to_out < *from_out)
		return NULL;
	return skip_blanks(text);
}

bool reply_is_list(const char *text)
{
	int from, to;

	for (;;) {
		text = read_range(skip_blanks(text), &from, &to);
		if (!text)
			return false;
		if (*text == '\0')
			return true;
		if (*text++ != ',')
			return false;
	}
}

bool reply_is_expected(const char *list, int status)
{
	int from, to;

	while ((list = read_range(skip_blanks(list), &from, &to)) != NULL) {
		if (status >= from && status <= to)
			return true;
		if (*list++ != ',')
			return false;
	}
	return false;
}
