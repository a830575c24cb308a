#include "tls_verify.h"

#include <string.h>

#include "suite.h"

static SSL_CTX *ctx;
static SSL *ssl;

static bool expect(const char *name)
{
	SSL_free(ssl);
	SSL_CTX_free(ctx);
	ctx = SSL_CTX_new(TLS_client_method());
	ssl = SSL_new(ctx);
	return tls_verify_expect(ssl, name);
}

static const char *expected_host(void)
{
	return X509_VERIFY_PARAM_get0_host(SSL_get0_param(ssl), 0);
}

static const char *sent_name(void)
{
	return SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
}

START_TEST(a_host_name_is_checked_and_sent)
{
	ck_assert(expect("tunnel.example"));
	ck_assert_str_eq(expected_host(), "tunnel.example");
	ck_assert_str_eq(sent_name(), "tunnel.example");
	ck_assert(expect("tunnel.example."));
	ck_assert_str_eq(expected_host(), "tunnel.example");
	ck_assert_str_eq(sent_name(), "tunnel.example");
}
END_TEST

START_TEST(an_address_is_checked_and_not_sent)
{
	char *ip;

	ck_assert(expect("192.0.2.1"));
	ck_assert_ptr_null(expected_host());
	ck_assert_ptr_null(sent_name());
	ip = X509_VERIFY_PARAM_get1_ip_asc(SSL_get0_param(ssl));
	ck_assert_str_eq(ip, "192.0.2.1");
	OPENSSL_free(ip);
}
END_TEST

START_TEST(a_name_has_bounds)
{
	char name[300];

	memset(name, 'a', sizeof name);
	name[TLSEXT_MAXLEN_host_name] = '\0';
	ck_assert(expect(name));
	name[TLSEXT_MAXLEN_host_name] = 'a';
	name[TLSEXT_MAXLEN_host_name + 1] = '\0';
	ck_assert(!expect(name));
	ck_assert(!expect(""));
}
END_TEST

static unsigned long flags_of(SSL_CTX *of)
{
	return X509_VERIFY_PARAM_get_flags(SSL_CTX_get0_param(of));
}

START_TEST(only_a_server_without_authorities_asks_for_nothing)
{
	struct tls_conf conf = { .cacertfile = NULL };
	struct tls tls = { .conf = &conf, .server = true, .ctx = SSL_CTX_new(TLS_method()) };

	tls_verify_set_up(&tls);
	ck_assert_int_eq(SSL_CTX_get_verify_mode(tls.ctx), SSL_VERIFY_NONE);
	conf.cacertfile = "ca.pem";
	ck_assert(!(flags_of(tls.ctx) & X509_V_FLAG_PARTIAL_CHAIN));
	tls_verify_set_up(&tls);
	ck_assert(flags_of(tls.ctx) & X509_V_FLAG_PARTIAL_CHAIN);
	ck_assert_int_eq(SSL_CTX_get_verify_mode(tls.ctx),
	                 SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT);
	SSL_CTX_free(tls.ctx);
	conf = (struct tls_conf){ .insecure = true };
	tls = (struct tls){ .conf = &conf, .ctx = SSL_CTX_new(TLS_method()) };
	tls_verify_set_up(&tls); /* pins are checked all the same */
	ck_assert(!(flags_of(tls.ctx) & X509_V_FLAG_PARTIAL_CHAIN)); /* the system's authorities */
	ck_assert_int_eq(SSL_CTX_get_verify_mode(tls.ctx),
	                 SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT);
	SSL_CTX_free(tls.ctx);
}
END_TEST

SUITE("tls_verify", a_host_name_is_checked_and_sent, an_address_is_checked_and_not_sent,
      a_name_has_bounds, only_a_server_without_authorities_asks_for_nothing)
