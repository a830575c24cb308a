#include "ssh_bytes.h"

bool ssh_bytes_u32(struct ssh_bytes *bytes, uint32_t *out)
{
	const uint8_t *at = bytes->at;

	if (bytes->end - at < 4)
		return false;
	*out = (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
	bytes->at += 4;
	return true;
}

bool ssh_bytes_string(struct ssh_bytes *bytes, spore_str *out)
{
	uint32_t len;

	if (!ssh_bytes_u32(bytes, &len) || (size_t)(bytes->end - bytes->at) < len)
		return false;
	*out = (spore_str){ (const char *)bytes->at, len };
	bytes->at += len;
	return true;
}

bool ssh_bytes_expect(struct ssh_bytes *bytes, const char *text)
{
	spore_str found;

	return ssh_bytes_string(bytes, &found) && found.len == strlen(text) &&
	       memcmp(found.ptr, text, found.len) == 0;
}
