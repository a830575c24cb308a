/* proxy_header - writes a header of the PROXY protocol, which tells a service who its client is.
 * Pure. [any]
 *
 * Version 1 is a line of text, version 2 is binary. Both name a source and a destination of one
 * family, and the source decides which. The destination is given as:
 *
 *   source   destination   in the header
 *   IPv4     IPv4          as it is
 *   IPv4     IPv6, none    0.0.0.0, with its port
 *   IPv6     IPv6          as it is
 *   IPv6     IPv4          the IPv4-mapped address (::ffff:a.b.c.d)
 *   IPv6     none          ::, with its port
 *   none     any           a header without addresses: UNKNOWN in version 1, LOCAL in version 2 */
#ifndef CORE_PROXY_HEADER_H
#define CORE_PROXY_HEADER_H

#include <spore/base.h>
#include <stddef.h>
#include <stdint.h>

/* In the order of the option's words. */
enum proxy_header_version { PROXY_HEADER_NONE, PROXY_HEADER_V1, PROXY_HEADER_V2 };

enum { PROXY_HEADER_MAX = 108 };

/* Writes the header and returns its length; 0 for PROXY_HEADER_NONE. An address of family 0 is not
 * known; its port may be. */
size_t proxy_header_write(enum proxy_header_version version, const spore_addr *from,
                          const spore_addr *to, uint8_t out[PROXY_HEADER_MAX]);

#endif
