/* reading - which file of the configuration is being read, and since when, so that the log can name
 * a file that holds up a start or a reload, such as one on a file system that does not answer. One
 * thread at a time reads the configuration. */
#ifndef CORE_READING_H
#define CORE_READING_H

#include <stdbool.h>
#include <stdint.h>

struct reading {
	char path[512];   /* cut to fit */
	char option[160]; /* the JSON pointer or the flag that names the file; cut to fit */
	int64_t since_ns; /* of clock_coarse_ns */
};

/* The calling thread begins to read this file, which `option` names, or has ended. Both texts are
 * copied. [any] */
void reading_begin(const char *path, const char *option);
void reading_end(void);
/* True: a file is being read. [any] */
bool reading_look(struct reading *out);
/* Like reading_look, but reports a reading only once it has lasted for GUEST_HANG_NS, and again
 * each time when the duration has doubled. [any] */
bool reading_hangs(struct reading *out);

#endif
