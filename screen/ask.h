/* ask - one question at a time to the admin socket of a server or client, without blocking. */
#ifndef SCREEN_ASK_H
#define SCREEN_ASK_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ask {
	const char *path; /* borrowed; "@NAME" is a name without a file */
	int fd;           /* -1: no question is open */
	char *text;
	size_t len, room;
	int64_t since_ms;
};

enum ask_state { ASK_WAITS, ASK_ANSWERED, ASK_FAILED };

void ask_init(struct ask *ask, const char *path);
/* False, and errno: nobody is there. */
bool ask_start(struct ask *ask, const char *question, int64_t now_ms);
/* Its descriptor is readable, or time has passed. With ASK_ANSWERED, *answer_out is the caller's;
 * otherwise it may be NULL. */
enum ask_state ask_go_on(struct ask *ask, int64_t now_ms, cJSON **answer_out);
void ask_stop(struct ask *ask);

#endif
