#include "facts.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static char *copy_fact(const spore_host *host, const spore_conn *conn, const char *key,
                       size_t index)
{
	spore_str value;

	return host->conn_attr(conn, key, index, &value) ? strndup(value.ptr, value.len) : NULL;
}

static void read_names(struct facts *facts, const spore_host *host, const spore_conn *conn,
                       const char *key)
{
	char *name;

	for (size_t i = 0;
	     facts->n < FACTS_MAX_NAMES && (name = copy_fact(host, conn, key, i)) != NULL; i++)
		facts->names[facts->n++] = name;
}

void facts_read(struct facts *facts, const spore_host *host, const spore_conn *conn)
{
	facts->n = 0;
	facts->sha256 = copy_fact(host, conn, "x509.sha256", 0);
	facts->subject = copy_fact(host, conn, "x509.subject", 0);
	read_names(facts, host, conn, "x509.san.dns");
	facts->n_hosts = facts->n;
	read_names(facts, host, conn, "x509.san.ip");
	read_names(facts, host, conn, "x509.san.email");
	read_names(facts, host, conn, "x509.san.uri");
}

void facts_fini(struct facts *facts)
{
	for (size_t i = 0; i < facts->n; i++)
		free(facts->names[i]);
	free(facts->subject);
	free(facts->sha256);
	facts->n = facts->n_hosts = 0;
	facts->subject = facts->sha256 = NULL;
}

int facts_have_certificate(const struct facts *facts)
{
	return facts->sha256 && strlen(facts->sha256) == FACTS_HEX_SIZE;
}

int facts_have_name(const struct facts *facts, const char *name)
{
	for (size_t i = 0; i < facts->n; i++) {
		int is_host = i < facts->n_hosts;

		if (is_host && strcasecmp(facts->names[i], name) == 0)
			return 1;
		if (!is_host && strcmp(facts->names[i], name) == 0)
			return 1;
	}
	return 0;
}
