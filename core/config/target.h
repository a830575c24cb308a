/* target - what a client connects to, as an operator writes it: "HOST", "HOST:PORT", "[::1]:80".
 * Pure. [any] */
#ifndef CORE_TARGET_H
#define CORE_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct target {
	const char *host; /* borrowed from the text, without brackets */
	size_t host_len;
	uint16_t port; /* 0: the text has none */
	/* An IPv6 address without brackets. Its last part belongs to the address, even if it looks
	 * like a port. */
	bool is_bare_ipv6;
	/* The operator may have meant the last part of such an address as a port, as in "::1:7835":
	 * the length without that part. 0: this cannot be, as in "::1", where no address
	 * remains. */
	size_t shorter_len;
};

/* The path of "unix:PATH"; NULL: the text does not begin so. */
const char *target_path(const char *text);

/* False: the text is not a target. *why_out then says what was expected instead: a permanent text
 * that begins with "expected". An IPv6 address needs brackets only if a port follows. */
bool target_read(const char *text, struct target *target_out, const char **why_out);

#endif
