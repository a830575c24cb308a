/* server_program - the input of fuzz_server: a byte that chooses the plan of the house, then acts
 * of four bytes each:
 *
 *      act | flags      who      a      b
 *
 * All numbers are taken modulo what there is, so every program means something. Behind an act the
 * server runs until nothing is ready, unless LATER is set; with KEEP what is said is not sent yet.
 */
#ifndef SERVER_PROGRAM_H
#define SERVER_PROGRAM_H

enum act {
	CONNECT,   /* a: source; b: odd: without the transport's greeting */
	VISIT,     /* a: source; b: which of the known ports */
	SAY,       /* a: phrase (server_crowd.h); b: which */
	SAY_BYTES, /* a: how many fours of the bytes that follow */
	SAY_MUCH,  /* a: units of 64 bytes */
	SEND,      /* a: bytes of what was kept; 0: all */
	HALF_CLOSE,
	LEAVE,
	RESET,
	DEAFEN,     /* a: odd: it reads again */
	PASS,       /* a: which of the times that matter; b: ms more */
	STARVE,     /* for this run there is no descriptor */
	FAINT,      /* in the next run the allocation fails whose number is a */
	REVALIDATE, /* a: verdict and grant; b: whose */
	DRAIN,      /* a: odd: the control port closes, too */
	END,        /* of the server, whoever is there */
	ACTS
};
enum { LATER = 0x80, KEEP = 0x40, ACT_MASK = 0x3F, ACT_SIZE = 4 };

#endif
