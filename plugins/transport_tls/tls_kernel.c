#include "tls_kernel.h"

#include <openssl/bio.h>
#include <stdio.h>
#include <string.h>

bool tls_kernel_offers(const char *list)
{
	FILE *file = fopen(list, "re");
	char word[64];
	bool found = false;

	if (!file)
		return false;
	while (!found && fscanf(file, "%63s", word) == 1)
		found = strcmp(word, "tls") == 0;
	fclose(file);
	return found;
}

const char *tls_kernel_why_not(const struct tls_conf *conf)
{
#ifdef OPENSSL_NO_KTLS
	(void)conf;
	return "OpenSSL was built without it";
#else
	if (!conf->kernel_tls)
		return "kernel_tls is false";
	return tls_kernel_offers(TLS_KERNEL_LIST)
	               ? NULL
	               : "the kernel lacks it, or has not loaded the module";
#endif
}

void tls_kernel_prepare(struct tls_stream *stream)
{
	static const uint32_t both = SPORE_READ | SPORE_WRITE;
	const spore_stream_ops *below = stream->lower->ops;

	if (!stream->worker->tls->kernel || stream->socket || stream->fd < 0 ||
	    !SPORE_CAN(below, raw) || (below->raw(stream->lower) & both) != both)
		return;
	stream->socket = BIO_new_socket(stream->fd, BIO_NOCLOSE);
}

bool tls_kernel_has_keys(const struct tls_stream *stream)
{
	return stream->socket && BIO_get_ktls_send(stream->socket);
}

/* Looks for KeyUpdate (RFC 8446, 4.6.3): one byte of type, three of length, and one that tells
 * whether the peer demands new keys in return. */
static void on_message(int written, int version, int type, const void *message, size_t len,
                       SSL *ssl, void *arg)
{
	struct tls_stream *stream = arg;
	const uint8_t *bytes = message;

	(void)version, (void)ssl;
	if (!written && type == SSL3_RT_HANDSHAKE && len == 5 && bytes[0] == SSL3_MT_KEY_UPDATE)
		stream->wants_keys = stream->wants_keys || bytes[4] == SSL_KEY_UPDATE_REQUESTED;
}

void tls_kernel_watch_keys(struct tls_stream *stream)
{
	SSL_set_msg_callback(stream->ssl, on_message);
	SSL_set_msg_callback_arg(stream->ssl, stream);
}
