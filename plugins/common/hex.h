/* hex - the values of hexadecimal digits. This code is compiled into each plugin that uses it. */
#ifndef COMMON_HEX_H
#define COMMON_HEX_H

#include <spore/base.h>
#include <stdbool.h>

/* -1: it is no digit. Accepts both cases. [any] */
static inline int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

/* Reads exactly 2 * n digits. False: the text has another length, or other characters; the output
 * is then undefined. [any] */
static inline bool hex_read(spore_str hex, uint8_t *out, size_t n)
{
	if (hex.len != 2 * n)
		return false;
	for (size_t i = 0; i < n; i++) {
		int hi = hex_value(hex.ptr[2 * i]), lo = hex_value(hex.ptr[2 * i + 1]);

		if (hi < 0 || lo < 0)
			return false;
		out[i] = (uint8_t)(hi << 4 | lo);
	}
	return true;
}

#endif
