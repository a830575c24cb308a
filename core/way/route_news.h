/* route_news - the kernel's messages about this machine's network (rtnetlink): whether they may
 * concern the way to a server. [any] */
#ifndef CORE_ROUTE_NEWS_H
#define CORE_ROUTE_NEWS_H

#include <stdbool.h>
#include <stddef.h>

enum route_news {
	ROUTE_NEWS_NONE,  /* nothing that may concern the way to a server */
	ROUTE_NEWS_SOME,  /* something does, or messages were lost */
	ROUTE_NEWS_ENDED, /* the socket has failed */
};

/* A non-blocking netlink socket that receives changes of addresses, routes and interfaces. -1 and
 * errno: the system does not allow it. */
int route_news_open(void);
/* Reads what has come, a bounded part of it at a time. */
enum route_news route_news_read(int fd);
/* May these messages, as one datagram, concern the way to a server? Those about link-local
 * addresses, multicast and the kernel's table of its own addresses do not. Bytes that are no
 * messages do not, either. Pure. */
bool route_news_matter(const void *bytes, size_t len);

#endif
