#include "facts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "suite.h"

#define DIGEST "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/* ---- a connection whose facts the test says ---- */

static const char *subject, *sha256;
static size_t n_hosts;

static uint32_t give(spore_str *out, const char *text)
{
	static char copy[512]; /* valid until the next call, as with a real host */

	if (text)
		snprintf(copy, sizeof copy, "%s", text);
	*out = spore_cstr(text ? copy : "");
	return text != NULL;
}

static uint32_t conn_attr(const spore_conn *conn, const char *key, size_t index, spore_str *out)
{
	char name[32];

	(void)conn;
	snprintf(name, sizeof name, "h%zu.example", index);
	if (strcmp(key, "x509.subject") == 0)
		return give(out, index == 0 ? subject : NULL);
	if (strcmp(key, "x509.sha256") == 0)
		return give(out, index == 0 ? sha256 : NULL);
	if (strcmp(key, "x509.san.dns") == 0)
		return give(out, index < n_hosts ? name : NULL);
	if (strcmp(key, "x509.san.ip") == 0)
		return give(out, index == 0 ? "192.0.2.1" : NULL);
	if (strcmp(key, "x509.san.uri") == 0)
		return give(out, index == 0 ? "spiffe://acme/a" : NULL);
	return give(out, NULL);
}

static const spore_host host = { .struct_size = sizeof host, .conn_attr = conn_attr };

START_TEST(facts_are_copied)
{
	struct facts facts;

	subject = "CN=alice";
	sha256 = DIGEST;
	n_hosts = 2;
	facts_read(&facts, &host, NULL);
	ck_assert_str_eq(facts.subject, "CN=alice");
	ck_assert_str_eq(facts.sha256, DIGEST);
	ck_assert_uint_eq(facts.n, 4);
	ck_assert_uint_eq(facts.n_hosts, 2);
	ck_assert(facts_have_certificate(&facts));
	ck_assert(facts_have_name(&facts, "H1.Example"));
	ck_assert(facts_have_name(&facts, "192.0.2.1"));
	ck_assert(facts_have_name(&facts, "spiffe://acme/a"));
	ck_assert(!facts_have_name(&facts, "SPIFFE://acme/a"));
	ck_assert(!facts_have_name(&facts, "h2.example"));
	facts_fini(&facts);
	ck_assert_uint_eq(facts.n, 0);
}
END_TEST

START_TEST(a_connection_without_a_certificate)
{
	struct facts facts;

	subject = sha256 = NULL;
	facts_read(&facts, &host, NULL);
	ck_assert(!facts_have_certificate(&facts));
	ck_assert_ptr_null(facts.subject);
	facts_fini(&facts);
	sha256 = "0123"; /* not a digest */
	facts_read(&facts, &host, NULL);
	ck_assert(!facts_have_certificate(&facts));
	facts_fini(&facts);
}
END_TEST

START_TEST(a_certificate_of_too_many_names)
{
	struct facts facts;

	sha256 = DIGEST;
	n_hosts = FACTS_MAX_NAMES + 10;
	facts_read(&facts, &host, NULL);
	ck_assert_uint_eq(facts.n, FACTS_MAX_NAMES);
	ck_assert(facts_have_name(&facts, "h255.example"));
	ck_assert(!facts_have_name(&facts, "h256.example"));
	ck_assert(!facts_have_name(&facts, "192.0.2.1"));
	facts_fini(&facts);
}
END_TEST

SUITE("facts", facts_are_copied, a_connection_without_a_certificate,
      a_certificate_of_too_many_names)
