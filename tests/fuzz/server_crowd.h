/* server_crowd - those who come to a server_house: clients at its control port, visitors at its
 * public ports. What the server says to them is read, and must be what bore's protocol allows. */
#ifndef SERVER_CROWD_H
#define SERVER_CROWD_H

#include <stdbool.h>

#include "server_house.h"
#include "wire/message.h"

enum { CROWD_SIZE = 12, CROWD_SOURCES = 3, CROWD_MAX_OUT = 16384, CROWD_MAX_BOOK = 8 };

/* What the crowd may say; the number behind it is `which`. */
enum phrase {
	SAY_HELLO,
	SAY_HELLO_TO, /* a port: taken, reserved, outside the range, ... */
	SAY_HELLO_EX,
	SAY_RIGHT,     /* which of the right answers */
	SAY_RIGHT_BIG, /* in upper case */
	SAY_ALMOST,    /* a right answer with a digit changed */
	SAY_REPLAYED,  /* another peer's right answer: which peer */
	SAY_WRONG,
	SAY_ACCEPT,  /* an id that the server has announced: which of the last ones */
	SAY_UNKNOWN, /* an id that it has not */
	SAY_EXTEND,
	SAY_HEARTBEAT,
	SAY_BACK, /* the server's own messages */
	SAY_JUNK, /* no JSON, no frame, no end */
	SAY_ABOUT,
	PHRASES
};

struct peer {
	int fd;       /* owned; -1: nobody */
	bool visitor; /* at a public port */
	bool deaf;    /* it does not read */
	uint8_t out[CROWD_MAX_OUT], in[FRAME_MAX + 1];
	size_t out_len, in_len; /* said and not sent; received and not understood */
	uint8_t challenge[16];
	/* What it did, and so what may come back. */
	unsigned rights; /* bits: the right answers that it gave */
	unsigned asked;  /* bits: the rights of those whose visitors it asked for */
	bool wild;       /* said what no client says */
	bool wants;      /* asked for a visitor: bytes may come */
	bool extends;
	/* What came. */
	bool greeted, hello, refused;
};

/* What all have heard. */
struct book {
	struct uuid ids[CROWD_MAX_BOOK]; /* announced, newest at n_ids - 1 (modulo) ... */
	unsigned owners[CROWD_MAX_BOOK]; /* ... and the rights of whom they were announced to */
	uint16_t ports[CROWD_MAX_BOOK];  /* open, or once open, likewise */
	unsigned n_ids, n_ports;
};

struct crowd {
	struct house *house;
	struct peer peers[CROWD_SIZE];
	struct book book;
};

void crowd_init(struct crowd *crowd, struct house *house);
/* A peer comes, unless it is there already; `polite`: with the transport's greeting. */
void crowd_connect(struct crowd *crowd, unsigned who, unsigned source, bool polite);
void crowd_visit(struct crowd *crowd, unsigned who, unsigned source, unsigned which_port);
/* Puts it behind what is said and not sent. */
void crowd_say(struct crowd *crowd, unsigned who, enum phrase phrase, unsigned which);
void crowd_say_bytes(struct crowd *crowd, unsigned who, const void *bytes, size_t len);
/* Sends the first n bytes of it, or what the connection takes. */
void crowd_send(struct crowd *crowd, unsigned who, size_t n);
void crowd_half_close(struct crowd *crowd, unsigned who);
void crowd_leave(struct crowd *crowd, unsigned who, bool reset);
/* All that are not deaf read, and check what they read. */
void crowd_listen(struct crowd *crowd);

#endif
