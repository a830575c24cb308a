#include "tls_ciphers.h"

#include <string.h>

#include "mistakes.h"
#include "suite.h"

static struct tls_conf conf;
static struct tls tls;

static bool set(const char *ciphers, int64_t min_version)
{
	const spore_create_args args = { .struct_size = sizeof args, .report = mistakes_report };
	bool good;

	SSL_CTX_free(tls.ctx);
	conf = (struct tls_conf){ .ciphers = ciphers, .min_version = min_version };
	tls = (struct tls){ .conf = &conf, .ctx = SSL_CTX_new(TLS_server_method()) };
	SSL_CTX_set_min_proto_version(tls.ctx,
	                              min_version == TLS_MIN_1_3 ? TLS1_3_VERSION : TLS1_2_VERSION);
	mistakes_clear();
	good = tls_ciphers_set(&tls, &args);
	ck_assert(good == (n_mistakes == 0));
	return good;
}

static bool has_cipher(const char *name)
{
	STACK_OF(SSL_CIPHER) *ciphers = SSL_CTX_get_ciphers(tls.ctx);

	for (int i = 0; i < sk_SSL_CIPHER_num(ciphers); i++) {
		if (strcmp(SSL_CIPHER_get_name(sk_SSL_CIPHER_value(ciphers, i)), name) == 0)
			return true;
	}
	return false;
}

/* Some cipher lacks encryption or a certificate. */
static bool has_weak_cipher(void)
{
	STACK_OF(SSL_CIPHER) *ciphers = SSL_CTX_get_ciphers(tls.ctx);

	for (int i = 0; i < sk_SSL_CIPHER_num(ciphers); i++) {
		const SSL_CIPHER *cipher = sk_SSL_CIPHER_value(ciphers, i);
		int auth = SSL_CIPHER_get_auth_nid(cipher);

		if (SSL_CIPHER_get_cipher_nid(cipher) == NID_undef || auth == NID_auth_null ||
		    auth == NID_auth_psk || auth == NID_auth_srp)
			return true;
	}
	return false;
}

START_TEST(the_default_is_strong)
{
	ck_assert(set(NULL, TLS_MIN_1_2));
	ck_assert(has_cipher("ECDHE-RSA-AES128-GCM-SHA256"));
	ck_assert(has_cipher("TLS_AES_128_GCM_SHA256"));
	ck_assert(!has_cipher("AES128-GCM-SHA256"));       /* without forward secrecy */
	ck_assert(!has_cipher("ECDHE-RSA-AES128-SHA256")); /* without AEAD */
	ck_assert(!has_weak_cipher());
}
END_TEST

START_TEST(a_list_is_divided_by_version)
{
	ck_assert(set("TLS_AES_256_GCM_SHA384:ECDHE-RSA-AES256-GCM-SHA384", TLS_MIN_1_2));
	ck_assert(has_cipher("TLS_AES_256_GCM_SHA384"));
	ck_assert(has_cipher("ECDHE-RSA-AES256-GCM-SHA384"));
	ck_assert(!has_cipher("TLS_AES_128_GCM_SHA256"));
	ck_assert(!has_cipher("ECDHE-RSA-AES128-GCM-SHA256"));
}
END_TEST

START_TEST(a_list_of_one_version_disables_the_other)
{
	ck_assert(set("ECDHE+AESGCM", TLS_MIN_1_2));
	ck_assert_int_eq(SSL_CTX_get_max_proto_version(tls.ctx), TLS1_2_VERSION);
	ck_assert(set("TLS_AES_128_GCM_SHA256", TLS_MIN_1_2));
	ck_assert_int_eq(SSL_CTX_get_min_proto_version(tls.ctx), TLS1_3_VERSION);
	ck_assert(!set("ECDHE+AESGCM", TLS_MIN_1_3));
	mistakes_expect("/ciphers: expected a cipher of TLS 1.3");
}
END_TEST

START_TEST(weak_ciphers_are_never_used)
{
	ck_assert(set("ALL:eNULL:@SECLEVEL=0", TLS_MIN_1_2));
	ck_assert(!has_weak_cipher());
	ck_assert(!set("eNULL:@SECLEVEL=0", TLS_MIN_1_2));
	mistakes_expect("/ciphers: expected ciphers that OpenSSL can use");
}
END_TEST

START_TEST(every_unknown_name_is_reported)
{
	ck_assert(!set("ECDHE+AESGCM:NO_SUCH:TLS_NO_SUCH", TLS_MIN_1_2));
	ck_assert_uint_eq(n_mistakes, 2);
	ck_assert_ptr_nonnull(strstr(mistakes, "no cipher is called \"NO_SUCH\""));
	ck_assert_ptr_nonnull(strstr(mistakes, "no cipher is called \"TLS_NO_SUCH\""));
	ck_assert(!set("", TLS_MIN_1_2));
	mistakes_expect("/ciphers: expected at least one cipher, found none");
	ck_assert(!set("::", TLS_MIN_1_2));
	mistakes_expect("/ciphers: expected at least one cipher, found none");
}
END_TEST

SUITE("tls_ciphers", the_default_is_strong, a_list_is_divided_by_version,
      a_list_of_one_version_disables_the_other, weak_ciphers_are_never_used,
      every_unknown_name_is_reported)
