/* primary - a connection to the Redis that has the data, for one worker. It finds this Redis with
 * the help of Sentinels if there are some, logs in, and connects again, after pauses that grow,
 * when the connection is lost.
 *
 *   idle ──▶ find (Sentinel) ──▶ log in ──▶ ready
 *    ▲           └──────────────────┴─────────┘
 *    └────────── the pause, after on_lost
 *
 * Or it is a sentry: a connection to a Sentinel, which tells when the primary moves. A sentry does
 * not go on to the primary, and is ready when it has subscribed. */
#ifndef PRIMARY_H
#define PRIMARY_H

#include "conn.h"

enum { PRIMARY_PAUSE_MIN_MS = 20, PRIMARY_PAUSE_MAX_MS = 1000 };

/* The settings of an instance. Built on main and read-only afterwards, so all workers share it. */
struct primary_conf {
	const spore_host *host;
	struct place place;            /* of Redis, if there are no Sentinels */
	const struct place *sentinels; /* borrowed */
	size_t n_sentinels;
	const char *master; /* its name for the Sentinels */
	SSL_CTX *tls;       /* of the Redis that a Sentinel names; NULL: no TLS */
	spore_str user, password, sentinel_user, sentinel_password;
	int64_t database;
	int64_t connect_ms;
	bool insecure; /* Redis may be on another machine without TLS */
};

enum primary_stage { PRIMARY_IDLE, PRIMARY_FIND, PRIMARY_LOG_IN, PRIMARY_READY };

struct primary {
	const struct primary_conf *conf;
	spore_worker *worker;
	bool is_sentry;
	/* [worker] on_ready: commands may be sent, and on_reply() gets their replies in order.
	 * on_lost: an attempt to connect has failed, or with was_ready the connection is lost, and
	 * so are the replies that are missing. None of them may call primary_stop(). */
	void (*on_ready)(void *arg);
	void (*on_reply)(void *arg, const redisReply *reply);
	void (*on_lost)(void *arg, const char *why, bool was_ready);
	void *arg;
	/* primary's */
	enum primary_stage stage;
	struct conn conn;
	struct place place; /* where the connection leads, or will lead */
	spore_timer timer;  /* the deadline of a stage, or the pause */
	spore_resolve resolve;
	struct place moved_to; /* to be tried first */
	bool has_moved;
	unsigned failures; /* in a row; a connection that ended soon is one, too */
	int64_t ready_ms;
	size_t sentinel;   /* the one to be asked next */
	unsigned expected; /* replies to the log-in that are still to come */
	bool is_auth;      /* the next of them is the reply to AUTH */
};

/* The caller sets the first members. The first attempt begins in the next turn. False: out of
 * memory, and there is nothing to stop. [worker] */
bool primary_start(struct primary *primary);
/* [worker] */
void primary_stop(struct primary *primary);
/* Does the same as conn_send(). Returns false also if the connection is not ready. [worker] */
bool primary_send(struct primary *primary, int n, const spore_str *words);
/* Treats the connection as lost, because the caller cannot use it any more. [worker] */
void primary_give_up(struct primary *primary, const char *why);
/* Reads a message of a Sentinel: "NAME OLDHOST OLDPORT HOST PORT". False: it is about another
 * primary, or has another form. [any] */
bool primary_read_switch(const struct primary_conf *conf, const char *message, struct place *out);
/* A Sentinel has named the place of the primary: leaves any other place, and tries this one at
 * once. [worker] */
void primary_move(struct primary *primary, const struct place *place);
/* "HOST:PORT" or the path, for the log. [worker] */
void primary_print(const struct primary *primary, char *out, size_t size);

#endif
