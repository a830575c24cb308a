#include "fault.h"

#include <stdarg.h>
#include <stdio.h>

enum { SHOWN_TEXT = 32, SHOWN_HEX = 16, LEAST_TEXT = 3 };

enum header_result fault_set(struct header *out, enum header_fault fault, const char *format, ...)
{
	va_list ap;

	out->fault = fault;
	va_start(ap, format);
	vsnprintf(out->why, sizeof out->why, format, ap);
	va_end(ap);
	return HEADER_WRONG;
}

static size_t length_of_text(const uint8_t *bytes, size_t n)
{
	size_t len = 0;

	while (len < n && bytes[len] >= 0x20 && bytes[len] < 0x7F)
		len++;
	return len;
}

const char *fault_found(const uint8_t *bytes, size_t n, char out[FOUND_SIZE])
{
	size_t text = length_of_text(bytes, n), at = 2;

	if (text >= LEAST_TEXT || (n > 0 && text == n)) {
		snprintf(out, FOUND_SIZE, "%.*s",
		         (int)(text < SHOWN_TEXT ? text : (size_t)SHOWN_TEXT), (const char *)bytes);
		return out;
	}
	snprintf(out, FOUND_SIZE, n > 0 ? "0x" : "nothing");
	for (size_t i = 0; i < n && i < SHOWN_HEX; i++, at += 2)
		snprintf(out + at, FOUND_SIZE - at, "%02x", bytes[i]);
	return out;
}
