#include "server/activation.h"

#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"

enum { FIRST_FD = 3, MOST = ACTIVATION_MOST + KEPT_PORTS_MOST };

static const char *const variables[] = { "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES" };

static bool read_number(const char *text, uint64_t most, uint64_t *number_out)
{
	return text_to_uint(text, strlen(text), most, number_out);
}

/* Are the variables meant for this process, and not for the one that has started it? */
static bool is_for_us(void)
{
	const char *pid = getenv("LISTEN_PID");
	uint64_t number;

	return pid && read_number(pid, INT_MAX, &number) && number == (uint64_t)getpid();
}

/* The next name of a list with colons between the names. NULL: there is none. */
static const char *cut_name(char **names)
{
	const char *name = *names ? strsep(names, ":") : NULL;

	return name ? name : "";
}

/* The name of a public port, of this version or another one. */
static bool is_of_port(const char *name)
{
	return strncmp(name, "tunnel-", strlen("tunnel-")) == 0;
}

static void sort_in(struct activation *activation, int fd, const char *name)
{
	struct kept_socket *kept = &activation->kept[activation->n_kept];

	if (strcmp(name, KEPT_ROUTED_NAME) == 0) {
		activation->shared[activation->n_shared++] = fd;
		return;
	}
	if (!is_of_port(name)) {
		activation->fds[activation->n++] = fd;
		return;
	}
	kept->fd = fd;
	snprintf(kept->name, sizeof kept->name, "%s", name);
	activation->n_kept++;
}

static bool has_room(const struct activation *activation)
{
	return activation->n < ACTIVATION_MOST && activation->n_kept < KEPT_PORTS_MOST &&
	       activation->n_shared < ACTIVATION_SHARED_MOST;
}

/* Also for sockets that are not used: no other program inherits them. */
static void take_sockets(struct activation *activation, unsigned n, char *names)
{
	for (unsigned i = 0; i < n; i++) {
		int fd = FIRST_FD + (int)i;

		if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0) {
			err_set(&activation->err,
			        "LISTEN_FDS is %u, but the descriptor %d is not open", n, fd);
			return;
		}
		if (!has_room(activation)) {
			err_set(&activation->err,
			        "LISTEN_FDS is %u: expected at most %d sockets of socket units", n,
			        ACTIVATION_MOST);
			return;
		}
		sort_in(activation, fd, cut_name(&names));
	}
}

void activation_take(struct activation *activation)
{
	const char *text = getenv("LISTEN_FDS"), *listed = getenv("LISTEN_FDNAMES");
	char *names = listed ? strdup(listed) : NULL;
	uint64_t n;

	activation->n = activation->n_shared = activation->n_visitors = activation->n_kept = 0;
	*activation->err.text = '\0';
	if (text && is_for_us()) {
		if (!read_number(text, MOST, &n))
			err_set(&activation->err, "LISTEN_FDS: expected a number from 0 to %d",
			        MOST);
		else
			take_sockets(activation, (unsigned)n, names);
		for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
			unsetenv(variables[i]);
	}
	free(names);
	if (*activation->err.text)
		activation_close(activation);
}

void activation_close(struct activation *activation)
{
	while (activation->n > 0)
		close(activation->fds[--activation->n]);
	while (activation->n_shared > 0)
		close(activation->shared[--activation->n_shared]);
	while (activation->n_visitors > 0)
		close(activation->visitors[--activation->n_visitors]);
	while (activation->n_kept > 0)
		close(activation->kept[--activation->n_kept].fd);
}
