#include "keep/kept_ports.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/crypto.h"
#include "net/addr.h"
#include "net/sock.h"

enum { DIGITS = 32, DIGEST_SIZE = DIGITS / 2 };

struct kept_port {
	struct kept_port *next;
	struct kept_socket socket;
};

/* ---- names ---- */

bool kept_port_name(const struct uuid *ticket, const char *identity, uint16_t port,
                    char name_out[KEPT_PORT_NAME_SIZE])
{
	static const char digits[] = "0123456789abcdef";
	uint8_t text[sizeof ticket->bytes + 2 + CRYPTO_SHA256_SIZE], mac[CRYPTO_SHA256_SIZE];
	char *out = name_out + strlen(KEPT_PORT_PREFIX);

	memcpy(text, ticket->bytes, sizeof ticket->bytes);
	text[sizeof ticket->bytes] = (uint8_t)(port >> 8);
	text[sizeof ticket->bytes + 1] = (uint8_t)port;
	if (!crypto_sha256(identity, strlen(identity), text + sizeof ticket->bytes + 2) ||
	    !crypto_sha256(text, sizeof text, mac))
		return false;
	strcpy(name_out, KEPT_PORT_PREFIX);
	for (size_t i = 0; i < DIGEST_SIZE; i++) {
		*out++ = digits[mac[i] >> 4];
		*out++ = digits[mac[i] & 15];
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

static bool listens_at(int fd, const spore_addr *at)
{
	struct sock_sizes sizes = { 0 };
	spore_addr addr, wanted = *at;
	struct err unused;

	if (!sock_adopt(fd, &sizes, &addr, &unused))
		return false;
	wanted.port = addr.port;
	return addr_equal(&addr, &wanted);
}

bool kept_ports_add(struct kept_ports *ports, const struct kept_socket *socket,
                    const spore_addr *at)
{
	struct kept_port *kept = NULL;

	if (is_name(socket->name) && listens_at(socket->fd, at))
		kept = calloc(1, sizeof *kept);
	if (!kept) {
		close(socket->fd);
		return false;
	}
	kept->socket = *socket;
	pthread_mutex_lock(&ports->lock);
	kept->next = ports->first;
	ports->first = kept;
	pthread_mutex_unlock(&ports->lock);
	return true;
}

int kept_ports_take(struct kept_ports *ports, const struct uuid *ticket, const char *identity,
                    uint16_t port)
{
	char name[KEPT_PORT_NAME_SIZE];
	struct kept_port **at = &ports->first, *kept;
	int fd = -1;

	if (!kept_port_name(ticket, identity, port, name))
		return -1;
	pthread_mutex_lock(&ports->lock);
	while (*at && !crypto_equal((*at)->socket.name, name, sizeof name))
		at = &(*at)->next;
	kept = *at;
	if (kept) {
		*at = kept->next;
		fd = kept->socket.fd;
	}
	pthread_mutex_unlock(&ports->lock);
	free(kept);
	return fd;
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
		close(kept->socket.fd);
		free(kept);
	}
	return n;
}
