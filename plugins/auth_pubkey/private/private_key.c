#include "private_key.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <sys/stat.h>

#include "../../common/file.h"
#include "../../common/report.h"
#include "openssh_key.h"

enum { FILE_MAX = 64 * 1024 };

/* What is known of the file while it is read. */
struct reading {
	spore_str text, passphrase;
	bool needs_passphrase; /* the key is encrypted */
	bool is_other;         /* it is a private key, but of a type that cannot be used */
	/* The key is encrypted by this cipher, which cannot be decrypted here; empty: it is not. */
	char cipher[OPENSSH_KEY_CIPHER_SIZE];
};

static int on_passphrase(char *out, int size, int writing, void *arg)
{
	struct reading *reading = arg;

	(void)writing;
	reading->needs_passphrase = true;
	if (!reading->passphrase.len || reading->passphrase.len > (size_t)size)
		return -1;
	memcpy(out, reading->passphrase.ptr, reading->passphrase.len);
	return (int)reading->passphrase.len;
}

static EVP_PKEY *read_pem(struct reading *reading, spore_str text)
{
	BIO *bio = BIO_new_mem_buf(text.ptr, (int)text.len);
	EVP_PKEY *pkey = bio ? PEM_read_bio_PrivateKey(bio, NULL, on_passphrase, reading) : NULL;

	BIO_free(bio);
	ERR_clear_error();
	return pkey;
}

static EVP_PKEY *read_text(struct reading *reading, spore_str text);

static EVP_PKEY *read_encrypted(struct reading *reading)
{
	EVP_PKEY *pkey = NULL;
	char *plain;

	reading->needs_passphrase = true;
	if (!reading->passphrase.len)
		return NULL;
	plain = openssh_key_decrypt(reading->text.ptr, reading->passphrase.ptr);
	if (plain)
		pkey = read_text(reading, spore_cstr(plain));
	openssh_key_free(plain);
	return pkey;
}

static EVP_PKEY *read_text(struct reading *reading, spore_str text)
{
	char cipher[OPENSSH_KEY_CIPHER_SIZE];
	EVP_PKEY *pkey = NULL;

	if (!memmem(text.ptr, text.len, OPENSSH_KEY_BEGIN, strlen(OPENSSH_KEY_BEGIN)))
		return read_pem(reading, text);
	switch (openssh_key_read(text, &pkey, cipher)) {
	case OPENSSH_KEY_READ:
		return pkey;
	case OPENSSH_KEY_ENCRYPTED:
		/* A second encryption inside the first is refused. */
		return reading->needs_passphrase ? NULL : read_encrypted(reading);
	case OPENSSH_KEY_CIPHER:
		memcpy(reading->cipher, cipher, sizeof cipher);
		return NULL;
	case OPENSSH_KEY_OTHER:
		reading->is_other = true;
		return NULL;
	default:
		return NULL;
	}
}

/* ---- mistakes ---- */

static void warn_if_world_readable(const spore_create_args *args, const char *path)
{
	struct stat st;

	if (stat(path, &st) == 0 && st.st_mode & S_IROTH)
		spore_logf(args->host, args->ctx, SPORE_LOG_WARN,
		           "the private key in %s is readable by every user of this machine", path);
}

static bool is_public(spore_str text)
{
	static const char *const beginnings[] = { "ssh-", "ecdsa-", "-----BEGIN PUBLIC KEY" };

	for (size_t i = 0; i < sizeof beginnings / sizeof *beginnings; i++) {
		size_t len = strlen(beginnings[i]);

		if (text.len > len && memcmp(text.ptr, beginnings[i], len) == 0)
			return true;
	}
	return false;
}

static void report_unread(const struct reading *reading, const spore_create_args *args,
                          const char *path)
{
	if (reading->is_other)
		report(args, "/keyfile",
		       "expected an Ed25519 or ECDSA P-256 key in %.800s, found one of another "
		       "type",
		       path);
	else if (*reading->cipher)
		report(args, "/keyfile",
		       "the private key in %.400s is encrypted by %s, which cannot be decrypted "
		       "here: "
		       "convert it with `ssh-keygen -p -Z aes256-ctr -f %.400s`",
		       path, reading->cipher, path);
	else if (!reading->needs_passphrase)
		report(args, "/keyfile",
		       "expected a private key in PEM or OpenSSH form in %.800s, found %s", path,
		       is_public(reading->text) ? "a public key" : "none");
	else if (!reading->passphrase.len)
		report(args, "/keyfile",
		       "the private key in %.800s is encrypted: expected key_passphrase as well",
		       path);
	else
		report(args, "/key_passphrase",
		       "the passphrase does not open the private key in %.800s", path);
}

bool private_key_read(struct key *key, const spore_create_args *args, const char *path,
                      spore_str passphrase)
{
	struct reading reading = { .passphrase = passphrase };
	EVP_PKEY *pkey;
	bool good;

	*key = (struct key){ 0 };
	if (!file_read(args, "/keyfile", path, FILE_MAX, &reading.text))
		return false;
	warn_if_world_readable(args, path);
	pkey = read_text(&reading, reading.text);
	good = pkey && key_take(key, pkey);
	if (!good) {
		reading.is_other |= pkey != NULL;
		EVP_PKEY_free(pkey);
		report_unread(&reading, args, path);
	}
	file_free(&reading.text);
	return good;
}
