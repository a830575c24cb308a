#include "identity.h"

enum { BYTE_ORDER_MARK = 0xFEFF };

/* Decodes one character of UTF-8. Returns its length; 0: it is not valid. */
static size_t decode_character(const unsigned char *at, size_t len, uint32_t *out)
{
	/* The smallest character that needs so many bytes. */
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t n = at[0] < 0x80       ? 1
	           : at[0] >> 5 == 6  ? 2
	           : at[0] >> 4 == 14 ? 3
	           : at[0] >> 3 == 30 ? 4
	                              : 0;
	uint32_t c = n == 1 ? at[0] : n ? at[0] & (0xFFu >> (n + 1)) : 0;
	bool is_surrogate;

	if (n == 0 || n > len)
		return 0;
	for (size_t i = 1; i < n; i++) {
		if (at[i] >> 6 != 2)
			return 0;
		c = c << 6 | (at[i] & 0x3Fu);
	}
	*out = c;
	is_surrogate = c >= 0xD800 && c <= 0xDFFF;
	return c < least[n] || c > 0x10FFFF || is_surrogate ? 0 : n;
}

static bool is_control(uint32_t c)
{
	return c < 0x20 || (c >= 0x7F && c < 0xA0);
}

bool identity_is_good(spore_str identity)
{
	const unsigned char *bytes = (const unsigned char *)identity.ptr;
	size_t at = 0;

	while (at < identity.len) {
		uint32_t c;
		size_t n = decode_character(bytes + at, identity.len - at, &c);

		if (n == 0 || is_control(c) || c == BYTE_ORDER_MARK)
			return false;
		at += n;
	}
	return identity.len >= 1 && identity.len <= SPORE_IDENTITY_MAX;
}
