#include "tls_stream.h"

#include <openssl/x509.h>
#include <stdlib.h>

#include "suite.h"
#include "tls_bio.h"

/* ---- a host that has nothing to say ---- */

static uint32_t log_enabled(const spore_ctx *ctx, int32_t level)
{
	(void)ctx;
	(void)level;
	return 0;
}

static const spore_host host = { .struct_size = sizeof host, .log_enabled = log_enabled };

/* ---- a lower stream in memory ---- */

struct memory {
	spore_stream base;
	BIO *in, *out; /* what the other side said, and what it is to hear */
};

static struct memory *memory_of(spore_stream *stream)
{
	return (struct memory *)(void *)stream;
}

static int64_t memory_readv(spore_stream *stream, const spore_iov *iov, uint32_t n, uint32_t *want)
{
	int got = BIO_read(memory_of(stream)->in, iov->base, (int)iov->len);

	(void)n;
	*want = SPORE_READ;
	return got > 0 ? got : SPORE_EAGAIN;
}

static int64_t memory_writev(spore_stream *stream, const spore_iov *iov, uint32_t n, uint32_t *want)
{
	(void)n;
	(void)want;
	return BIO_write(memory_of(stream)->out, iov->base, (int)iov->len);
}

static void memory_close(spore_stream *stream, uint32_t how)
{
	(void)stream;
	(void)how;
}

static const spore_stream_ops memory_ops = {
	.struct_size = sizeof memory_ops,
	.readv = memory_readv,
	.writev = memory_writev,
	.close = memory_close,
};

/* ---- a server's stream, and a client that only OpenSSL makes ---- */

struct pair {
	struct tls_conf conf;
	struct tls tls;
	struct tls_worker *worker;
	struct memory lower;
	spore_stream *server;
	SSL_CTX *ctx;
	SSL *client;
};

static void give_certificate(SSL_CTX *ctx)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();

	X509_gmtime_adj(X509_getm_notBefore(cert), 0);
	X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
	X509_set_pubkey(cert, key);
	ck_assert_int_gt(X509_sign(cert, key, EVP_sha256()), 0);
	ck_assert_int_eq(SSL_CTX_use_certificate(ctx, cert), 1);
	ck_assert_int_eq(SSL_CTX_use_PrivateKey(ctx, key), 1);
	X509_free(cert);
	EVP_PKEY_free(key);
}

static void start(struct pair *pair)
{
	spore_wrap_args args = { .struct_size = sizeof args,
		                 .role = SPORE_ROLE_SERVER,
		                 .lower = &pair->lower.base,
		                 .fd = -1 };

	*pair = (struct pair){
		.tls = { .host = &host, .server = true },
		.worker = calloc(1, sizeof *pair->worker),
		.lower = { { &memory_ops }, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()) }
	};
	pair->tls.conf = &pair->conf;
	pair->tls.ctx = SSL_CTX_new(TLS_server_method());
	pair->tls.bio = tls_bio_method();
	give_certificate(pair->tls.ctx);
	pair->worker->tls = &pair->tls;
	pair->worker->max_shaking = 1;
	ck_assert_int_eq(tls_stream_wrap(pair->worker, &args, &pair->server), SPORE_OK);
	pair->ctx = SSL_CTX_new(TLS_client_method());
	pair->client = SSL_new(pair->ctx);
	SSL_set_bio(pair->client, pair->lower.out, pair->lower.in);
	SSL_set_connect_state(pair->client);
}

/* The calls that it took; `*want` of those that were not the last. */
static unsigned shake_hands(struct pair *pair, uint32_t *want)
{
	unsigned calls = 0;
	spore_status status;

	do {
		SSL_do_handshake(pair->client);
		status = pair->server->ops->handshake(pair->server, want, 0);
		ck_assert(status == SPORE_OK || status == SPORE_EAGAIN);
	} while (++calls < 1000 && status != SPORE_OK);
	ck_assert_int_eq(status, SPORE_OK);
	ck_assert_int_eq(pair->server->ops->flush(pair->server, want), SPORE_OK);
	return calls;
}

/* After the server's stream has been closed. */
static void clean_up(struct pair *pair)
{
	SSL_free(pair->client); /* and both BIOs */
	SSL_CTX_free(pair->ctx);
	SSL_CTX_free(pair->tls.ctx);
	BIO_meth_free(pair->tls.bio);
	free(pair->worker);
}

static void stop(struct pair *pair)
{
	pair->server->ops->close(pair->server, SPORE_CLOSE_FIN);
	clean_up(pair);
}

static int64_t write_to_client(struct pair *pair, const void *bytes, size_t len)
{
	spore_iov iov = { (void *)(uintptr_t)bytes, len };
	uint32_t want;

	return pair->server->ops->writev(pair->server, &iov, 1, &want);
}

