/* intake - cuts what Redis sends into replies, with hiredis' reader. It refuses a reply that
 * announces too many elements or has too many bytes. hiredis 0.14 would take memory for any size
 * that is announced. */
#ifndef INTAKE_H
#define INTAKE_H

#include <hiredis/hiredis.h>
#include <spore/base.h>
#include <stdbool.h>

/* The most that one reply may have: bytes, and elements in a list. */
enum { INTAKE_BYTES_MAX = 512 * 1024, INTAKE_ELEMENTS_MAX = 65536 };

#if HIREDIS_MAJOR >= 1
typedef size_t intake_count;
#else
typedef int intake_count;
#endif

/* A zeroed struct is empty. It must not be moved. */
struct intake {
	redisReader *reader; /* owned */
	size_t n_unread;     /* bytes of a reply that is not complete */
	redisReplyObjectFunctions functions;
	void *(*create_array)(const redisReadTask *task, intake_count n); /* hiredis' own */
};

/* False: out of memory. */
bool intake_init(struct intake *intake);
/* Accepts an empty one. */
void intake_fini(struct intake *intake);
/* Takes bytes. False: out of memory. */
bool intake_feed(struct intake *intake, const char *bytes, size_t len);
/* *reply_out is the next reply, which the caller gives to intake_free(). NULL: the reply is not
 * complete yet. False: what arrives does not follow the protocol, or is too long. */
bool intake_next(struct intake *intake, redisReply **reply_out);
/* Wipes and frees. */
void intake_free(redisReply *reply);

#endif
