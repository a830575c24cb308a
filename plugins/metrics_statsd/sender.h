/* sender - datagrams to one address; it never waits. */
#ifndef SENDER_H
#define SENDER_H

#include <spore/base.h>

struct sender {
	spore_addr address;
	int fd; /* -1: none yet */
};

void sender_init(struct sender *sender, const spore_addr *address);
/* 0, or the errno of what went wrong: with this datagram, or, where nobody listens, with the one
 * before. *taken_out says whether the kernel has this one. After a failure the next call tries
 * afresh. */
int sender_send(struct sender *sender, spore_str datagram, int *taken_out);
void sender_fini(struct sender *sender);

#endif
