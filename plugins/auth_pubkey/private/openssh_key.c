#include "openssh_key.h"

#include <libssh/libssh.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>

#include "../../common/pubkey/base64.h"
#include "../../common/pubkey/key.h"
#include "../../common/pubkey/ssh_bytes.h"

static const char begin[] = OPENSSH_KEY_BEGIN, end[] = "-----END OPENSSH PRIVATE KEY-----";
static const char magic[] = "openssh-key-v1"; /* with its NUL */

/* ---- the bytes between the two lines ---- */

/* The base64 text between the two lines; NULL: one of them is missing. */
static const char *find_body(spore_str text, size_t *len_out)
{
	const char *first = memmem(text.ptr, text.len, begin, sizeof begin - 1), *last;

	if (!first)
		return NULL;
	first += sizeof begin - 1;
	last = memmem(first, text.len - (size_t)(first - text.ptr), end, sizeof end - 1);
	*len_out = last ? (size_t)(last - first) : 0;
	return last ? first : NULL;
}

/* The decoded key, of at most `len` bytes; NULL: it is broken, or memory is out. The caller wipes
 * all of it. */
static uint8_t *decode_body(const char *body, size_t len, size_t *size_out)
{
	char *joined = malloc(len + 1);
	uint8_t *bytes = malloc(len + 1);
	size_t n = 0;
	bool good = joined && bytes;

	for (size_t i = 0; good && i < len; i++) {
		if (!strchr("\r\n \t", body[i]))
			joined[n++] = body[i];
	}
	good = good && base64_decode((spore_str){ joined, n }, bytes, len, size_out);
	if (joined)
		OPENSSL_cleanse(joined, n);
	free(joined);
	if (good)
		return bytes;
	if (bytes)
		OPENSSL_cleanse(bytes, len);
	free(bytes);
	return NULL;
}

/* ---- the private section ---- */

static enum openssh_key_outcome read_ed25519(struct ssh_bytes *bytes, EVP_PKEY **key_out)
{
	enum { HALF = 32, WHOLE = 64 };
	spore_str public_half, secret_half; /* the secret half is the seed, then the public half */
	uint8_t derived[HALF];
	size_t len = sizeof derived;

	if (!ssh_bytes_string(bytes, &public_half) || !ssh_bytes_string(bytes, &secret_half) ||
	    public_half.len != HALF || secret_half.len != WHOLE)
		return OPENSSH_KEY_BROKEN;
	*key_out = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL,
	                                        (const uint8_t *)secret_half.ptr, HALF);
	if (*key_out && EVP_PKEY_get_raw_public_key(*key_out, derived, &len) == 1 &&
	    memcmp(derived, public_half.ptr, HALF) == 0)
		return OPENSSH_KEY_READ;
	EVP_PKEY_free(*key_out);
	return OPENSSH_KEY_BROKEN;
}

static enum openssh_key_outcome read_p256(struct ssh_bytes *bytes, EVP_PKEY **key_out)
{
	spore_str point, secret;

	if (!ssh_bytes_expect(bytes, "nistp256") || !ssh_bytes_string(bytes, &point) ||
	    !ssh_bytes_string(bytes, &secret) || !secret.len)
		return OPENSSH_KEY_BROKEN;
	*key_out = key_make_p256(point, secret);
	return *key_out ? OPENSSH_KEY_READ : OPENSSH_KEY_BROKEN;
}

/* A section begins with two equal numbers. After a wrong decryption they differ. */
static enum openssh_key_outcome read_section(spore_str section, EVP_PKEY **key_out)
{
	struct ssh_bytes bytes = { (const uint8_t *)section.ptr,
		                   (const uint8_t *)section.ptr + section.len };
	uint32_t first, second;
	spore_str type;

	if (!ssh_bytes_u32(&bytes, &first) || !ssh_bytes_u32(&bytes, &second) || first != second ||
	    !ssh_bytes_string(&bytes, &type))
		return OPENSSH_KEY_BROKEN;
	if (!key_type_is_known(type))
		return OPENSSH_KEY_OTHER;
	return type.len == strlen(KEY_TYPE_P256) ? read_p256(&bytes, key_out)
	                                         : read_ed25519(&bytes, key_out);
}

static bool is_text(spore_str found, const char *text)
{
	return found.len == strlen(text) && memcmp(found.ptr, text, found.len) == 0;
}

/* libssh 0.10 calls a null pointer if the cipher of a key is an AEAD, such as AES-GCM. So it gets
 * only keys of ciphers that it is known to decrypt. */
static bool can_decrypt(spore_str cipher)
{
	static const char *const known[] = { "aes128-ctr", "aes192-ctr", "aes256-ctr", "aes128-cbc",
		                             "aes192-cbc", "aes256-cbc", "3des-cbc" };

	for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
		if (is_text(cipher, known[i]))
			return true;
	}
	return false;
}

/* The decoded key: magic, cipher, KDF and its options, the number of keys, the public key, and the
 * private section. */
static enum openssh_key_outcome read_bytes(const uint8_t *at, size_t len, EVP_PKEY **key_out,
                                           char cipher_out[OPENSSH_KEY_CIPHER_SIZE])
{
	struct ssh_bytes bytes = { at, at + len };
	spore_str cipher, kdf, kdf_options, public_key, section;
	uint32_t n_keys;

	if (len < sizeof magic || memcmp(at, magic, sizeof magic) != 0)
		return OPENSSH_KEY_BROKEN;
	bytes.at += sizeof magic;
	if (!ssh_bytes_string(&bytes, &cipher) || !ssh_bytes_string(&bytes, &kdf) ||
	    !ssh_bytes_string(&bytes, &kdf_options) || !ssh_bytes_u32(&bytes, &n_keys) ||
	    n_keys != 1 || !ssh_bytes_string(&bytes, &public_key) ||
	    !ssh_bytes_string(&bytes, &section))
		return OPENSSH_KEY_BROKEN;
	if (is_text(cipher, "none"))
		return read_section(section, key_out);
	snprintf(cipher_out, OPENSSH_KEY_CIPHER_SIZE, "%.*s", (int)cipher.len, cipher.ptr);
	return can_decrypt(cipher) ? OPENSSH_KEY_ENCRYPTED : OPENSSH_KEY_CIPHER;
}

enum openssh_key_outcome openssh_key_read(spore_str text, EVP_PKEY **key_out,
                                          char cipher[OPENSSH_KEY_CIPHER_SIZE])
{
	size_t len, size;
	const char *body = find_body(text, &len);
	uint8_t *bytes = body ? decode_body(body, len, &size) : NULL;
	enum openssh_key_outcome outcome;

	if (!bytes)
		return OPENSSH_KEY_BROKEN;
	outcome = read_bytes(bytes, size, key_out, cipher);
	OPENSSL_cleanse(bytes, size);
	free(bytes);
	ERR_clear_error();
	return outcome;
}

/* ---- encrypted keys: libssh ---- */

char *openssh_key_decrypt(const char *text, const char *passphrase)
{
	ssh_key key = NULL;
	char *plain = NULL;

	/* Without a callback, libssh asks nobody for a passphrase. */
	if (ssh_pki_import_privkey_base64(text, passphrase, NULL, NULL, &key) == SSH_OK &&
	    ssh_pki_export_privkey_base64(key, NULL, NULL, NULL, &plain) != SSH_OK)
		plain = NULL;
	ssh_key_free(key);
	ERR_clear_error();
	return plain;
}

void openssh_key_free(char *text)
{
	if (!text)
		return;
	OPENSSL_cleanse(text, strlen(text));
	ssh_string_free_char(text);
}
