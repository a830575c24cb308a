#include "reader.h"

#include "binary.h"
#include "fault.h"
#include "line.h"

enum { LEAST = 15 }; /* bytes of the shortest header of all */

/* Are the bytes that have come those of the signature? */
static bool may_begin(const uint8_t *bytes, size_t n, const void *signature, size_t size)
{
	return n > 0 && memcmp(bytes, signature, n < size ? n : size) == 0;
}

/* An IPv4 address that is written as an IPv6 one is IPv4, so that lists of addresses mean both. */
static uint8_t family_of(const uint8_t ip[16])
{
	static const uint8_t front[12] = { [10] = 0xFF, [11] = 0xFF };

	return memcmp(ip, front, sizeof front) == 0 ? 4 : 6;
}

enum header_result reader_read(const uint8_t *bytes, size_t n, struct header *out)
{
	static const char line_signature[] = "PROXY ";
	enum header_result result;
	char found[FOUND_SIZE];

	*out = (struct header){ .need = LEAST };
	if (n == 0)
		return HEADER_MORE;
	if (may_begin(bytes, n, line_signature, sizeof line_signature - 1))
		result = line_read(bytes, n, out);
	else if (may_begin(bytes, n, binary_signature, BINARY_SIGNATURE_SIZE))
		result = binary_read(bytes, n, out);
	else
		result = fault_set(out, HEADER_MISSING, "expected a PROXY header, found: %s",
		                   fault_found(bytes, n, found));
	if (result == HEADER_DONE && out->has_client)
		out->client.family = family_of(out->client.ip);
	return result;
}
