/* admin_query - one admin command as the function that answers it sees it. [main] */
#ifndef CORE_ADMIN_QUERY_H
#define CORE_ADMIN_QUERY_H

#include <stdbool.h>

#include "quota/kick.h"

struct client;
struct drain;
struct reload;
struct reload_answer;
struct runtime;
struct server;
struct survey;
struct upgrade;

/* The parts of the process that commands read and control. All are borrowed and outlive every
 * command. */
struct admin_host {
	struct runtime *runtime;
	struct server *server; /* NULL: the process is a client */
	struct drain *drain;
	struct reload *reload;
	struct client *client; /* of a client */
	/* A listening socket on which the screen asks, besides the configured one. 0: no screen. */
	int screen_fd;
	struct upgrade *upgrade; /* of a server */
	struct keeper *keeper;   /* of a server */
	/* The admin socket of the server before this one; taken if it is used. 0: none. */
	int given_fd;
};

static inline bool admin_host_is_client(const struct admin_host *host)
{
	return host->client != NULL;
}

struct admin_query {
	const struct admin_host *host;
	const char *argument; /* NULL: the command takes none */
	struct kick kick;     /* the argument of `kick`; otherwise not given */
	/* A struct census of each worker, or for a client a struct roll of each; NULL: workers were
	 * not asked. */
	const struct survey *survey;
	const struct reload_answer *reload; /* of `reload` */
};

#endif
