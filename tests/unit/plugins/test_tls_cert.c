#include "tls_cert.h"

#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

#include "suite.h"

static X509 *make_certificate(const char *name)
{
	X509 *cert = X509_new();
	X509_NAME *subject = X509_get_subject_name(cert);

	if (name) {
		X509_NAME_add_entry_by_txt(subject, "O", MBSTRING_UTF8,
		                           (const unsigned char *)"Acme", -1, -1, 0);
		X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8,
		                           (const unsigned char *)name, -1, -1, 0);
	}
	X509_set_issuer_name(cert, subject);
	return cert;
}

static void add_name(GENERAL_NAMES *names, int type, const void *bytes, int len)
{
	GENERAL_NAME *name = GENERAL_NAME_new();
	ASN1_STRING *value = type == GEN_IPADD ? ASN1_OCTET_STRING_new() : ASN1_IA5STRING_new();

	ASN1_STRING_set(value, bytes, len);
	GENERAL_NAME_set0_value(name, type, value);
	sk_GENERAL_NAME_push(names, name);
}

/* The certificate's names as text, after it got these. */
static const char *names_of(X509 *cert, GENERAL_NAMES *names, size_t size)
{
	static char out[256];

	ck_assert_int_eq(
		X509_add1_ext_i2d(cert, NID_subject_alt_name, names, 0, X509V3_ADD_REPLACE), 1);
	GENERAL_NAMES_free(names);
	tls_cert_names(cert, out, size);
	X509_free(cert);
	return out;
}

START_TEST(dates)
{
	ASN1_TIME *time = ASN1_TIME_new();
	char text[TLS_DATE_SIZE];

	ck_assert_int_eq(ASN1_TIME_set_string(time, "20260131120000Z"), 1);
	ck_assert_str_eq(tls_cert_date(time, text), "2026-01-31 12:00:00 UTC");
	ck_assert_int_eq(tls_cert_seconds(time), 1769860800);
	ck_assert_int_eq(ASN1_TIME_set_string(time, "500101000000Z"), 1); /* two digits: 1950 */
	ck_assert_int_lt(tls_cert_seconds(time), 0);
	ck_assert_int_eq(ASN1_STRING_set(time, "nonsense", 8), 1);
	ck_assert_str_eq(tls_cert_date(time, text), "an unreadable date");
	ck_assert_int_eq(tls_cert_seconds(time), 0);
	ASN1_TIME_free(time);
}
END_TEST

static bool ip_is(const void *bytes, int len, const char *expected)
{
	ASN1_OCTET_STRING *ip = ASN1_OCTET_STRING_new();
	char text[TLS_IP_SIZE] = "";
	bool good;

	ASN1_STRING_set(ip, bytes, len);
	good = tls_cert_ip(ip, text);
	ASN1_OCTET_STRING_free(ip);
	return good == (expected != NULL) && (!good || strcmp(text, expected) == 0);
}

START_TEST(addresses)
{
	static const uint8_t v6[16] = { 0x20, 0x01, 0x0d, 0xb8, [15] = 1 };

	ck_assert(ip_is("\xC0\x00\x02\x01", 4, "192.0.2.1"));
	ck_assert(ip_is(v6, 16, "2001:db8::1"));
	ck_assert(ip_is(v6, 15, NULL));
	ck_assert(ip_is("", 0, NULL));
	ck_assert(tls_cert_is_ip("192.0.2.1"));
	ck_assert(tls_cert_is_ip("::1"));
	ck_assert(!tls_cert_is_ip("192.0.2"));
	ck_assert(!tls_cert_is_ip("a.example"));
	ck_assert(!tls_cert_is_ip(""));
}
END_TEST

START_TEST(subjects_and_issuers)
{
	X509 *cert = make_certificate("J\xC3\xBCrgen, the first");
	char text[64], few[9];

	ck_assert_str_eq(tls_cert_subject(cert, text, sizeof text),
	                 "CN=J\xC3\xBCrgen\\, the first,O=Acme");
	ck_assert_str_eq(tls_cert_issuer(cert, text, sizeof text),
	                 "CN=J\xC3\xBCrgen\\, the first,O=Acme");
	ck_assert_str_eq(tls_cert_subject(cert, few, sizeof few), "CN=J\xC3\xBCrg");
	X509_free(cert);
	cert = make_certificate(NULL);
	ck_assert_str_eq(tls_cert_subject(cert, text, sizeof text), "(no name)");
	X509_free(cert);
}
END_TEST

START_TEST(names_are_hosts_and_addresses)
{
	GENERAL_NAMES *names = GENERAL_NAMES_new();

	add_name(names, GEN_DNS, "a.example", 9);
	add_name(names, GEN_EMAIL, "a@a.example", 11);
	add_name(names, GEN_IPADD, "\xC0\x00\x02\x01", 4);
	add_name(names, GEN_IPADD, "\x7F", 1);
	ck_assert_str_eq(names_of(make_certificate("x"), names, 256), "a.example, 192.0.2.1");
}
END_TEST

START_TEST(names_that_look_like_others_are_marked)
{
	GENERAL_NAMES *names = GENERAL_NAMES_new();

	add_name(names, GEN_DNS, "192.0.2.1", 9);
	add_name(names, GEN_DNS, "a\0.example", 10);
	ck_assert_str_eq(names_of(make_certificate("x"), names, 256),
	                 "192.0.2.1 (as a host name), a (and a NUL)");
}
END_TEST

START_TEST(names_that_do_not_fit_are_left_out)
{
	GENERAL_NAMES *names = GENERAL_NAMES_new();

	add_name(names, GEN_DNS, "a.example", 9);
	add_name(names, GEN_DNS, "a-long-name.example", 19);
	add_name(names, GEN_DNS, "b.example", 9);
	ck_assert_str_eq(names_of(make_certificate("x"), names, 24), "a.example, b.example");
}
END_TEST

START_TEST(a_certificate_without_names)
{
	X509 *cert = make_certificate("x");
	char text[64];

	ck_assert_str_eq(tls_cert_names(cert, text, sizeof text), "(no host name or IP address)");
	X509_free(cert);
}
END_TEST

SUITE("tls_cert", dates, addresses, subjects_and_issuers, names_are_hosts_and_addresses,
      names_that_look_like_others_are_marked, names_that_do_not_fit_are_left_out,
      a_certificate_without_names)
