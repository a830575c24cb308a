#include "keep/tickets.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crypto.h"
#include "base/text.h"
#include "log/log.h"

struct ticket {
	struct uuid ticket;
	char *server; /* owned */
	uint16_t port;
};

void tickets_fini(struct tickets *tickets)
{
	for (size_t i = 0; i < tickets->n; i++)
		free(tickets->items[i].server);
	if (tickets->items)
		crypto_wipe(tickets->items, tickets->n * sizeof *tickets->items);
	free(tickets->items);
	*tickets = (struct tickets){ 0 };
}

void tickets_add(struct tickets *tickets, const struct uuid *ticket, const char *server,
                 uint16_t port)
{
	struct ticket *items = realloc(tickets->items, (tickets->n + 1) * sizeof *items);
	char *copy = strdup(server);

	if (items)
		tickets->items = items;
	if (items && copy)
		items[tickets->n++] = (struct ticket){ *ticket, copy, port };
	else
		free(copy);
}

bool tickets_find(const struct tickets *tickets, const char *server, uint16_t port,
                  struct uuid *ticket_out)
{
	for (size_t i = 0; i < tickets->n; i++) {
		const struct ticket *item = &tickets->items[i];

		if (item->port == port && strcmp(item->server, server) == 0) {
			*ticket_out = item->ticket;
			return true;
		}
	}
	return false;
}

/* ---- the file ---- */

/* False: there is no folder. */
static bool find_path(char path_out[PATH_MAX])
{
	const char *folder = getenv("RUNTIME_DIRECTORY");

	/* systemd separates several folders with colons. */
	return folder && *folder == '/' &&
	       snprintf(path_out, PATH_MAX, "%.*s/tickets", (int)strcspn(folder, ":"), folder) <
	               PATH_MAX;
}

static bool is_own(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() &&
	       !(st.st_mode & (S_IWGRP | S_IWOTH));
}

/* A line that is none of ours is left out. */
static void read_line(struct tickets *tickets, char *line)
{
	char *rest = line, *id = strsep(&rest, " "), *port = strsep(&rest, " ");
	struct uuid ticket;
	uint64_t number;

	if (rest && uuid_parse(id, strlen(id), &ticket) &&
	    text_to_uint(port, strlen(port), UINT16_MAX, &number) && number > 0) {
		rest[strcspn(rest, "\n")] = '\0';
		tickets_add(tickets, &ticket, rest, (uint16_t)number);
	}
}

void tickets_read(struct tickets *tickets)
{
	char path[PATH_MAX], *line = NULL;
	FILE *file = NULL;
	size_t room = 0;
	int fd;

	if (!find_path(path))
		return;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return;
	unlink(path);
	if (is_own(fd))
		file = fdopen(fd, "r");
	while (file && getline(&line, &room, file) > 0)
		read_line(tickets, line);
	free(line);
	if (file)
		fclose(file);
	else
		close(fd);
}

static bool write_all(const struct tickets *tickets, FILE *file)
{
	char id[UUID_TEXT_SIZE];
	bool good;

	for (size_t i = 0; i < tickets->n; i++) {
		const struct ticket *item = &tickets->items[i];

		uuid_format(&item->ticket, id);
		fprintf(file, "%s %u %s\n", id, item->port, item->server);
	}
	good = !ferror(file);
	return fclose(file) == 0 && good;
}

void tickets_write(const struct tickets *tickets)
{
	char path[PATH_MAX];
	FILE *file;
	int fd;

	if (tickets->n == 0 || !find_path(path))
		return;
	unlink(path);
	fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	file = fd >= 0 ? fdopen(fd, "w") : NULL;
	if (file && write_all(tickets, file))
		return;
	log_warn("the next process gets no tickets for the public ports", log_str("file", path),
	         log_str("error", strerrordesc_np(errno)));
	if (!file && fd >= 0)
		close(fd);
	unlink(path);
}
