/* TCP sockets on the loopback interface, the only place where these programs send anything. */
#ifndef BENCH_LOOPBACK_H
#define BENCH_LOOPBACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* 127.0.0.1 to 127.0.0.250. */
#define LOOPBACK_MAX_SOURCES 250u

/* Listens without blocking on 127.0.0.1; port 0 takes a free one. Returns the socket, or -1 with
 * errno set. */
int loopback_listen(uint16_t port, int backlog);

/* The port a socket is bound to, 0 if it cannot be told. */
uint16_t loopback_port(int fd);

/*
 * Connects to 127.0.0.1:port. The source address is 127.0.0.(1 + source), because connections
 * from one address would run out of ephemeral ports and wait for closed ones, which looks like
 * latency of the tunnel.
 *
 * loopback_open waits for the connection; reads and writes on it wait at most 10 s, and small
 * writes leave at once. loopback_begin returns at once with a non-blocking socket that may still
 * be connecting, and spends no call on options that a connection of one message has no use for.
 *
 * Both return the socket, or -1 with errno set.
 */
int loopback_open(uint16_t port, unsigned source);
int loopback_begin(uint16_t port, unsigned source);

/* Allows as many sockets as the hard limit of descriptors does: thousands of connections do not
 * fit into the usual soft limit. */
void loopback_raise_limit(void);

/* Sends or receives exactly size bytes on a socket of loopback_open. */
bool loopback_send(int fd, const void *bytes, size_t size);
bool loopback_receive(int fd, void *bytes_out, size_t size);

#endif
