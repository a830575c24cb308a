/* keeper - decides about clients by what a store says of their names. The common part of the plugins
 * that ask databases.
 *
 *   verify ──▶ evidence ──▶ sessions (data connections) ──▶ ALLOW
 *                    └────▶ roll (no name) ───────────────▶ ALLOW
 *                    └────▶ question ──▶ look_up ──▶ record ──▶ hash? ──▶ ALLOW
 *
 *   the store has changed a name ──▶ changes ──▶ look_up ──▶ auth_revalidate
 *
 * A control connection costs one look-up, a data connection none. This code is compiled into each
 * plugin that uses it. */
#ifndef COMMON_KEEPER_H
#define COMMON_KEEPER_H

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
	struct keeper *previous; /* that this one replaces, or NULL */
};

/* Of an instance; all workers share it. */
struct keeper {
	const spore_host *host;
	spore_ctx *log;
	struct evidence_rules rules;
	struct server_name *names; /* owned */
	struct sessions *sessions; /* ref */
	struct sessions *before;   /* ref; those of the instance before, or NULL */
	struct roll *roll;         /* owned; NULL: answers without a name are not served */
	struct pace refusals, wrongs, failures; /* logged ones */
};

struct question;

/* Of a worker. */
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

/* As the functions of spore_auth_ops, with SPORE_AUTHF_RENEWS_BY_SESSION. [worker] */
int32_t keeper_verify(struct keeper_worker *worker, const spore_auth_request *rq,
                      spore_ticket ticket);
void keeper_cancel(struct keeper_worker *worker, spore_ticket ticket);
void keeper_session_end(struct keeper_worker *worker, const spore_session_end *end);
int32_t keeper_recheck(struct keeper_worker *worker, const spore_auth_request *rq,
                       spore_ticket ticket, const spore_held *held);
/* [main] */
uint32_t keeper_needs_challenge(const struct keeper *keeper);

/* The identity that a record gives to a client of this form. Valid as long as both. [any] */
const char *keeper_identity(enum evidence_form form, const struct record *record, const char *name);
/* As sessions_find(), also among those of the instance that this one replaces. [any] */
bool keeper_find_session(struct keeper *keeper, uint64_t number, struct session *out);
/* Logs that a record is wrong, at a limited rate. [any] */
void keeper_log_wrong(struct keeper *keeper, const char *name, const char *wrong);

#endif
