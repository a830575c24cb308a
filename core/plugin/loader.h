/* loader - a plugin's file becomes a checked, loaded plugin.
 *
 * open → owner and modes → sealed copy in memory → digest → note → dlopen of the copy → entry
 * point. What was checked is what is loaded; no instruction of an incompatible file runs; a file
 * that is replaced or written over later harms nothing and loads as a new one. Never unloaded.
 * [main] */
#ifndef CORE_LOADER_H
#define CORE_LOADER_H

#include <spore/plugin.h>

#include "base/crypto.h"
#include "plugin/note.h"
#include "plugin/sealed.h"

struct loaded {
	struct loaded *next;
	char *path;
	uint8_t digest[CRYPTO_SHA256_SIZE];
	int fd; /* the sealed copy, open for ever: a reused number would name it in dlopen's eyes */
	void *handle;
	struct note note;
	const spore_plugin *plugin;
};

struct loader {
	struct loaded *first; /* one per digest */
	const void *(*get_extension)(const char *id);
};

/* Loads it, or returns the one with the same bytes. `pin`: the SHA-256 it must have as 64 hex
 * digits, or NULL. NULL and *err: the file, what was expected, the remedy. */
const struct loaded *loader_load(struct loader *loader, const char *path, const char *pin,
                                 struct err *err);
/* Closes the copies; the code stays mapped. */
void loader_fini(struct loader *loader);

/* What is known of a file of which nothing has run. */
struct inspection {
	struct sealed_access access;
	bool is_read, has_note;
	uint8_t digest[CRYPTO_SHA256_SIZE]; /* if it is read */
	struct note note;                   /* if it has one */
};

/* Runs nothing of it, whoever may write it. False and *err: loader_load would refuse it, in these
 * words. True: what is left to be seen, only running it shows. */
bool loader_inspect(const char *path, const char *pin, struct inspection *inspection_out,
                    struct err *err);
/* "sha256:HEX", as a pin is written, with its NUL. */
#define LOADER_DIGEST_TEXT_SIZE 72
const char *loader_digest_text(const uint8_t digest[CRYPTO_SHA256_SIZE],
                               char out[LOADER_DIGEST_TEXT_SIZE]);

#endif
