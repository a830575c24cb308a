#include "base/uuid.h"

#include <string.h>
#include <strings.h>

#include "base/crypto.h"
#include "base/text.h"

static const uint8_t hyphen_before_byte[16] = { [4] = 1, [6] = 1, [8] = 1, [10] = 1 };

/* The bits that RFC 4122 gives to random ids. */
static void mark_random(struct uuid *uuid)
{
	uuid->bytes[6] = (uint8_t)((uuid->bytes[6] & 0x0F) | 0x40);
	uuid->bytes[8] = (uint8_t)((uuid->bytes[8] & 0x3F) | 0x80);
}

bool uuid_random(struct uuid *uuid_out)
{
	if (!crypto_random(uuid_out->bytes, sizeof uuid_out->bytes))
		return false;
	mark_random(uuid_out);
	return true;
}

bool uuid_stock_take(struct uuid_stock *stock, struct uuid *uuid_out)
{
	if (stock->left == 0) {
		if (!crypto_random(stock->uuids, sizeof stock->uuids))
			return false;
		stock->left = UUID_STOCK;
	}
	*uuid_out = stock->uuids[--stock->left];
	crypto_wipe(&stock->uuids[stock->left], sizeof *uuid_out);
	mark_random(uuid_out);
	return true;
}

void uuid_mark(struct uuid *uuid, unsigned custom)
{
	uuid->bytes[6] = (uint8_t)(0x80 | (custom >> 8 & 0x0F));
	uuid->bytes[7] = (uint8_t)custom;
}

void uuid_format(const struct uuid *uuid, char text_out[UUID_TEXT_SIZE])
{
	static const char digits[] = "0123456789abcdef";
	char *p = text_out;

	for (size_t i = 0; i < sizeof uuid->bytes; i++) {
		if (hyphen_before_byte[i])
			*p++ = '-';
		*p++ = digits[uuid->bytes[i] >> 4];
		*p++ = digits[uuid->bytes[i] & 15];
	}
	*p = '\0';
}

bool uuid_parse(const char *text, size_t len, struct uuid *uuid_out)
{
	bool has_hyphens;

	if (len == 45 && memcmp(text, "urn:uuid:", 9) == 0) {
		text += 9;
		len -= 9;
	} else if (len == 38 && text[0] == '{' && text[37] == '}') {
		text += 1;
		len -= 2;
	}
	if (len != 32 && len != 36)
		return false;
	has_hyphens = len == 36;
	for (size_t i = 0; i < sizeof uuid_out->bytes; i++) {
		int hi, lo;

		if (has_hyphens && hyphen_before_byte[i] && *text++ != '-')
			return false;
		hi = text_hex_value(*text++);
		lo = text_hex_value(*text++);
		if (hi < 0 || lo < 0)
			return false;
		uuid_out->bytes[i] = (uint8_t)(hi << 4 | lo);
	}
	return true;
}

bool uuid_equal(const struct uuid *a, const struct uuid *b)
{
	return memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}
