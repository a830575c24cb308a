#include "keep/kept_ports.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/crypto.h"
#include "net/addr.h"

enum { DIGITS = 32, DIGEST_SIZE = DIGITS / 2 };

struct kept_port {
	struct kept_port *next;
	char name[KEPT_PORT_NAME_SIZE];
	struct sockets sockets;
	unsigned n; /* sockets that were passed; `sockets` has no more than it can hold */
	uint16_t port;
};

/* ---- names ---- */

bool kept_port_name(const struct uuid *ticket, const char *identity, uint16_t port,
                    char name_out[KEPT_PORT_NAME_SIZE])
{
	static const char digits[] = "0123456789abcdef";
	uint8_t text[sizeof ticket->bytes + 2 + CRYPTO_SHA256_SIZE], digest[CRYPTO_SHA256_SIZE];
	char *out = name_out + strlen(KEPT_PORT_PREFIX);

	memcpy(text, ticket->bytes, sizeof ticket->bytes);
	text[sizeof ticket->bytes] = (uint8_t)(port >> 8);
	text[sizeof ticket->bytes + 1] = (uint8_t)port;
	if (!crypto_sha256(identity, strlen(identity), text + sizeof ticket->bytes + 2) ||
	    !crypto_sha256(text, sizeof text, digest))
		return false;
	strcpy(name_out, KEPT_PORT_PREFIX);
	for (size_t i = 0; i < DIGEST_SIZE; i++) {
		*out++ = digits[digest[i] >> 4];
		*out++ = digits[digest[i] & 15];
	}
	*out = '\0';
	return true;
}

static bool is_name(const char *name)
{
	size_t len = strlen(KEPT_PORT_PREFIX);

	return strncmp(name, KEPT_PORT_PREFIX, len) == 0 && strlen(name) == len + DIGITS &&
	       strspn(name + len, "0123456789abcdef") == DIGITS;
}

/* ---- sockets ---- */

void kept_ports_init(struct kept_ports *ports)
{
	pthread_mutex_init(&ports->lock, NULL);
	ports->first = NULL;
}

void kept_ports_fini(struct kept_ports *ports)
{
	kept_ports_close(ports);
	pthread_mutex_destroy(&ports->lock);
}

static struct kept_port *find_by_name(struct kept_ports *ports, const char *name)
{
	struct kept_port *kept = ports->first;

	while (kept && strcmp(kept->name, name) != 0)
		kept = kept->next;
	return kept;
}

/* Adds the socket to those of its name. Takes it. */
static void add_socket(struct kept_ports *ports, const struct kept_socket *socket)
{
	struct kept_port *kept = find_by_name(ports, socket->name);

	if (!kept) {
		kept = calloc(1, sizeof *kept);
		if (!kept) {
			close(socket->fd);
			return;
		}
		strcpy(kept->name, socket->name);
		kept->next = ports->first;
		ports->first = kept;
	}
	kept->n++;
	if (kept->sockets.n < SOCK_ADDRESSES_MAX)
		kept->sockets.fds[kept->sockets.n++] = socket->fd;
	else
		close(socket->fd);
}

/* Puts the sockets into the order of the addresses. False: they do not listen at these addresses
 * and one port. */
static bool sort_sockets(struct sockets *sockets, const spore_list *at, uint16_t *port_out)
{
	int sorted[SOCK_ADDRESSES_MAX];
	struct sock_sizes sizes = { 0 };
	struct err unused;
	spore_addr addr;
	uint16_t port = 0;

	memset(sorted, 0xff, sizeof sorted); /* -1 */
	for (unsigned i = 0; i < sockets->n; i++) {
		size_t nth;

		if (!sock_adopt(sockets->fds[i], at, &sizes, &addr, &unused))
			return false;
		nth = addr_find_ip(at, &addr);
		if (nth == at->count || sorted[nth] >= 0 || (i > 0 && addr.port != port))
			return false;
		sorted[nth] = sockets->fds[i];
		port = addr.port;
	}
	memcpy(sockets->fds, sorted, sizeof sorted);
	*port_out = port;
	return true;
}

static bool fits(struct kept_port *kept, const struct kept_rule *rule)
{
	return is_name(kept->name) && kept->n == rule->at->count &&
	       sort_sockets(&kept->sockets, rule->at, &kept->port) &&
	       rule->has_port(rule->arg, kept->port);
}

static void end_kept(struct kept_port *kept)
{
	sock_close_all(&kept->sockets);
	free(kept);
}

unsigned kept_ports_fill(struct kept_ports *ports, const struct kept_socket *sockets, unsigned n,
                         const struct kept_rule *rule, unsigned *n_closed_out)
{
	struct kept_port **link = &ports->first, *kept;
	unsigned n_kept = 0;

	*n_closed_out = 0;
	pthread_mutex_lock(&ports->lock);
	for (unsigned i = 0; i < n; i++)
		add_socket(ports, &sockets[i]);
	while ((kept = *link)) {
		if (fits(kept, rule)) {
			link = &kept->next;
			n_kept++;
		} else {
			*link = kept->next;
			end_kept(kept);
			++*n_closed_out;
		}
	}
	pthread_mutex_unlock(&ports->lock);
	return n_kept;
}

struct sockets kept_ports_take(struct kept_ports *ports, const struct uuid *ticket,
                               const char *identity, uint16_t port)
{
	char name[KEPT_PORT_NAME_SIZE];
	struct kept_port **at = &ports->first, *kept;
	struct sockets sockets = { 0 };

	if (!kept_port_name(ticket, identity, port, name))
		return sockets;
	pthread_mutex_lock(&ports->lock);
	while (*at && !crypto_equal((*at)->name, name, sizeof name))
		at = &(*at)->next;
	kept = *at;
	if (kept) {
		*at = kept->next;
		sockets = kept->sockets;
	}
	pthread_mutex_unlock(&ports->lock);
	free(kept);
	return sockets;
}

bool kept_ports_has(struct kept_ports *ports, uint16_t port)
{
	const struct kept_port *kept;

	pthread_mutex_lock(&ports->lock);
	kept = ports->first;
	while (kept && kept->port != port)
		kept = kept->next;
	pthread_mutex_unlock(&ports->lock);
	return kept != NULL;
}

unsigned kept_ports_close(struct kept_ports *ports)
{
	struct kept_port *next, *kept;
	unsigned n = 0;

	pthread_mutex_lock(&ports->lock);
	kept = ports->first;
	ports->first = NULL;
	pthread_mutex_unlock(&ports->lock);
	for (; kept; kept = next, n++) {
		next = kept->next;
		end_kept(kept);
	}
	return n;
}
