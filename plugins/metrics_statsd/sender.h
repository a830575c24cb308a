/* sender - sends datagrams to one address without blocking. */
#ifndef SENDER_H
#define SENDER_H

#include <spore/base.h>

struct sender {
	spore_addr address;
	int fd; /* -1: not open */
};

void sender_init(struct sender *sender, const spore_addr *address);
/* Returns 0 or an errno. The error is about this datagram, or about the one before if no program
 * listens there. *taken_out tells whether the kernel accepted this one. The call after an error
 * tries again. */
int sender_send(struct sender *sender, spore_str datagram, int *taken_out);
void sender_fini(struct sender *sender);

#endif
