/* exports - the names that a shared object exports, and which of them this process already defines.
 *
 * The dynamic linker looks for a name in the program and in the libraries that the program links
 * before it looks in the plugin. A plugin that exports `log` and refers to it therefore calls the
 * math library's. Reads the file's bytes, without running any code of the file. [any] */
#ifndef CORE_EXPORTS_H
#define CORE_EXPORTS_H

#include <stddef.h>
#include <stdint.h>

enum { EXPORTS_SHOWN = 12, EXPORTS_NAME_SIZE = 64 };

/* The first names, escaped and cut to fit. `n` counts all of them. */
struct export_list {
	size_t n;
	char names[EXPORTS_SHOWN][EXPORTS_NAME_SIZE];
};

struct exports {
	struct export_list all;   /* without the entry point, spore_plugin_v1 */
	struct export_list taken; /* those that this process defines */
};

/* A damaged file exports nothing. A file that is linked with -Bsymbolic finds its own names first,
 * so none of them is taken. */
void exports_read(const uint8_t *bytes, size_t size, struct exports *exports_out);

enum { EXPORTS_TEXT_SIZE = EXPORTS_SHOWN * (EXPORTS_NAME_SIZE + 2) + 32 };
/* "log, cJSON_Parse and 20 more". */
const char *exports_text(const struct export_list *list, char out[EXPORTS_TEXT_SIZE]);

#endif
