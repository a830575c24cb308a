/* loader - checks a plugin's file and loads it.
 *
 * open → owner and modes → sealed copy in memory → digest → note → memory protection → dlopen of
 * the copy → entry point. The bytes that were checked are the bytes that are loaded. No code of an
 * incompatible file runs. A file may be replaced or overwritten later; it then loads as a new
 * plugin. Plugins are never unloaded. A plugin whose names this process already defines is loaded
 * with a warning. [control] */
#ifndef CORE_LOADER_H
#define CORE_LOADER_H

#include <spore/plugin.h>

#include "base/crypto.h"
#include "plugin/exports.h"
#include "plugin/note.h"
#include "plugin/sealed.h"

struct loaded {
	struct loaded *next;
	char *path;
	uint8_t digest[CRYPTO_SHA256_SIZE];
	void *handle;
	struct note note;
	const spore_plugin *plugin;
};

struct loader {
	struct loaded *first; /* one per digest */
	const void *(*get_extension)(const char *id);
};

/* Loads the file, or returns the plugin that was loaded from the same bytes. `pin`: the SHA-256
 * that the file must have, as 64 hex digits; or NULL. Returns NULL and sets *err, which names the
 * file, what was expected and the remedy. */
const struct loaded *loader_load(struct loader *loader, const char *path, const char *pin,
                                 struct err *err);
/* The code stays mapped. */
void loader_fini(struct loader *loader);

/* What is known about a file without running it. */
struct inspection {
	struct access_verdict access;
	bool is_read, has_note;
	uint8_t digest[CRYPTO_SHA256_SIZE]; /* if is_read */
	struct note note;                   /* if has_note */
	struct exports exports;             /* if is_read */
};

/* Checks a file without running it. False and *err: loader_load would refuse the file with this
 * text. True: only running it can show more. */
bool loader_inspect(const char *path, const char *pin, struct inspection *inspection_out,
                    struct err *err);
/* Size of "sha256:HEX", the form of a pin, with its NUL. */
#define LOADER_DIGEST_TEXT_SIZE 72
const char *loader_digest_text(const uint8_t digest[CRYPTO_SHA256_SIZE],
                               char out[LOADER_DIGEST_TEXT_SIZE]);

#endif
