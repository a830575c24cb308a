#include "tls_ciphers.h"

#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>

/* Only forward secrecy and authenticated encryption. AES-128 comes first: it is the fastest on
 * processors with AES instructions, and strong enough. */
static const char default_1_2[] = "ECDHE+AES128+AESGCM:ECDHE+AESGCM:ECDHE+CHACHA20";
static const char default_1_3[] =
	"TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256";

/* The configured ciphers by version; an empty list was not configured. */
struct suites {
	char *old, *new; /* for TLS 1.2 and for 1.3; owned */
};

/* All names of TLS 1.3 begin with TLS_. */
static bool is_1_3(const char *name)
{
	return strncmp(name, "TLS_", 4) == 0;
}

/* A rule that excludes or reorders ciphers is not plain, and may match none. */
static bool is_plain(const char *name)
{
	return !strchr("!-+@", *name);
}

/* Tries one name on the context, since OpenSSL has no other check: in a list, it ignores unknown
 * names as long as it knows another one. The real list is set later. */
static bool accepts_name(struct tls *tls, const char *name)
{
	bool accepted;

	if (is_1_3(name))
		accepted = SSL_CTX_set_ciphersuites(tls->ctx, name) == 1;
	else
		accepted = !is_plain(name) || SSL_CTX_set_cipher_list(tls->ctx, name) == 1;
	ERR_clear_error();
	return accepted;
}

static bool check_name(struct tls *tls, const spore_create_args *args, const char *name)
{
	char text[200];

	if (accepts_name(tls, name))
		return true;
	snprintf(text, sizeof text,
	         "expected cipher names as listed by \"openssl ciphers\", separated by colons; no "
	         "cipher is called \"%.80s\"",
	         name);
	args->report(args, "/ciphers", text);
	return false;
}

/* Divides the list by version. */
static bool read_suites(struct tls *tls, const spore_create_args *args, const struct suites *suites)
{
	char *all = strdup(tls->conf->ciphers), *rest, *name;
	bool good = all;

	for (name = all ? strtok_r(all, ":", &rest) : NULL; name;
	     name = strtok_r(NULL, ":", &rest)) {
		char *list = is_1_3(name) ? suites->new : suites->old;

		good = check_name(tls, args, name) && good;
		if (*list)
			strcat(list, ":");
		strcat(list, name);
	}
	free(all);
	return good;
}

/* A list without ciphers for one version disables that version. */
static bool check_versions(const struct tls *tls, const spore_create_args *args,
                           const struct suites *suites)
{
	const char *text = NULL;

	if (!*suites->old && !*suites->new)
		text = "expected at least one cipher, found none; without this option a secure "
		       "default "
		       "applies";
	else if (!*suites->new && tls->conf->min_version == TLS_MIN_1_3)
		text = "expected a cipher of TLS 1.3 (their names begin with TLS_), since "
		       "min_version is "
		       "\"1.3\"";
	if (text)
		args->report(args, "/ciphers", text);
	return !text;
}

/* Excludes ciphers without certificates or without encryption, whatever the list says. */
static bool use_old(struct tls *tls, const char *list)
{
	static const char never[] = ":!aNULL:!eNULL:!PSK:!SRP";
	size_t size = strlen(list) + sizeof never;
	char *all = malloc(size);
	bool good = all && snprintf(all, size, "%s%s", list, never) > 0 &&
	            SSL_CTX_set_cipher_list(tls->ctx, all) == 1;

	free(all);
	return good;
}

static bool use_suites(struct tls *tls, const char *old, const char *new)
{
	if (!*old)
		SSL_CTX_set_min_proto_version(tls->ctx, TLS1_3_VERSION);
	if (!*new)
		SSL_CTX_set_max_proto_version(tls->ctx, TLS1_2_VERSION);
	return (!*old || use_old(tls, old)) &&
	       (!*new || SSL_CTX_set_ciphersuites(tls->ctx, new) == 1);
}

static bool report_unusable(const spore_create_args *args)
{
	ERR_clear_error();
	args->report(args, "/ciphers",
	             "expected ciphers that OpenSSL can use, with certificates and encryption, "
	             "found none");
	return false;
}

bool tls_ciphers_set(struct tls *tls, const spore_create_args *args)
{
	size_t size = tls->conf->ciphers ? strlen(tls->conf->ciphers) + 1 : 0;
	struct suites suites = { calloc(1, size + 1), calloc(1, size + 1) };
	bool good = suites.old && suites.new;

	if (good && !size)
		good = use_suites(tls, default_1_2, default_1_3);
	else if (good)
		good = read_suites(tls, args, &suites) && check_versions(tls, args, &suites) &&
		       (use_suites(tls, suites.old, suites.new) || report_unusable(args));
	free(suites.old);
	free(suites.new);
	return good;
}

/* ---- ciphers and the own key ---- */

/* The kinds of keys that ciphers of TLS 1.2 distinguish. */
static const struct key_kind {
	int auth; /* of a cipher: NID_auth_* */
	const char *name, *example;
} key_kinds[] = {
	{ NID_auth_rsa, "RSA", "ECDHE-RSA-AES128-GCM-SHA256" },
	{ NID_auth_ecdsa, "ECDSA", "ECDHE-ECDSA-AES128-GCM-SHA256" },
};

/* NULL: another kind. */
static const struct key_kind *kind_of_key(const EVP_PKEY *key)
{
	switch (EVP_PKEY_base_id(key)) {
	case EVP_PKEY_RSA:
	case EVP_PKEY_RSA_PSS:
		return &key_kinds[0];
	case EVP_PKEY_EC:
	case EVP_PKEY_ED25519:
	case EVP_PKEY_ED448:
		return &key_kinds[1];
	default:
		return NULL;
	}
}

/* Are there ciphers of TLS 1.2 for keys of this kind, or of any kind (0)? */
static bool has_old_for(const struct tls *tls, int auth)
{
	const STACK_OF(SSL_CIPHER) *list = SSL_CTX_get_ciphers(tls->ctx);

	for (int i = 0; i < sk_SSL_CIPHER_num(list); i++) {
		const SSL_CIPHER *cipher = sk_SSL_CIPHER_value(list, i);

		if (!is_1_3(SSL_CIPHER_get_name(cipher)) &&
		    (!auth || SSL_CIPHER_get_auth_nid(cipher) == auth))
			return true;
	}
	return false;
}

bool tls_ciphers_fit(const struct tls *tls, const spore_create_args *args)
{
	const EVP_PKEY *key = SSL_CTX_get0_privatekey(tls->ctx);
	const struct key_kind *kind = key ? kind_of_key(key) : NULL;
	char text[300];

	if (!tls->conf->ciphers || !kind || tls->conf->min_version == TLS_MIN_1_3 ||
	    !has_old_for(tls, 0) || has_old_for(tls, kind->auth))
		return true;
	if (SSL_CTX_get_max_proto_version(tls->ctx) != TLS1_2_VERSION) {
		spore_logf(
			args->host, args->ctx, SPORE_LOG_WARN,
			"none of the ciphers of TLS 1.2 fits the key of the certificate, which is "
			"an %s key: clients without TLS 1.3 cannot connect (%s would fit)",
			kind->name, kind->example);
		return true;
	}
	snprintf(
		text, sizeof text,
		"expected a cipher for the key of the certificate, which is an %s key, such as %s; "
		"found only ciphers for other keys, so no client could connect",
		kind->name, kind->example);
	args->report(args, "/ciphers", text);
	return false;
}
