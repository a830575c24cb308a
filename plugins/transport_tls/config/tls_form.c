#include "tls_form.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Far more than the certificates of a system. */
enum { MAX_SIZE = 4 * 1024 * 1024 };

struct bytes {
	const uint8_t *at;
	size_t len;
};

/* ---- what DER bytes are ---- */

/* NOLINTBEGIN(bugprone-macro-parentheses): a type cannot be in parentheses. */
/* True if d2i_TYPE reads the bytes to their end. */
#define IS(type)                                                                                   \
	static bool is_##type(struct bytes der)                                                    \
	{                                                                                          \
		const unsigned char *end = der.at;                                                 \
		type *object = d2i_##type(NULL, &end, (long)der.len);                              \
                                                                                                   \
		type##_free(object);                                                               \
		return object && end == der.at + der.len;                                          \
	}
IS(X509)
IS(X509_SIG) /* the form of an encrypted key */
IS(X509_REQ)
IS(PKCS12)
IS(PKCS7)
/* NOLINTEND(bugprone-macro-parentheses) */

static bool is_key(struct bytes der)
{
	const unsigned char *end = der.at;
	EVP_PKEY *key = d2i_AutoPrivateKey(NULL, &end, (long)der.len);

	EVP_PKEY_free(key);
	return key != NULL;
}

static bool is_public_key(struct bytes der)
{
	const unsigned char *end = der.at;
	EVP_PKEY *key = d2i_PUBKEY(NULL, &end, (long)der.len);

	EVP_PKEY_free(key);
	return key != NULL;
}

/* The commands are arguments of openssl, which reads from a pipe unless "-in PATH" follows. Aligned
 * by hand. */
/* clang-format off */
static const char of_a_key[] = "pkey -inform DER -out new.key",
                  of_a_certificate[] = "x509 -inform DER -out new.pem",
                  of_pkcs7[] = "pkcs7 -inform DER -print_certs -out new.pem";
static const struct form {
	bool (*matches)(struct bytes der);
	const char *name, *commands[TLS_FORM_USES]; /* NULL: it holds nothing for this use */
} forms[] = {
	{ is_X509, "a certificate",
	  { NULL, of_a_certificate, of_a_certificate } },
	{ is_PKCS12, "a PKCS#12 file",
	  { "pkcs12 -nocerts -noenc -out new.key", "pkcs12 -nokeys -out new.pem",
	    "pkcs12 -cacerts -nokeys -out new.pem" } },
	{ is_PKCS7, "a PKCS#7 file", { NULL, of_pkcs7, of_pkcs7 } },
	{ is_X509_REQ, "a certificate request", { NULL } },
	{ is_X509_SIG, "an encrypted private key", { of_a_key } },
	{ is_public_key, "a public key", { NULL } },
	{ is_key, "a private key", { of_a_key } },
};
/* clang-format on */

static const struct form *find_form(struct bytes der)
{
	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
		if (forms[i].matches(der))
			return &forms[i];
	}
	return NULL;
}

/* ---- PEM blocks ---- */

/* A block of a PEM file. */
struct block {
	char label[80];          /* "": none */
	const struct form *form; /* NULL: unknown */
};

/* Is there a command that makes of it what is needed? */
static bool is_convertible(const struct block *block, enum tls_form_use use)
{
	return block->form && block->form->commands[use];
}

/* Does OpenSSL read certificates under this label? */
static bool is_read(const struct block *block)
{
	static const char *const labels[] = { PEM_STRING_X509, PEM_STRING_X509_OLD,
		                              PEM_STRING_X509_TRUSTED };

	for (size_t i = 0; i < sizeof labels / sizeof *labels; i++) {
		if (strcmp(block->label, labels[i]) == 0)
			return true;
	}
	return false;
}

/* The first block with certificates that OpenSSL skips because of its label; no label: none. */
static struct block find_skipped(struct bytes text, enum tls_form_use use)
{
	BIO *bio = BIO_new_mem_buf(text.at, (int)text.len);
	struct block block = { "", NULL };
	char *label, *header;
	unsigned char *der;
	bool found = false;
	long len;

