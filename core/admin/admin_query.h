/* admin_query - one admin command as the function that answers it sees it. [main] */
#ifndef CORE_ADMIN_QUERY_H
#define CORE_ADMIN_QUERY_H

#include "quota/kick.h"

struct drain;
struct reload;
struct reload_answer;
struct runtime;
struct server;
struct survey;

/* The parts of the server that commands read and control. All are borrowed and outlive every
 * command. */
struct admin_host {
	struct runtime *runtime;
	struct server *server;
	struct drain *drain;
	struct reload *reload;
};

struct admin_query {
	const struct admin_host *host;
	const char *argument;        /* NULL: the command takes none */
	struct kick kick;            /* the argument of `kick`; otherwise not given */
	const struct survey *survey; /* a struct census per worker; NULL: workers were not asked */
	const struct reload_answer *reload; /* of `reload` */
};

#endif
