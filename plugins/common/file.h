/* file - reads a file of the configuration into memory. This code is compiled into each plugin that
 * uses it. [main] */
#ifndef COMMON_FILE_H
#define COMMON_FILE_H

#include <spore/plugin.h>
#include <stdbool.h>

/* The contents are followed by a NUL that does not count. The caller frees them. False: the failure
 * has been reported. Warns as file_warn_of_writers does. */
bool file_read(const spore_create_args *args, const char *pointer, const char *path, size_t max,
               spore_str *out);
/* Warns if others than the owner may write this open file, which decides who gets in. */
void file_warn_of_writers(const spore_create_args *args, const char *path, int fd);
/* Wipes and frees. */
void file_free(spore_str *text);

#endif
