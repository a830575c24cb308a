/* tls - the types that the parts of this plugin share.
 *
 *      the host     readv / writev / flush / shutdown / close
 *          │
 *      tls_stream ──▶ SSL ──▶ tls_bio ──▶ the lower stream
 *                      │         └── buffers of the worker; the rest waits in buffers of the stream
 *                      ├── tls_kernel: encryption by the kernel
 *                      ├── tls_verify: verification of the peer
 *                      └── resume/: resumption of sessions
 *
 * config/ makes the SSL_CTX of an instance, which is read-only after create(). Everything else
 * belongs to a worker. */
#ifndef TLS_H
#define TLS_H

#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <spore/transport.h>
#include <stdbool.h>

enum { TLS_MIN_1_2, TLS_MIN_1_3 };

/* An entry of `certificates`. */
struct tls_pair {
	const char *certfile, *keyfile; /* keyfile: NULL if it is not given */
};

/* The options; see the table in transport_tls.c. */
struct tls_conf {
	const char *certfile, *keyfile, *cacertfile; /* NULL: not given */
	spore_list certificates;                     /* server: of struct tls_pair */
	spore_list alpn;                             /* server: of const char * */
	spore_str key_passphrase;
	const char *server_name;      /* client: expected instead of the dialled name */
	spore_list pins;              /* client: of spore_sha256 */
	int64_t min_version;          /* TLS_MIN_* */
	const char *ciphers, *groups; /* OpenSSL's names, separated by colons */
	int64_t max_handshakes;       /* at once, on all workers */
	int64_t ticket_life;          /* ms */
	uint32_t tickets, insecure, kernel_tls;
};

enum { TLS_TICKET_KEYS = 2 };

struct tls_ticket_key {
	int64_t made_ms; /* 0: no key */
	uint8_t name[16], cipher[32], mac[32];
};

enum tls_kind { TLS_OWN, TLS_CHAIN, TLS_AUTHORITIES, TLS_KINDS };

/* See tls_expiry. Read-only after create(), except for the contents of the succession. */
struct tls_expiry {
	struct tls_certificate *all; /* owned */
	size_t n;
	uint32_t series[TLS_KINDS];        /* 0: no series */
	struct tls_succession *succession; /* ref */
};

/* An instance. */
struct tls {
	const spore_host *host;
	spore_ctx *log;
	const struct tls_conf *conf;
	bool server;
	bool kernel; /* try to encrypt in the kernel */
	unsigned n_workers;
	SSL_CTX *ctx;    /* owned */
	BIO_METHOD *bio; /* owned */
	SSL_CTX **named; /* owned; each holds one of `certificates` and nothing else */
	size_t n_named;
	uint8_t *alpn; /* owned; as in the protocol; NULL: none */
	unsigned alpn_len;
	struct tls_expiry expiry;
	pthread_mutex_t ticket_lock;
	struct tls_ticket_key
		ticket_keys[TLS_TICKET_KEYS]; /* server; under the lock; the newest first */
	pthread_mutex_t session_lock;
	SSL_SESSION *session; /* client; owned; under the lock: the newest ticket */
};

struct tls_stream;

/* A record has at most 16 KiB of plaintext. TLS adds less than TLS_OVERHEAD bytes. */
enum { TLS_RECORD = 16 * 1024, TLS_OVERHEAD = 512 };
/* Large enough to move the bulk of a turn with one call of the lower stream each way. */
enum { TLS_IN_SIZE = 16 * TLS_RECORD, TLS_OUT_SIZE = 17 * (TLS_RECORD + TLS_OVERHEAD) };

/* The state of a worker. Invariant: between two calls of the host the buffers are empty, except for
 * output of writev() or a handshake that flush() has yet to send. That output belongs to
 * out_owner. */
struct tls_worker {
	struct tls *tls;
	spore_worker *handle;
	spore_timer daily; /* on worker 0 */
	uint8_t in[TLS_IN_SIZE], out[TLS_OUT_SIZE];
	size_t in_at, in_len, out_len;
	struct tls_stream *out_owner;
	GENERAL_NAMES *names;               /* owned; tls_attr's cache: the names of a peer */
	const struct tls_stream *names_of;  /* the stream of that peer; NULL: the cache is empty */
	struct tls_stream *oldest, *newest; /* streams in their handshake */
	unsigned n_shaking, max_shaking;
};

/* Bytes of a stream that did not fit the worker's buffers. Has no memory while it is empty. */
struct tls_spill {
	uint8_t *bytes;
	size_t at, len;
};

/* Invariants: `in` is filled only when a call ends with unread input, and the next call reads it
 * first. While `out` holds bytes, writev() accepts no others. */
struct tls_stream {
	spore_stream base;
	spore_stream *lower;       /* owned */
	spore_conn *conn;          /* borrowed; outlives the stream */
	int fd;                    /* of the socket; -1: none */
	struct tls_worker *worker; /* NULL: detached */
	SSL *ssl;                  /* owned; on a server NULL until the client has sent something */
	BIO *writer;               /* the SSL's */
	BIO *socket;               /* owned; NULL: the kernel is not used; see tls_kernel */
	struct tls_stream *older, *newer;
	struct tls_spill in, out;
	size_t room;            /* of the reader; limits how much this call reads from below */
	uint32_t want;          /* what the lower stream waits for */
	spore_status in_below;  /* why reading from the lower stream failed; SPORE_OK: it did not */
	spore_status out_below; /* the same for writing to it */
	spore_status broken;    /* why this stream failed */
	bool has_first;         /* the peer's first byte has arrived */
	uint8_t first;          /* that byte */
	bool has_plaintext;     /* this call has bytes for the reader */
	unsigned reads;         /* how often OpenSSL has read in this call */
	bool cut_short;         /* that was too often: the host must call again at once */
	bool open;              /* the handshake is done */
	bool in_kernel;         /* the kernel encrypts output */
	bool wants_keys;        /* the peer demands new keys, but the kernel cannot set them */
	bool shaking;           /* in the worker's list of handshakes */
	bool evicted;           /* removed from that list in favour of another stream */
	bool below_ended;       /* the lower stream has ended */
	bool ended;             /* this stream has ended, by the peer's close alert */
	bool end_told;          /* the reader knows of the end or the failure */
	bool shut;              /* our close alert is written */
	char *why;              /* owned; the cause of the failure, for the operator */
	char *fact;             /* owned; what attr() returned last */
};

/* How messages name the peer. */
static inline const char *tls_peer(const struct tls *tls)
{
	return tls->server ? "the client" : "the server";
}

#endif
