#include "base64.h"

static const char standard[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char for_urls[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* Decodes a text without padding. False: it has a wrong character or length, the result does not
 * fit, or bits are left behind the last byte that are not 0 (RFC 4648, 3.5). */
static bool decode(const char *alphabet, spore_str text, uint8_t *out, size_t size, size_t *len_out)
{
	uint32_t bits = 0;
	unsigned n_bits = 0;
	size_t n = 0;

	for (size_t i = 0; i < text.len; i++) {
		const char *found = memchr(alphabet, text.ptr[i], 64);

		if (!found)
			return false;
		bits = bits << 6 | (uint32_t)(found - alphabet);
		n_bits += 6;
		if (n_bits < 8)
			continue;
		if (n == size)
			return false;
		n_bits -= 8;
		out[n++] = (uint8_t)(bits >> n_bits);
		bits &= (1u << n_bits) - 1;
	}
	*len_out = n;
	return text.len % 4 != 1 && bits == 0;
}

bool base64_decode(spore_str text, uint8_t *out, size_t size, size_t *len_out)
{
	if (text.len % 4)
		return false;
	for (int i = 0; i < 2 && text.len && text.ptr[text.len - 1] == '='; i++)
		text.len--;
	return decode(standard, text, out, size, len_out);
}

void base64url_encode(const uint8_t *bytes, size_t len, char *out)
{
	uint32_t bits = 0;
	unsigned n_bits = 0;

	for (size_t i = 0; i < len; i++) {
		bits = bits << 8 | bytes[i];
		for (n_bits += 8; n_bits >= 6; n_bits -= 6)
			*out++ = for_urls[bits >> (n_bits - 6) & 63];
	}
	if (n_bits)
		*out = for_urls[bits << (6 - n_bits) & 63];
}

bool base64url_decode(spore_str text, uint8_t *out, size_t len)
{
	size_t n;

	return text.len == BASE64URL_SIZE(len) && decode(for_urls, text, out, len, &n) && n == len;
}
