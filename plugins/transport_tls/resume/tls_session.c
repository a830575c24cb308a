#include "tls_session.h"

#include "tls_validity.h"

/* Takes ownership of the session (NULL: none) and frees the old one. */
static void replace_session(struct tls *tls, SSL_SESSION *session)
{
	SSL_SESSION *old;

	pthread_mutex_lock(&tls->session_lock);
	old = tls->session;
	tls->session = session;
	pthread_mutex_unlock(&tls->session_lock);
	SSL_SESSION_free(old);
}

/* Returns 1 to take ownership of the session. */
static int on_session(SSL *ssl, SSL_SESSION *session)
{
	const struct tls_stream *stream = SSL_get_app_data(ssl);

	if (!SSL_SESSION_is_resumable(session))
		return 0;
	replace_session(stream->worker->tls, session);
	return 1;
}

void tls_session_set_up(struct tls *tls)
{
	SSL_CTX_set_session_cache_mode(tls->ctx,
	                               SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL_STORE);
	SSL_CTX_sess_set_new_cb(tls->ctx, on_session);
}

void tls_session_fini(struct tls *tls)
{
	SSL_SESSION_free(tls->session);
	tls->session = NULL;
}

void tls_session_offer(struct tls *tls, SSL *ssl)
{
	SSL_SESSION *copy;

	/* Copied, because OpenSSL writes to the session of a handshake, on the worker that runs
	 * it. */
	pthread_mutex_lock(&tls->session_lock);
	copy = tls->session ? SSL_SESSION_dup(tls->session) : NULL;
	pthread_mutex_unlock(&tls->session_lock);
	if (copy && tls_validity_holds(tls, copy))
		SSL_set_session(ssl, copy);
	SSL_SESSION_free(copy);
}

void tls_session_forget(struct tls *tls)
{
	replace_session(tls, NULL);
}
