/* tls - what the parts of this plugin have in common.
 *
 *      the host     readv / writev / flush / shutdown / close
 *          │
 *      tls_stream ──▶ SSL ──▶ tls_bio ──▶ the lower stream
 *                      │         └── the worker's buffers; what does not fit waits in the stream's own
 *                      ├── tls_kernel: who encrypts what is sent
 *                      ├── tls_verify: is the other side who it should be?
 *                      └── tls_session: resumption (client)
 *
 * One instance has one SSL_CTX, read-only after create(). All else belongs to a worker. */
#ifndef TLS_H
#define TLS_H

#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <spore/transport.h>
#include <stdbool.h>

enum { TLS_MIN_1_2, TLS_MIN_1_3 };

/* The operator's options; see the table in transport_tls.c. */
struct tls_conf {
	const char *certfile, *keyfile, *cacertfile; /* NULL: not given */
	spore_str key_passphrase;
	const char *server_name;      /* client: in place of the name that was dialled */
	spore_list pins;              /* client: of const char *, "sha256:HEX" */
	int64_t min_version;          /* TLS_MIN_* */
	const char *ciphers, *groups; /* as OpenSSL writes them, with colons between */
	int64_t max_handshakes;       /* at once, over all workers */
	int64_t ticket_life;          /* ms */
	uint32_t tickets, insecure, kernel_tls;
};

enum { TLS_PIN_SIZE = 32, TLS_TICKET_KEYS = 2 };

struct tls_ticket_key {
	int64_t made_ms; /* 0: there is none */
	uint8_t name[16], cipher[32], mac[32];
};

enum tls_kind { TLS_OWN, TLS_CHAIN, TLS_AUTHORITIES, TLS_KINDS };

/* See tls_expiry. Read-only after create(), but for what the succession holds. */
struct tls_expiry {
	struct tls_certificate *all; /* owned */
	size_t n;
	uint32_t series[TLS_KINDS];        /* 0: none */
	struct tls_succession *succession; /* ref */
};

/* An instance. */
struct tls {
	const spore_host *host;
	spore_ctx *log;
	const struct tls_conf *conf;
	bool server, kernel; /* ... encrypts what is sent, where it can */
	unsigned n_workers;
	SSL_CTX *ctx;    /* owned */
	BIO_METHOD *bio; /* owned */
	uint8_t (*pins)[TLS_PIN_SIZE];
	size_t n_pins;
	struct tls_expiry expiry;
	pthread_mutex_t ticket_lock;
	struct tls_ticket_key ticket_keys[TLS_TICKET_KEYS]; /* server; under the lock; newest first */
	pthread_mutex_t session_lock;
	SSL_SESSION *session; /* owned, under the lock: the newest that a server gave us */
};

struct tls_stream;

/* A record's plaintext has at most 16 KiB; what TLS adds to one is less than TLS_OVERHEAD. */
enum { TLS_RECORD = 16 * 1024, TLS_OVERHEAD = 512 };
/* A turn's bulk goes with one call of the lower stream each way. */
enum { TLS_IN_SIZE = 16 * TLS_RECORD, TLS_OUT_SIZE = 17 * (TLS_RECORD + TLS_OVERHEAD) };

/* A worker's state. Invariant: the buffers are empty between two calls of the host, but for bytes that
 * flush() has still to hand on, of writev() or the end of a handshake: those belong to out_owner. */
struct tls_worker {
	struct tls *tls;
	spore_worker *handle;
	spore_timer *daily; /* on worker 0 */
	uint8_t in[TLS_IN_SIZE], out[TLS_OUT_SIZE];
	size_t in_at, in_len, out_len;
	struct tls_stream *out_owner;
	const struct tls_stream
		*names_of;    /* whose certificate's names were asked for last: see tls_attr */
	GENERAL_NAMES *names; /* owned */
	struct tls_stream *oldest, *newest; /* whose handshakes are under way */
	unsigned n_shaking, max_shaking;
};

/* Bytes of one stream that the worker's buffers could not keep; no memory while there are none. */
struct tls_spill {
	uint8_t *bytes;
	size_t at, len;
};

/* Invariants: `in` is only filled when a call ends with input that nobody took, and the next call takes
 * it first; while `out` holds bytes, writev() takes no others. */
struct tls_stream {
	spore_stream base;
	spore_stream *lower; /* owned */
	spore_conn *conn;    /* borrowed: outlives the stream */
	struct tls_worker *worker;
	SSL *ssl;    /* owned; on a server NULL until the client has spoken */
	BIO *writer; /* the SSL's */
	BIO *socket; /* owned; NULL: no way to the kernel; see tls_kernel */
	struct tls_stream *older, *newer;
	struct tls_spill in, out;
	size_t room;                      /* of the reader; how much this call may read from below */
	uint32_t want;                    /* what the lower stream waits for */
	spore_status in_below, out_below; /* how the lower stream failed, each way; SPORE_OK: not yet */
	spore_status broken;              /* how reading from this one did */
	uint8_t first;                    /* the other side's first byte ... */
	bool has_first;                   /* ... once it has come */
	bool took;                        /* this call has bytes for the reader */
	unsigned reads;                   /* of OpenSSL's, in this call ... */
	bool cut;                         /* ... which were too many: to be called again at once */
	bool open;                        /* the handshake is done ... */
	bool in_kernel, wants_keys;       /* ... and the kernel sends; and cannot do what is demanded */
	bool shaking, evicted;            /* in the worker's list; put out of it by others */
	bool below_ended, ended, end_told, shut;
	char *why;  /* owned: of the failure, for the operator */
	char *fact; /* owned: what attr() gave last */
};

/* What the other side is called in messages. */
static inline const char *tls_peer(const struct tls *tls)
{
	return tls->server ? "the client" : "the server";
}

#endif