/* ---- who sends much that is nothing ---- */

START_TEST(updates_of_keys_do_not_keep_a_call)
{
	enum { UPDATES = 2000 };
	struct pair pair;
	uint32_t want;
	char got[16];
	spore_iov iov = { got, sizeof got };
	unsigned calls = 0;
	int64_t n;

	start(&pair);
	ck_assert_uint_le(shake_hands(&pair, &want), 3);
	for (int i = 0; i < UPDATES; i++) {
		ck_assert_int_eq(SSL_key_update(pair.client, SSL_KEY_UPDATE_NOT_REQUESTED), 1);
		ck_assert_int_eq(SSL_do_handshake(pair.client), 1);
	}
	ck_assert_int_eq(SSL_write(pair.client, "behind", 6), 6);
	for (; (n = pair.server->ops->readv(pair.server, &iov, 1, &want)) == SPORE_EAGAIN;
	     calls++) {
		ck_assert_uint_eq(want, SPORE_READ);
		/* No descriptor will say so. */
		ck_assert_uint_gt(pair.server->ops->pending(pair.server), 0);
	}
	ck_assert_int_eq(n, 6);
	ck_assert_mem_eq(got, "behind", 6);
	ck_assert_uint_ge(calls, UPDATES / 20);
	ck_assert_int_eq(pair.server->ops->readv(pair.server, &iov, 1, &want), SPORE_EAGAIN);
	ck_assert_uint_eq(pair.server->ops->pending(pair.server), 0);
	stop(&pair);
}
END_TEST

START_TEST(a_handshake_in_small_pieces_does_not_keep_a_call)
{
	struct pair pair;
	unsigned char hello[16384], *at = hello;
	uint32_t want;
	size_t len;

	start(&pair);
	SSL_do_handshake(pair.client);
	len = (size_t)BIO_read(pair.lower.in, hello, sizeof hello);
	ck_assert_uint_gt(len, 100);
	for (at += 5; at < hello + len; at++) {
		const unsigned char record[] = { 22, 3, 1, 0, 1, *at };

		BIO_write(pair.lower.in, record, sizeof record);
	}
	ck_assert_int_eq(pair.server->ops->handshake(pair.server, &want, 0), SPORE_EAGAIN);
	ck_assert_uint_eq(want, SPORE_WRITE); /* again at once */
	ck_assert_uint_eq(BIO_pending(pair.lower.out), 0);
	ck_assert_uint_ge(shake_hands(&pair, &want), len / 20);
	stop(&pair);
}
END_TEST

/* ---- the end ---- */

/* Without a shutdown before, a close in order sends what is kept, and then the close alert. */
START_TEST(only_a_close_in_order_sends)
{
	for (uint32_t how = SPORE_CLOSE_FIN; how <= SPORE_CLOSE_RST; how++) {
		bool in_order = how == SPORE_CLOSE_FIN;
		struct pair pair;
		uint32_t want;
		char text[16];

		start(&pair);
		shake_hands(&pair, &want);
		ck_assert_int_eq(write_to_client(&pair, "last", 4), 4);
		pair.server->ops->close(pair.server, how);
		ck_assert_int_eq(SSL_read(pair.client, text, sizeof text), in_order ? 4 : -1);
		ck_assert_int_eq(SSL_read(pair.client, text, sizeof text), in_order ? 0 : -1);
		ck_assert_int_eq(SSL_get_shutdown(pair.client) & SSL_RECEIVED_SHUTDOWN,
		                 in_order ? SSL_RECEIVED_SHUTDOWN : 0);
		clean_up(&pair);
	}
}
END_TEST

static spore_status memory_shutdown(spore_stream *stream, uint32_t *want)
{
	(void)stream;
	(void)want;
	return SPORE_OK;
}

START_TEST(a_close_repeats_no_end)
{
	spore_stream_ops ops = memory_ops;
	struct pair pair;
	uint32_t want;
	size_t sent;

	start(&pair);
	ops.shutdown = memory_shutdown;
	pair.lower.base.ops = &ops;
	shake_hands(&pair, &want);
	ck_assert_int_eq(pair.server->ops->shutdown(pair.server, &want), SPORE_OK);
	sent = BIO_pending(pair.lower.out);
	ck_assert_uint_gt(sent, 0);
	pair.server->ops->close(pair.server, SPORE_CLOSE_FIN);
	ck_assert_uint_eq(BIO_pending(pair.lower.out), sent);
	clean_up(&pair);
}
END_TEST

/* ---- another worker ---- */

