#include "server/control_port.h"

#include <errno.h>
#include <fcntl.h>

#include "config/config.h"
#include "net/addr.h"
#include "json/json.h"

static uint16_t port_in(const struct server_settings *settings)
{
	return (uint16_t)settings->control_port;
}

static struct sock_sizes sizes_in(const struct server_settings *settings)
{
	return (struct sock_sizes){ (int)settings->sndbuf, (int)settings->recbuf };
}

bool control_port_bind(const struct server_settings *settings, bool shared, struct sockets *out,
                       size_t *at_fault_out, struct err *err)
{
	struct sock_sizes sizes = sizes_in(settings);
	uint16_t port = port_in(settings);
	int cause;

	if (sock_listen_all(&settings->bind_addr, port, shared, !shared, &sizes, out, at_fault_out,
	                    err))
		return true;
	cause = errno;
	if (cause == EADDRINUSE)
		err_set(err,
		        "control port %d: address in use: another server or a public port uses it; "
		        "choose another port with --control-port",
		        port);
	errno = cause;
	return false;
}

/* ---- sockets that were passed ---- */

static const char *giver_of(const struct given_sockets *given)
{
	return given->from_server ? "the running server" : "the service manager";
}

static bool is_expected(const struct server_settings *settings, const spore_addr *addr)
{
	return addr->port == port_in(settings) &&
	       addr_find_ip(&settings->bind_addr, addr) < settings->bind_addr.count;
}

static bool take_one(const struct given_sockets *given, int fd,
                     const struct server_settings *settings, struct err *err)
{
	char found[ADDR_TEXT_SIZE], expected[ADDR_LIST_TEXT_SIZE];
	struct sock_sizes sizes = sizes_in(settings);
	spore_addr addr;

	if (!sock_adopt(fd, &settings->bind_addr, &sizes, &addr, err)) {
		err_prefix(err, "cannot use a socket of %s", giver_of(given));
		return false;
	}
	if (is_expected(settings, &addr))
		return true;
	err_set(err,
	        "%s has passed a socket at %s, but server.bind_addr and "
	        "server.control_port say %s: %s",
	        giver_of(given), addr_format(&addr, found),
	        addr_format_list(&settings->bind_addr, port_in(settings), expected),
	        given->from_server ? "let the running server reload the configuration first"
	                           : "change ListenStream= of the socket unit, or the "
	                             "configuration");
	return false;
}

/* Where the control port is at the nth address. */
static spore_addr address_at(const struct server_settings *settings, size_t nth)
{
	const spore_addr *addresses = settings->bind_addr.items;
	spore_addr addr = addresses[nth];

	addr.port = port_in(settings);
	return addr;
}

/* The number of sockets that were given at this address. *fd_out, unless NULL: the first of them
 * after n_before others. */
static unsigned find_given(const struct given_sockets *given, const spore_addr *addr,
                           unsigned n_before, int *fd_out)
{
	unsigned n = 0;

	for (unsigned i = 0; i < given->n; i++) {
		spore_addr at;

		sock_local_addr(given->fds[i], &at);
		if (!addr_equal(&at, addr))
			continue;
		if (fd_out && n == n_before)
			*fd_out = given->fds[i];
		n++;
	}
	return n;
}

/* Each address has a socket, and no more than the workers can use. */
static bool check_number(const struct given_sockets *given, const spore_addr *addr,
                         unsigned n_workers, struct err *err)
{
	unsigned n = find_given(given, addr, 0, NULL);
	char text[ADDR_TEXT_SIZE];

	if (n == 0) {
		err_set(err, "%s has passed no socket at %s: %s", giver_of(given),
		        addr_format(addr, text),
		        given->from_server
		                ? "let the running server reload the configuration first"
		                : "add it to the socket unit (ListenStream=), or remove it from "
		                  "server.bind_addr");
	} else if (n > n_workers) {
		err_set(err,
		        "%s has passed %u sockets at %s, but the server has %u workers: %sraise "
		        "server.workers",
		        giver_of(given), n, addr_format(addr, text), n_workers,
		        given->from_server ? "" : "pass fewer, or ");
	}
	return n > 0 && n <= n_workers;
}

bool control_port_take(const struct given_sockets *given, const struct server_settings *settings,
                       unsigned n_workers, struct err *err)
{
	for (unsigned i = 0; i < given->n; i++) {
		if (!take_one(given, given->fds[i], settings, err))
			return false;
	}
	for (size_t i = 0; given->n > 0 && i < settings->bind_addr.count; i++) {
		spore_addr addr = address_at(settings, i);

		if (!check_number(given, &addr, n_workers, err))
			return false;
	}
	return true;
}

/* A copy of a socket that was given at this address. -1, errno and *err. */
static int copy_given(const struct given_sockets *given, const spore_addr *addr, unsigned worker,
                      struct err *err)
{
	unsigned n = find_given(given, addr, 0, NULL);
	int fd = -1, copy, cause;

	if (n > 0)
		find_given(given, addr, worker % n, &fd);
	copy = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	cause = errno;
	if (copy < 0)
		err_set_call(err, "fcntl", cause);
	errno = cause;
	return copy;
}

bool control_port_open(const struct given_sockets *given, const struct server_settings *settings,
                       unsigned worker, struct sockets *out, size_t *at_fault_out, struct err *err)
{
	int cause;

	if (given->n == 0)
		return control_port_bind(settings, worker > 0, out, at_fault_out, err);
	*out = (struct sockets){ 0 };
	for (size_t i = 0; i < settings->bind_addr.count; i++) {
		spore_addr addr = address_at(settings, i);
		int fd = copy_given(given, &addr, worker, err);

		*at_fault_out = i;
		if (fd < 0) {
			cause = errno;
			sock_close_all(out);
			errno = cause;
			return false;
		}
		out->fds[out->n++] = fd;
	}
	return true;
}

/* ---- the configuration ---- */

const struct json *control_port_fault(const struct config *config, size_t address, int cause)
{
	const struct json *section = json_get(json_doc_root(config->doc), "server"), *node;

	if (cause == EADDRINUSE || cause == EACCES)
		return json_get(section, "control_port");
	if (cause != EADDRNOTAVAIL && cause != EAFNOSUPPORT)
		return NULL;
	node = json_get(section, "bind_addr");
	if (node && node->type == JSON_ARRAY)
		for (node = node->first; node && address > 0; address--)
			node = node->next;
	return node;
}

bool control_port_moves(const struct server_settings *from, const struct server_settings *to)
{
	const spore_addr *a = from->bind_addr.items, *b = to->bind_addr.items;
	size_t n = to->bind_addr.count;

	if (from->control_port != to->control_port || from->bind_addr.count != n)
		return true;
	while (n > 0 && addr_equal(&a[n - 1], &b[n - 1]))
		n--;
	return n > 0;
}
