/* restrictions - the options in front of a key in an authorized_keys file:
 *
 *     ports="20000-20099,20500",max-tunnels="5",expiry-time="20271231",identity="alice"
 *
 * They have OpenSSH's syntax: a value may stand in double quotes, in which \" is a quote. Names are
 * compared without case. Pure. [any] */
#ifndef COMMON_RESTRICTIONS_H
#define COMMON_RESTRICTIONS_H

#include <spore/auth.h>
#include <stdbool.h>

#include "../client/terms.h"

/* Zeroed: none. It may be copied. */
struct restrictions {
	struct terms terms;
	int64_t expires_ms;                    /* since 1970; 0: never */
	char identity[SPORE_IDENTITY_MAX + 1]; /* "": the comment is the identity */
};

struct restrictions_fault {
	size_t offset;    /* of the mistake, from the start of the text */
	const char *text; /* what was expected and what was found; static */
};

/* The length of the options at the start of a line: they end at the first blank that is not in
 * quotes. */
size_t restrictions_span(const char *line, size_t len);
/* False and *fault: the options are wrong. */
bool restrictions_parse(spore_str text, struct restrictions *out, struct restrictions_fault *fault);

#endif
