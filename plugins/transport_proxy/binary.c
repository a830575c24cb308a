#include "binary.h"

#include "crc32c.h"
#include "fault.h"

enum { FIXED = 16, COMMAND_AT = 12, FAMILY_AT = 13, LENGTH_AT = 14 };
enum { COMMAND_LOCAL = 0, COMMAND_PROXY = 1 };
enum { FAMILY_NONE, FAMILY_IPV4, FAMILY_IPV6, FAMILY_UNIX, FAMILIES };
enum { PROTOCOL_STREAM = 1 };
enum { VALUE_HEAD = 3, VALUE_CHECKSUM = 3, CHECKSUM_SIZE = 4 };

const uint8_t binary_signature[BINARY_SIGNATURE_SIZE] = { '\r', '\n', '\r', '\n', 0,   '\r',
	                                                  '\n', 'Q',  'U',  'I',  'T', '\n' };

/* The sizes of both addresses and ports. */
static const struct family {
	const char *name;
	size_t size;
} families[FAMILIES] = {
	{ "no addresses", 0 }, { "IPv4", 12 }, { "IPv6", 36 }, { "unix sockets", 216 }
};

static size_t number16(const uint8_t *bytes)
{
	return (size_t)bytes[0] << 8 | bytes[1];
}

/* ---- the fixed part ---- */

/* The kinds of addresses that may stand in front of a connection of TCP. */
static enum header_result check_family(const uint8_t *bytes, struct header *out)
{
	unsigned family = bytes[FAMILY_AT] >> 4, protocol = bytes[FAMILY_AT] & 15;
	size_t len = number16(bytes + LENGTH_AT);

	if (family >= FAMILIES || protocol != (family == FAMILY_NONE ? 0 : PROTOCOL_STREAM))
		return fault_set(out, HEADER_MALFORMED,
		                 "PROXY v2: expected the address family 0x00, 0x11, 0x21 or 0x31, "
		                 "found 0x%02x",
		                 bytes[FAMILY_AT]);
	if (len < families[family].size)
		return fault_set(out, HEADER_MALFORMED,
		                 "PROXY v2: expected a length of at least %zu for %s, found %zu",
		                 families[family].size, families[family].name, len);
	return HEADER_DONE;
}

/* DONE: the fixed part is right. */
static enum header_result check_fixed(const uint8_t *bytes, struct header *out)
{
	unsigned version = bytes[COMMAND_AT] >> 4, command = bytes[COMMAND_AT] & 15;
	size_t len = number16(bytes + LENGTH_AT);

	if (version != 2)
		return fault_set(out, HEADER_MALFORMED,
		                 "PROXY v2: expected the version 2, found %u", version);
	if (command != COMMAND_LOCAL && command != COMMAND_PROXY)
		return fault_set(out, HEADER_MALFORMED,
		                 "PROXY v2: expected the command 0 (LOCAL) or 1 (PROXY), found %u",
		                 command);
	if (FIXED + len > HEADER_MAX)
		return fault_set(out, HEADER_TOO_LONG,
		                 "PROXY v2: expected at most %d bytes, found a length of %zu",
		                 HEADER_MAX, FIXED + len);
	return command == COMMAND_LOCAL ? HEADER_DONE : check_family(bytes, out);
}

/* ---- values ---- */

/* The checksum is that of the header with zeros in its own place. */
static enum header_result check_sum(const uint8_t *bytes, size_t at, struct header *out)
{
	static const uint8_t zeros[CHECKSUM_SIZE];
	size_t behind = at + CHECKSUM_SIZE;
	uint32_t told = (uint32_t)(number16(bytes + at) << 16 | number16(bytes + at + 2));
	uint32_t sum = crc32c(0, bytes, at);

	sum = crc32c(sum, zeros, CHECKSUM_SIZE);
	sum = crc32c(sum, bytes + behind, out->len - behind);
	if (sum == told)
		return HEADER_DONE;
	return fault_set(out, HEADER_CHECKSUM,
	                 "PROXY v2: expected the checksum 0x%08x, found 0x%08x", sum, told);
}

/* The values behind the addresses. DONE: all are complete, and the checksum, if there is one, is
 * right. */
static enum header_result check_values(const uint8_t *bytes, size_t at, struct header *out)
{
	size_t sum_at = 0;

	while (at < out->len) {
		size_t left = out->len - at;
		size_t size = left < VALUE_HEAD ? 0 : number16(bytes + at + 1);

		if (left < VALUE_HEAD + size)
			return fault_set(
				out, HEADER_MALFORMED,
				"PROXY v2: a value (TLV) goes beyond the end of the header");
		if (bytes[at] == VALUE_CHECKSUM && (size != CHECKSUM_SIZE || sum_at))
			return fault_set(out, HEADER_MALFORMED,
			                 "PROXY v2: expected at most one checksum of %d bytes",
			                 CHECKSUM_SIZE);
		if (bytes[at] == VALUE_CHECKSUM)
			sum_at = at + VALUE_HEAD;
		at += VALUE_HEAD + size;
	}
	return sum_at ? check_sum(bytes, sum_at, out) : HEADER_DONE;
}

/* ---- addresses ---- */

static void take_client(const uint8_t *addresses, unsigned family, struct header *out)
{
	spore_addr *client = &out->client;

	out->has_client = true;
	if (family == FAMILY_IPV4) {
		client->ip[10] = client->ip[11] = 0xFF;
		memcpy(client->ip + 12, addresses, 4);
		client->port = (uint16_t)number16(addresses + 8);
	} else {
		memcpy(client->ip, addresses, 16);
		client->port = (uint16_t)number16(addresses + 32);
	}
}

static enum header_result read_complete(const uint8_t *bytes, struct header *out)
{
	unsigned family = bytes[FAMILY_AT] >> 4;

	if ((bytes[COMMAND_AT] & 15) == COMMAND_LOCAL) /* the rest is to be ignored */
		return HEADER_DONE;
	if (check_values(bytes, FIXED + families[family].size, out) != HEADER_DONE)
		return HEADER_WRONG;
	if (family == FAMILY_IPV4 || family == FAMILY_IPV6)
		take_client(bytes + FIXED, family, out);
	return HEADER_DONE;
}

enum header_result binary_read(const uint8_t *bytes, size_t n, struct header *out)
{
	if (n < FIXED) {
		out->need = FIXED - n;
		return HEADER_MORE;
	}
	if (check_fixed(bytes, out) != HEADER_DONE)
		return HEADER_WRONG;
	out->version = 2;
	out->len = FIXED + number16(bytes + LENGTH_AT);
	if (n < out->len) {
		out->need = out->len - n;
		return HEADER_MORE;
	}
	return read_complete(bytes, out);
}