	while (bio && !found && PEM_read_bio(bio, &label, &header, &der, &len)) {
		block.form = find_form((struct bytes){ der, (size_t)len });
		snprintf(block.label, sizeof block.label, "%s", label);
		found = is_convertible(&block, use) && !is_read(&block);
		OPENSSL_free(label);
		OPENSSL_free(header);
		OPENSSL_clear_free(der, (size_t)len);
	}
	BIO_free(bio);
	return found ? block : (struct block){ "", NULL };
}

/* The block that tells most about the file: the first that is convertible, or else the first; no
 * label: none. */
static struct block find_block(struct bytes text, enum tls_form_use use)
{
	BIO *bio = BIO_new_mem_buf(text.at, (int)text.len);
	struct block found = { "", NULL };
	char *label, *header;
	unsigned char *der;
	long len;

	while (bio && !is_convertible(&found, use) &&
	       PEM_read_bio(bio, &label, &header, &der, &len)) {
		struct block block = { "", find_form((struct bytes){ der, (size_t)len }) };

		snprintf(block.label, sizeof block.label, "%s", label);
		if (!*found.label || is_convertible(&block, use))
			found = block;
		OPENSSL_free(label);
		OPENSSL_free(header);
		OPENSSL_clear_free(der, (size_t)len);
	}
	BIO_free(bio);
	return found;
}

/* ---- the description ---- */

static bool begins_with(struct bytes text, const char *start, size_t len)
{
	return text.len >= len && memcmp(text.at, start, len) == 0;
}

static void describe_der(const struct form *form, const char *path, enum tls_form_use use,
                         char *out, size_t size)
{
	if (form->commands[use])
		snprintf(out, size, "%s in DER form: `openssl %s -in %s` converts it", form->name,
		         form->commands[use], path);
	else
		snprintf(out, size, "%s in DER form", form->name);
}

static void describe_block(const struct block *block, const char *path, enum tls_form_use use,
                           char *out, size_t size)
{
	const char *name = block->form ? block->form->name : "unreadable data";

	if (is_convertible(block, use))
		snprintf(
			out, size,
			"%s under the label \"%s\": `openssl asn1parse -noout -out /dev/stdout -in "
			"%s | openssl %s` converts it",
			name, block->label, path, block->form->commands[use]);
	else
		snprintf(out, size, "%s under the label \"%s\"", name, block->label);
}

static void describe_bytes(struct bytes text, const char *path, enum tls_form_use use, char *out,
                           size_t size)
{
	const struct form *form = find_form(text);
	struct block block = find_block(text, use);

	snprintf(out, size, text.len ? "none" : "an empty file");
	if (begins_with(text, "\xFF\xFE", 2) || begins_with(text, "\xFE\xFF", 2))
		snprintf(out, size,
		         "text in UTF-16: `iconv -f UTF-16 -t UTF-8 %s > new.pem` converts it",
		         path);
	else if (*block.label)
		describe_block(&block, path, use, out, size);
	else if (form)
		describe_der(form, path, use, out, size);
}

/* Calls `describe` with the bytes of the file, which may be the key. */
static void with_bytes(const char *path, enum tls_form_use use, char *out, size_t size,
                       void (*describe)(struct bytes text, const char *path, enum tls_form_use use,
                                        char *out, size_t size))
{
	FILE *file = fopen(path, "re");
	uint8_t *bytes = file ? OPENSSL_malloc(MAX_SIZE) : NULL;
	size_t len = bytes ? fread(bytes, 1, MAX_SIZE, file) : 0;

	if (bytes)
		describe((struct bytes){ bytes, len }, path, use, out, size);
	if (file)
		fclose(file);
	OPENSSL_clear_free(bytes, len);
	ERR_clear_error();
}

const char *tls_form_describe(const char *path, enum tls_form_use use, char *out, size_t size)
{
	snprintf(out, size, "none");
	with_bytes(path, use, out, size, describe_bytes);
	return out;
}

static void describe_skipped(struct bytes text, const char *path, enum tls_form_use use, char *out,
                             size_t size)
{
	struct block block = find_skipped(text, use);

	(void)path;
	if (*block.label)
		snprintf(out, size, "%s under the label \"%s\"", block.form->name, block.label);
}

bool tls_form_is_skipped(const char *path, enum tls_form_use use, char *out, size_t size)
{
	*out = '\0';
	with_bytes(path, use, out, size, describe_skipped);
	return *out != '\0';
}
