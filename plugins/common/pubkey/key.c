#include "key.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/param_build.h>
#include <stdio.h>

#include "ssh_bytes.h"

enum { ED25519_SIZE = 32, HALF_SIZE = KEY_SIGNATURE_SIZE / 2, DER_MAX = 80 };

static const char group[] = "prime256v1", ssh_group[] = "nistp256";

static bool is_ed25519(const EVP_PKEY *pkey)
{
	return EVP_PKEY_is_a(pkey, "ED25519");
}

static bool is_p256(const EVP_PKEY *pkey)
{
	char name[32];
	size_t len;

	return EVP_PKEY_is_a(pkey, "EC") &&
	       EVP_PKEY_get_group_name(pkey, name, sizeof name, &len) == 1 &&
	       strcmp(name, group) == 0;
}

static bool is_equal(spore_str a, const char *b)
{
	return a.len == strlen(b) && memcmp(a.ptr, b, a.len) == 0;
}

bool key_type_is_known(spore_str type)
{
	return is_equal(type, KEY_TYPE_ED25519) || is_equal(type, KEY_TYPE_P256);
}

/* ---- from and to the bytes of SSH ---- */

static size_t append_string(uint8_t *blob, size_t at, const void *bytes, size_t len)
{
	const uint8_t length[4] = { 0, 0, 0, (uint8_t)len };

	memcpy(blob + at, length, sizeof length);
	memcpy(blob + at + sizeof length, bytes, len);
	return at + sizeof length + len;
}

/* Writes the public half as SSH does. Returns its length; 0: the key is of another type. */
static size_t write_blob(const EVP_PKEY *pkey, uint8_t blob[KEY_BLOB_MAX])
{
	uint8_t bytes[KEY_POINT_SIZE];
	size_t len = sizeof bytes, at;

	if (is_ed25519(pkey) && EVP_PKEY_get_raw_public_key(pkey, bytes, &len) == 1) {
		at = append_string(blob, 0, KEY_TYPE_ED25519, strlen(KEY_TYPE_ED25519));
		return append_string(blob, at, bytes, len);
	}
	if (is_p256(pkey) &&
	    EVP_PKEY_get_octet_string_param(pkey, OSSL_PKEY_PARAM_ENCODED_PUBLIC_KEY, bytes,
	                                    sizeof bytes, &len) == 1 &&
	    len == KEY_POINT_SIZE) {
		at = append_string(blob, 0, KEY_TYPE_P256, strlen(KEY_TYPE_P256));
		at = append_string(blob, at, ssh_group, strlen(ssh_group));
		return append_string(blob, at, bytes, len);
	}
	return 0;
}

static EVP_PKEY *import_key(OSSL_PARAM *params, int selection)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	EVP_PKEY *pkey = NULL;

	if (!context || EVP_PKEY_fromdata_init(context) != 1 ||
	    EVP_PKEY_fromdata(context, &pkey, selection, params) != 1)
		pkey = NULL;
	EVP_PKEY_CTX_free(context);
	return pkey;
}

/* OpenSSL checks that the point is on the curve, but not that the two halves belong together. */
static bool halves_belong_together(EVP_PKEY *pkey)
{
	EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
	bool good = context && EVP_PKEY_pairwise_check(context) == 1;

	EVP_PKEY_CTX_free(context);
	return good;
}

/* Describes a key to OpenSSL. `number`: the private half; NULL: only the public half is known.
 * Returns NULL if OpenSSL failed. */
static OSSL_PARAM *describe_p256(spore_str point, const BIGNUM *number)
{
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	OSSL_PARAM *params = NULL;

	if (build &&
	    OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, group, 0) == 1 &&
	    OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point.ptr,
	                                     point.len) == 1 &&
	    (!number || OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_PRIV_KEY, number) == 1))
		params = OSSL_PARAM_BLD_to_param(build);
	OSSL_PARAM_BLD_free(build);
	return params;
}

EVP_PKEY *key_make_p256(spore_str point, spore_str secret)
{
	bool is_whole_point = point.len == KEY_POINT_SIZE && point.ptr[0] == 4; /* not compressed */
	BIGNUM *number = NULL;
	OSSL_PARAM *params;
	EVP_PKEY *pkey = NULL;

	if (!is_whole_point || secret.len > HALF_SIZE + 1)
		return NULL;
	if (secret.len) {
		number = BN_bin2bn((const uint8_t *)secret.ptr, (int)secret.len, NULL);
		if (!number)
			return NULL;
	}
	params = describe_p256(point, number);
	if (params)
		pkey = import_key(params, number ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY);
	if (pkey && number && !halves_belong_together(pkey)) {
		EVP_PKEY_free(pkey);
		pkey = NULL;
	}
	OSSL_PARAM_free(params);
	BN_clear_free(number);
	return pkey;
}

