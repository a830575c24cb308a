#include "tls_tickets.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "tls_validity.h"

static bool make_key(struct tls *tls, struct tls_ticket_key *key)
{
	key->made_ms = tls->host->now_ms();
	return RAND_bytes(key->name, sizeof key->name) == 1 &&
	       RAND_bytes(key->cipher, sizeof key->cipher) == 1 &&
	       RAND_bytes(key->mac, sizeof key->mac) == 1;
}

/* Under the lock. False: the key is too old, and there is no randomness for a new one. */
static bool renew_keys(struct tls *tls)
{
	struct tls_ticket_key fresh, *keys = tls->ticket_keys;
	int64_t now = tls->host->now_ms(), life = tls->conf->ticket_life;
	bool good = true;

	if (now - keys[0].made_ms >= life) {
		good = make_key(tls, &fresh);
		keys[1] = keys[0];
		keys[0] = good ? fresh : (struct tls_ticket_key){ 0 };
		OPENSSL_cleanse(&fresh, sizeof fresh);
	}
	if (now - keys[1].made_ms >= 2 * life)
		OPENSSL_cleanse(&keys[1], sizeof keys[1]);
	return good;
}

/* Under the lock. The index of the key with this name; -1: none. */
static int find_key(const struct tls *tls, const unsigned char *name)
{
	for (int i = 0; i < TLS_TICKET_KEYS; i++) {
		const struct tls_ticket_key *key = &tls->ticket_keys[i];

		if (key->made_ms && memcmp(key->name, name, sizeof key->name) == 0)
			return i;
	}
	return -1;
}

/* Gets the key for a ticket that names its key, or for a new ticket (`name` is NULL). Returns the
 * key's index; -1: none. */
static int get_key(struct tls *tls, const unsigned char *name, struct tls_ticket_key *key_out)
{
	int found = -1;

	pthread_mutex_lock(&tls->ticket_lock);
	if (renew_keys(tls))
		found = name ? find_key(tls, name) : 0; /* the newest key makes new tickets */
	if (found >= 0)
		*key_out = tls->ticket_keys[found];
	pthread_mutex_unlock(&tls->ticket_lock);
	return found;
}

static bool use_key(const struct tls_ticket_key *key, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                    EVP_MAC_CTX *mac, int encrypts)
{
	char digest[] = "SHA256";
	OSSL_PARAM params[] = {
		OSSL_PARAM_octet_string(OSSL_MAC_PARAM_KEY, (void *)(uintptr_t)key->mac,
		                        sizeof key->mac),
		OSSL_PARAM_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, sizeof digest - 1),
		OSSL_PARAM_END,
	};

	return EVP_CipherInit_ex(cipher, EVP_aes_256_cbc(), NULL, key->cipher, iv, encrypts) == 1 &&
	       EVP_MAC_CTX_set_params(mac, params) == 1;
}

/* OpenSSL expects: -1: failure, 0: unknown key (a full handshake follows), 1: success, 2: success,
 * and the client needs a new ticket. */
static int on_ticket(SSL *ssl, unsigned char name[16], unsigned char iv[EVP_MAX_IV_LENGTH],
                     EVP_CIPHER_CTX *cipher, EVP_MAC_CTX *mac, int encrypts)
{
	const struct tls_stream *stream = SSL_get_app_data(ssl);
	struct tls_ticket_key key;
	int found = get_key(stream->worker->tls, encrypts ? NULL : name, &key);
	bool good;

	if (found < 0)
		return 0;
	if (encrypts)
		memcpy(name, key.name, sizeof key.name);
	good = (!encrypts || RAND_bytes(iv, EVP_CIPHER_get_iv_length(EVP_aes_256_cbc())) == 1) &&
	       use_key(&key, iv, cipher, mac, encrypts);
	OPENSSL_cleanse(&key, sizeof key);
	return !good ? -1 : found > 0 ? 2 : 1;
}

/* Sets the validity of sessions whose client was not asked for a certificate; others have it from
 * the verification. 0 fails the handshake. */
static int on_new_ticket(SSL *ssl, void *arg)
{
	const struct tls *tls = arg;
	SSL_SESSION *session = SSL_get_session(ssl);

	return tls_validity_has_begun(session) || tls_validity_begin(tls, session, NULL);
}

static SSL_TICKET_RETURN on_old_ticket(SSL *ssl, SSL_SESSION *session, const unsigned char *name,
                                       size_t name_len, SSL_TICKET_STATUS status, void *arg)
{
	bool good = status == SSL_TICKET_SUCCESS || status == SSL_TICKET_SUCCESS_RENEW;

	(void)ssl, (void)name, (void)name_len;
	if (!good || !tls_validity_holds(arg, session))
		return SSL_TICKET_RETURN_IGNORE_RENEW;
	return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_USE_RENEW;
}

bool tls_tickets_set_up(struct tls *tls)
{
	return make_key(tls, &tls->ticket_keys[0]) &&
	       SSL_CTX_set_session_ticket_cb(tls->ctx, on_new_ticket, on_old_ticket, tls) == 1 &&
	       SSL_CTX_set_tlsext_ticket_key_evp_cb(tls->ctx, on_ticket) == 1;
}

void tls_tickets_fini(struct tls *tls)
{
	OPENSSL_cleanse(tls->ticket_keys, sizeof tls->ticket_keys);
}
