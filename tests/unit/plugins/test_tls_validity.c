#include "tls_validity.h"

#include <openssl/x509.h>

#include "suite.h"

enum { LIFE_MS = 60000 };

static int64_t clock_ms = 1000;

static int64_t now_ms(void)
{
	return clock_ms;
}

static const spore_host host = { .struct_size = sizeof host, .now_ms = now_ms };
static const struct tls_conf conf = { .ticket_life = LIFE_MS };
static const struct tls tls = { .host = &host, .conf = &conf };

/* A chain of certificates that end in so many seconds; 0 ends it. */
static STACK_OF(X509) * make_chain(const long *ends_in_s)
{
	STACK_OF(X509) *chain = sk_X509_new_null();

	for (; *ends_in_s; ends_in_s++) {
		X509 *cert = X509_new();

		X509_gmtime_adj(X509_getm_notAfter(cert), *ends_in_s);
		sk_X509_push(chain, cert);
	}
	return chain;
}

static bool holds_with(const long *ends_in_s)
{
	STACK_OF(X509) *chain = make_chain(ends_in_s);
	SSL_SESSION *session = SSL_SESSION_new();
	bool holds;

	ck_assert(tls_validity_begin(&tls, session, chain));
	holds = tls_validity_holds(&tls, session);
	SSL_SESSION_free(session);
	sk_X509_pop_free(chain, X509_free);
	return holds;
}

START_TEST(a_session_without_a_beginning_does_not_hold)
{
	SSL_SESSION *session = SSL_SESSION_new();

	ck_assert(!tls_validity_has_begun(session));
	ck_assert(!tls_validity_holds(&tls, session));
	ck_assert_int_eq(SSL_SESSION_set1_ticket_appdata(session, "short", 5), 1);
	ck_assert(!tls_validity_has_begun(session));
	ck_assert(!tls_validity_holds(&tls, session));
	SSL_SESSION_free(session);
}
END_TEST

START_TEST(it_holds_for_the_life_of_a_ticket)
{
	SSL_SESSION *session = SSL_SESSION_new();

	ck_assert(tls_validity_begin(&tls, session, NULL));
	ck_assert(tls_validity_has_begun(session));
	clock_ms += LIFE_MS - 1;
	ck_assert(tls_validity_holds(&tls, session));
	clock_ms += 1;
	ck_assert(!tls_validity_holds(&tls, session));
	ck_assert(tls_validity_has_begun(session));
	SSL_SESSION_free(session);
}
END_TEST

START_TEST(it_holds_no_longer_than_any_certificate)
{
	ck_assert(holds_with((const long[]){ 3600, 7200, 0 }));
	ck_assert(!holds_with((const long[]){ -10, 3600, 0 }));
	ck_assert(!holds_with((const long[]){ 3600, -10, 0 }));
}
END_TEST

START_TEST(a_copy_keeps_its_validity)
{
	SSL_SESSION *session = SSL_SESSION_new(), *copy;

	ck_assert(tls_validity_begin(&tls, session, NULL));
	clock_ms += LIFE_MS / 2;
	copy = SSL_SESSION_dup(session);
	ck_assert(tls_validity_holds(&tls, copy));
	clock_ms += LIFE_MS / 2;
	ck_assert(!tls_validity_holds(&tls, copy));
	SSL_SESSION_free(session);
	SSL_SESSION_free(copy);
}
END_TEST

SUITE("tls_validity", a_session_without_a_beginning_does_not_hold,
      it_holds_for_the_life_of_a_ticket, it_holds_no_longer_than_any_certificate,
      a_copy_keeps_its_validity)
