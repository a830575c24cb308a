/* fault - how a question to the directory has ended, and why, for the operator. */
#ifndef AUTH_LDAP_FAULT_H
#define AUTH_LDAP_FAULT_H

#include <spore/base.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

/* The texts of the metric are in the same order. */
enum ask_result {
	ASK_ANSWERED, /* the directory has decided */
	/* The directory, or this URL of it, fails. */
	ASK_UNREACHABLE,
	ASK_TIMEOUT,
	ASK_UNTRUSTED,
	ASK_BROKEN,
	ASK_REFUSED, /* the service account */
	ASK_ERROR,   /* another result than one that decides */
	/* The directory works, but what it says of this client is not understood. That could be a
	 * restriction, so the client is denied. */
	ASK_BAD_ENTRY,
	/* not asked */
	ASK_SUSPENDED,
	ASK_BUSY,
	ASK_NO_MEMORY,
	ASK_RESULTS
};

enum { FAULT_TEXT_SIZE = 400 };

/* Zeroed: none. */
struct fault {
	enum ask_result result;
	char text[FAULT_TEXT_SIZE]; /* not escaped, since the host's log does that */
};

/* Sets the fault; returns false. [any] */
SPORE_PRINTF(3, 4)
static inline bool fault_set(struct fault *fault, enum ask_result result, const char *format, ...)
{
	va_list ap;

	fault->result = result;
	va_start(ap, format);
	vsnprintf(fault->text, sizeof fault->text, format, ap);
	va_end(ap);
	return false;
}

/* True: the URL or the connection has failed, so another one may do better. [any] */
static inline bool fault_is_of_place(const struct fault *fault)
{
	return fault->result >= ASK_UNREACHABLE && fault->result <= ASK_ERROR;
}

#endif
