/* keeper - the state that each plugin of a database has for an instance and its workers: the rules
 * for answers, who is in, and the keys of clients without a name.
 *
 * desk.h answers the host's questions with it, and changes.h follows what the store changes. This
 * code is compiled into each plugin that uses it. */
#ifndef COMMON_KEEPER_H
#define COMMON_KEEPER_H

#include <pthread.h>

#include "../pace.h"
#include "roll.h"
#include "sessions.h"
#include "store.h"

/* The options that it is made from. */
struct keeper_options {
	int64_t binding;         /* enum binding_mode */
	spore_list names;        /* of const char *: of this server; none: no signatures */
	bool bore;               /* serve answers without a name */
	size_t max_keys;         /* of them */
	struct keeper *previous; /* the one that this one replaces, or NULL */
};

/* The state of an instance. All workers share it. */
struct keeper {
	const spore_host *host;
	spore_ctx *log;
	struct evidence_rules rules;
	struct server_name *names; /* owned */
	struct sessions *sessions; /* ref */
	struct sessions *before;   /* ref; the table of the instance before, or NULL */
	struct roll *roll;         /* owned; NULL: answers without a name are not served */
	/* A hash that the store has told; "": none yet. It is computed for unknown names, too, so
	 * that they take the same time. */
	pthread_mutex_t lock;
	char stand_in[HASH_MAX + 1];
	struct pace refusals, wrongs, failures; /* logged ones */
};

struct question;

/* The state of a worker. */
struct keeper_worker {
	struct keeper *keeper;
	spore_worker *worker;
	const struct store_ops *ops;
	void *backend; /* for the ops */
	struct question *questions;
};

/* Reports mistakes. False: there is one, or memory is used up. In both cases the caller calls
 * keeper_fini(). [main] */
bool keeper_init(struct keeper *keeper, const spore_create_args *args,
                 const struct keeper_options *options);
/* Accepts a zeroed struct. [main] */
void keeper_fini(struct keeper *keeper);

/* [main] */
uint32_t keeper_needs_challenge(const struct keeper *keeper);

/* The identity that a record gives to a client of this form. It points into the record or is
 * `name`. [any] */
const char *keeper_identity(enum evidence_form form, const struct record *record, const char *name);
/* Does the same as sessions_find(), but also looks into the table of the instance that this one
 * replaces. [any] */
bool keeper_find_session(struct keeper *keeper, uint64_t number, struct session *out);
/* Tells the host that a session is denied, or which limits it has now. Other sessions of the same
 * identity stay as they are. [any] */
void keeper_deny(const struct keeper *keeper, const struct session *session);
void keeper_renew(const struct keeper *keeper, const struct session *session,
                  const struct terms *terms);
/* Denies all sessions of a name, as if the store had changed it. [any] */
void keeper_deny_name(struct keeper *keeper, const char *name);
/* Remembers a hash as the stand-in, or copies the one that was remembered last; "": none. [any] */
void keeper_note_hash(struct keeper *keeper, const char *hash);
void keeper_stand_in(struct keeper *keeper, char out[HASH_MAX + 1]);
/* Logs that a record is wrong, at a limited rate. [any] */
void keeper_log_wrong(struct keeper *keeper, const char *name, const char *wrong);

#endif