START_TEST(a_handshake_keeps_its_worker)
{
	struct pair pair;
	uint32_t want;

	start(&pair);
	SSL_do_handshake(pair.client);
	ck_assert_int_eq(pair.server->ops->handshake(pair.server, &want, 0), SPORE_EAGAIN);
	ck_assert_int_eq(pair.server->ops->detach(pair.server), SPORE_EBUSY);
	shake_hands(&pair, &want);
	stop(&pair);
}
END_TEST

/* The old worker's memory is gone, as far as a sanitizer can tell. */
static void move_to_new_worker(struct pair *pair)
{
	struct tls_worker *old = pair->worker;
	spore_attach_args args = { .struct_size = sizeof args };

	ck_assert_int_eq(pair->server->ops->detach(pair->server), SPORE_OK);
	ck_assert_ptr_null(old->out_owner);
	ck_assert_ptr_null(old->names_of);
	ck_assert_uint_eq(old->in_len - old->in_at, 0);
	pair->worker = calloc(1, sizeof *pair->worker);
	pair->worker->tls = old->tls;
	pair->worker->max_shaking = 1;
	memset(old, 0xEE, sizeof *old);
	free(old);
	args.state = pair->worker;
	ck_assert_int_eq(pair->server->ops->attach(pair->server, &args), SPORE_OK);
}

enum { BULK = 40000 };

static void client_reads(struct pair *pair, const uint8_t *expected)
{
	static uint8_t got[BULK];
	size_t n = 0;
	int more;

	while (n < BULK && (more = SSL_read(pair->client, got + n, BULK - (int)n)) > 0)
		n += (size_t)more;
	ck_assert_uint_eq(n, BULK);
	ck_assert_mem_eq(got, expected, BULK);
}

static void server_reads(struct pair *pair, const uint8_t *expected, size_t at)
{
	static uint8_t got[BULK];
	uint32_t want;

	for (size_t n = at; n < BULK;) {
		spore_iov iov = { got + n, BULK - n };
		int64_t more = pair->server->ops->readv(pair->server, &iov, 1, &want);

		ck_assert_int_gt(more, 0);
		n += (size_t)more;
	}
	ck_assert_mem_eq(got + at, expected + at, BULK - at);
}

START_TEST(a_session_moves_with_what_it_holds)
{
	static uint8_t bulk[BULK];
	uint8_t few[100];
	spore_iov iov = { few, sizeof few };
	spore_str value;
	struct pair pair;
	uint32_t want;

	for (size_t i = 0; i < BULK; i++)
		bulk[i] = (uint8_t)(i * 7 + i / 251);
	start(&pair);
	shake_hands(&pair, &want);
	ck_assert_int_eq(SSL_write(pair.client, bulk, BULK), BULK);
	ck_assert_int_eq(pair.server->ops->readv(pair.server, &iov, 1, &want), sizeof few);
	ck_assert_mem_eq(few, bulk, sizeof few);
	ck_assert_int_eq(write_to_client(&pair, bulk, BULK), BULK); /* not flushed */
	pair.server->ops->attr(pair.server, "x509.san.dns", 0, &value);
	move_to_new_worker(&pair);
	server_reads(&pair, bulk, sizeof few);
	ck_assert_int_eq(pair.server->ops->flush(pair.server, &want), SPORE_OK);
	client_reads(&pair, bulk);
	move_to_new_worker(&pair);
	ck_assert_int_eq(SSL_key_update(pair.client, SSL_KEY_UPDATE_REQUESTED), 1);
	ck_assert_int_eq(SSL_write(pair.client, bulk, BULK), BULK);
	server_reads(&pair, bulk, 0);
	ck_assert_int_eq(write_to_client(&pair, bulk, BULK), BULK);
	ck_assert_int_eq(pair.server->ops->flush(pair.server, &want), SPORE_OK);
	client_reads(&pair, bulk);
	stop(&pair);
}
END_TEST

START_TEST(a_detached_session_closes_silently)
{
	struct pair pair;
	uint32_t want;

	start(&pair);
	shake_hands(&pair, &want);
	BIO_reset(pair.lower.out);
	ck_assert_int_eq(write_to_client(&pair, "lost", 4), 4);
	ck_assert_int_eq(pair.server->ops->detach(pair.server), SPORE_OK);
	pair.server->ops->close(pair.server, SPORE_CLOSE_FIN);
	ck_assert_uint_eq(BIO_pending(pair.lower.out), 0);
	clean_up(&pair);
}
END_TEST

SUITE("tls_stream", updates_of_keys_do_not_keep_a_call,
      a_handshake_in_small_pieces_does_not_keep_a_call, only_a_close_in_order_sends,
      a_close_repeats_no_end, a_handshake_keeps_its_worker, a_session_moves_with_what_it_holds,
      a_detached_session_closes_silently)