static EVP_PKEY *read_blob(spore_str type, const uint8_t *blob, size_t len)
{
	struct ssh_bytes bytes = { blob, blob + len };
	char name[sizeof KEY_TYPE_P256] = "";
	spore_str half;

	if (!key_type_is_known(type))
		return NULL;
	memcpy(name, type.ptr, type.len);
	if (!ssh_bytes_expect(&bytes, name))
		return NULL;
	if (is_equal(type, KEY_TYPE_P256) && !ssh_bytes_expect(&bytes, ssh_group))
		return NULL;
	if (!ssh_bytes_string(&bytes, &half) || bytes.at != bytes.end)
		return NULL;
	if (is_equal(type, KEY_TYPE_P256))
		return key_make_p256(half, (spore_str){ NULL, 0 });
	return half.len == ED25519_SIZE
	               ? EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL,
	                                             (const uint8_t *)half.ptr, half.len)
	               : NULL;
}

bool key_take(struct key *key, EVP_PKEY *pkey)
{
	uint8_t blob[KEY_BLOB_MAX];
	size_t len = write_blob(pkey, blob);

	*key = (struct key){ 0 };
	if (!len || EVP_Digest(blob, len, key->fingerprint, NULL, EVP_sha256(), NULL) != 1)
		return false;
	key->pkey = pkey;
	return true;
}

bool key_from_blob(struct key *key, spore_str type, const uint8_t *blob, size_t len)
{
	EVP_PKEY *pkey = read_blob(type, blob, len);

	if (pkey && key_take(key, pkey))
		return true;
	EVP_PKEY_free(pkey);
	ERR_clear_error();
	*key = (struct key){ 0 };
	return false;
}

void key_fini(struct key *key)
{
	EVP_PKEY_free(key->pkey);
	*key = (struct key){ 0 };
}

void key_print_fingerprint(const uint8_t fingerprint[KEY_FINGERPRINT_SIZE],
                           char text_out[KEY_FINGERPRINT_TEXT])
{
	unsigned char base64[KEY_FINGERPRINT_SIZE * 2];
	int len = EVP_EncodeBlock(base64, fingerprint, KEY_FINGERPRINT_SIZE);

	/* SSH leaves the padding out. */
	snprintf(text_out, KEY_FINGERPRINT_TEXT, "SHA256:%.*s", len - 1, (char *)base64);
}

/* ---- signatures ---- */

/* NULL: Ed25519 has its own digest. */
static const EVP_MD *digest_of(const struct key *key)
{
	return is_ed25519(key->pkey) ? NULL : EVP_sha256();
}

/* Converts a signature of ECDSA from OpenSSL's form, DER, to r and s with 32 bytes each. */
static bool from_der(const uint8_t *der, size_t len, uint8_t out[KEY_SIGNATURE_SIZE])
{
	ECDSA_SIG *pair = d2i_ECDSA_SIG(NULL, &der, (long)len);
	bool good = pair && BN_bn2binpad(ECDSA_SIG_get0_r(pair), out, HALF_SIZE) == HALF_SIZE &&
	            BN_bn2binpad(ECDSA_SIG_get0_s(pair), out + HALF_SIZE, HALF_SIZE) == HALF_SIZE;

	ECDSA_SIG_free(pair);
	return good;
}

/* Converts r and s to DER. Returns its length; 0: OpenSSL failed. */
static size_t to_der(const uint8_t signature[KEY_SIGNATURE_SIZE], uint8_t der[DER_MAX])
{
	ECDSA_SIG *pair = ECDSA_SIG_new();
	BIGNUM *r = BN_bin2bn(signature, HALF_SIZE, NULL),
	       *s = BN_bin2bn(signature + HALF_SIZE, HALF_SIZE, NULL);
	uint8_t *at = der;
	int len = 0;

	if (pair && r && s && ECDSA_SIG_set0(pair, r, s) == 1) {
		r = s = NULL;
		len = i2d_ECDSA_SIG(pair, &at);
	}
	BN_free(r);
	BN_free(s);
	ECDSA_SIG_free(pair);
	return len > 0 ? (size_t)len : 0;
}

bool key_sign(const struct key *key, const void *text, size_t len,
              uint8_t signature_out[KEY_SIGNATURE_SIZE])
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	uint8_t bytes[DER_MAX];
	size_t size = sizeof bytes;
	bool good = context &&
	            EVP_DigestSignInit(context, NULL, digest_of(key), NULL, key->pkey) == 1 &&
	            EVP_DigestSign(context, bytes, &size, text, len) == 1;

	EVP_MD_CTX_free(context);
	if (!good) {
		ERR_clear_error();
		return false;
	}
	if (!is_ed25519(key->pkey))
		return from_der(bytes, size, signature_out);
	memcpy(signature_out, bytes, KEY_SIGNATURE_SIZE);
	return size == KEY_SIGNATURE_SIZE;
}

int key_verify(const struct key *key, const void *text, size_t len,
               const uint8_t signature[KEY_SIGNATURE_SIZE])
{
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	uint8_t der[DER_MAX];
	const uint8_t *bytes = signature;
	size_t size = KEY_SIGNATURE_SIZE;
	int right = -1;

	if (!is_ed25519(key->pkey)) {
		size = to_der(signature, der);
		bytes = der;
	}
	/* A malformed signature is a wrong one: OpenSSL returns a negative value for some. */
	if (size && context &&
	    EVP_DigestVerifyInit(context, NULL, digest_of(key), NULL, key->pkey) == 1)
		right = EVP_DigestVerify(context, bytes, size, text, len) == 1;
	EVP_MD_CTX_free(context);
	ERR_clear_error();
	return right;
}
