/* ssh_bytes - reads the data types of SSH (RFC 4251, 5). Pure; reads nothing behind the end. [any]
 */
#ifndef COMMON_SSH_BYTES_H
#define COMMON_SSH_BYTES_H

#include <spore/base.h>
#include <stdbool.h>

struct ssh_bytes {
	const uint8_t *at, *end;
};

/* False: the bytes end before. */
bool ssh_bytes_u32(struct ssh_bytes *bytes, uint32_t *out);
/* A length and as many bytes, which stay where they are. */
bool ssh_bytes_string(struct ssh_bytes *bytes, spore_str *out);
/* A string with these contents. */
bool ssh_bytes_expect(struct ssh_bytes *bytes, const char *text);

#endif
