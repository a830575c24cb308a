#include "proof.h"

#include <stddef.h>

static const char prefix[] = "k1=";

/* The parts of a proof, in the order of the answer. */
static const struct {
	size_t offset, size;
} parts[] = {
	{ offsetof(struct proof, fingerprint), KEY_FINGERPRINT_SIZE },
	{ offsetof(struct proof, name_hash), SERVER_NAME_HASH_SIZE },
	{ offsetof(struct proof, signature), KEY_SIGNATURE_SIZE },
};
enum { N_PARTS = sizeof parts / sizeof *parts };

void proof_write(const struct proof *proof, char out[PROOF_SIZE])
{
	memcpy(out, prefix, sizeof prefix - 1);
	out += sizeof prefix - 1;
	for (size_t i = 0; i < N_PARTS; i++) {
		if (i > 0)
			*out++ = '.';
		base64url_encode((const uint8_t *)proof + parts[i].offset, parts[i].size, out);
		out += BASE64URL_SIZE(parts[i].size);
	}
}

bool proof_parse(spore_str answer, struct proof *out)
{
	const char *at = answer.ptr;

	if (answer.len != PROOF_SIZE || memcmp(at, prefix, sizeof prefix - 1) != 0)
		return false;
	at += sizeof prefix - 1;
	for (size_t i = 0; i < N_PARTS; i++) {
		spore_str text = { at, BASE64URL_SIZE(parts[i].size) };

		if (!base64url_decode(text, (uint8_t *)out + parts[i].offset, parts[i].size))
			return false;
		at += text.len;
		if (i + 1 < N_PARTS && *at++ != '.')
			return false;
	}
	return true;
}
