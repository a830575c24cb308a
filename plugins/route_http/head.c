#include "head.h"

#include <string.h>

static bool is_digit(uint8_t c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(uint8_t c)
{
	return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

static bool is_in_name(uint8_t c)
{
	return is_letter(c) || is_digit(c) || c == '-' || c == '.' || c == '_';
}

static bool is_in_brackets(uint8_t c)
{
	return is_digit(c) || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f') || c == ':' || c == '.';
}

/* The length of the host in front of the port; 0: malformed. */
static size_t host_length(const uint8_t *text, size_t n)
{
	size_t len = 0;

	if (text[0] != '[') {
		while (len < n && is_in_name(text[len]))
			len++;
		return len;
	}
	len = 1;
	while (len < n && is_in_brackets(text[len]))
		len++;
	return len > 2 && len < n && text[len] == ']' ? len + 1 : 0;
}

static bool is_port(const uint8_t *text, size_t n)
{
	if (n > 0 && text[0] != ':')
		return false;
	for (size_t i = 1; i < n; i++) {
		if (!is_digit(text[i]))
			return false;
	}
	return n <= sizeof ":65535" - 1;
}

bool head_take_host(const uint8_t *text, size_t n, char host_out[HEAD_HOST_SIZE])
{
	size_t len = n > 0 ? host_length(text, n) : 0;

	host_out[0] = '\0';
	if (n == 0)
		return true;
	if (len == 0 || len >= HEAD_HOST_SIZE || !is_port(text + len, n - len))
		return false;
	for (size_t i = 0; i < len; i++)
		host_out[i] = (char)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] | 0x20 : text[i]);
	host_out[len] = '\0';
	return true;
}

void head_take_path(const uint8_t *text, size_t n, char path_out[HEAD_PATH_SIZE])
{
	size_t len = 0;

	if (n > 0 && text[0] == '/') {
		while (len < n && len < HEAD_PATH_SIZE - 1 && text[len] != '?' && text[len] != '#')
			len++;
		memcpy(path_out, text, len);
	}
	path_out[len] = '\0';
}
