/* talk - what a client and a proxy say until the way to the server is open. Pure: bytes go in and
 * out, and the caller moves them. [any]
 *
 *      begin ──▶ out ──▶ (sent) ──▶ in ──▶ take ──▶ MORE: read more
 *                 ▲                          ├────▶ SEND: `out` has the next message
 *                 └──────────────────────────┤
 *                                            ├────▶ OPEN: `in` has what the server has sent since
 *                                            └────▶ FAILED: `error` says what the proxy said
 *
 * A proxy may send anything. What it may send before the way is open is bounded by TALK_IN_MAX, and
 * its bytes are escaped in the error. The two protocols are in http and socks; protocol chooses. */
#ifndef TRANSPORT_VIA_TALK_H
#define TRANSPORT_VIA_TALK_H

#include <spore/base.h>
#include <stddef.h>

#include "url.h"

enum { TALK_IN_MAX = 8192, TALK_OUT_MAX = 2048, TALK_ERROR_SIZE = 320, TALK_SECRET_MAX = 255 };

enum talk_result { TALK_MORE, TALK_SEND, TALK_OPEN, TALK_FAILED };

struct talk {
	/* Set by the caller; borrowed. */
	const struct proxy_url *url;
	spore_str password; /* at most TALK_SECRET_MAX bytes */
	const char *host;   /* of the server: a name, or an address without brackets */
	uint16_t port;
	/* The caller reads these only. */
	unsigned phase;
	uint8_t out[TALK_OUT_MAX]; /* has the password in it: talk_wipe */
	size_t out_len;
	uint8_t in[TALK_IN_MAX];
	size_t in_len;
	char error[TALK_ERROR_SIZE];
};

/* Overwrites the message, once it is sent. */
void talk_wipe(struct talk *talk);

/* "proxy HOST:PORT" and what is wrong. Returns TALK_FAILED. */
__attribute__((format(printf, 2, 3))) enum talk_result talk_fail(struct talk *talk,
                                                                 const char *format, ...);
/* Removes the first bytes of `in`. */
void talk_skip(struct talk *talk, size_t n);
/* Writes the bytes so that they can stand in a log. */
void talk_escape(const void *bytes, size_t len, char *out, size_t size);

#endif
