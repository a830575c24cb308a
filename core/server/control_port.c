#include "server/control_port.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "config/config.h"
#include "net/addr.h"
#include "net/sock.h"
#include "json/json.h"

static spore_addr address_in(const struct server_settings *settings)
{
	spore_addr addr = settings->bind_addr;

	addr.port = (uint16_t)settings->control_port;
	return addr;
}

static struct sock_sizes sizes_in(const struct server_settings *settings)
{
	return (struct sock_sizes){ (int)settings->sndbuf, (int)settings->recbuf };
}

int control_port_bind(const struct server_settings *settings, bool shared, struct err *err)
{
	struct sock_sizes sizes = sizes_in(settings);
	spore_addr addr = address_in(settings);
	int fd, cause;

	fd = sock_bind(&addr, shared, &sizes, err);
	if (fd >= 0 && (shared || sock_share_port(fd)) && sock_listen(fd, err))
		return fd;
	cause = errno;
	if (cause == EADDRINUSE)
		err_set(err,
		        "control port %d: address in use: another server or a public port uses it; "
		        "choose another port with --control-port",
		        addr.port);
	if (fd >= 0)
		close(fd);
	errno = cause;
	return -1;
}

/* ---- sockets of a service manager ---- */

static bool take_one(int fd, const struct server_settings *settings, struct err *err)
{
	char found[ADDR_TEXT_SIZE], expected[ADDR_TEXT_SIZE];
	struct sock_sizes sizes = sizes_in(settings);
	spore_addr addr, wanted = address_in(settings);

	if (!sock_adopt(fd, &sizes, &addr, err)) {
		err_prefix(err, "cannot use a socket of the service manager");
		return false;
	}
	if (addr_equal(&addr, &wanted))
		return true;
	err_set(err,
	        "the service manager has passed a socket at %s, but server.bind_addr and "
	        "server.control_port say %s: change ListenStream= of the socket unit, or the "
	        "configuration",
	        addr_format(&addr, found), addr_format(&wanted, expected));
	return false;
}

bool control_port_take(const struct given_sockets *given, const struct server_settings *settings,
                       unsigned n_workers, struct err *err)
{
	if (given->n > n_workers) {
		err_set(err,
		        "the service manager has passed %u sockets, but the server has %u workers: "
		        "pass fewer, or raise server.workers",
		        given->n, n_workers);
		return false;
	}
	for (unsigned i = 0; i < given->n; i++) {
		if (!take_one(given->fds[i], settings, err))
			return false;
	}
	return true;
}

int control_port_open(const struct given_sockets *given, const struct server_settings *settings,
                      unsigned worker, struct err *err)
{
	int fd, cause;

	if (given->n == 0)
		return control_port_bind(settings, worker > 0, err);
	fd = fcntl(given->fds[worker % given->n], F_DUPFD_CLOEXEC, 0);
	cause = errno;
	if (fd < 0)
		err_set_call(err, "fcntl", cause);
	errno = cause;
	return fd;
}

/* ---- the configuration ---- */

const struct json *control_port_fault(const struct config *config, int cause)
{
	const char *key = NULL;

	if (cause == EADDRINUSE || cause == EACCES)
		key = "control_port";
	else if (cause == EADDRNOTAVAIL || cause == EAFNOSUPPORT)
		key = "bind_addr";
	return key ? json_get(json_get(json_doc_root(config->doc), "server"), key) : NULL;
}

bool control_port_moves(const struct server_settings *from, const struct server_settings *to)
{
	return from->control_port != to->control_port ||
	       !addr_equal(&from->bind_addr, &to->bind_addr);
}
