/* plugin_file - the bytes of a plugin that was built, to be changed, and folders to put them in. */
#ifndef UNIT_PLUGIN_FILE_H
#define UNIT_PLUGIN_FILE_H

#include <check.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct plugin_file {
	uint8_t *bytes;
	size_t size;
};

static inline struct plugin_file plugin_file_read(const char *path)
{
	struct plugin_file file = { NULL, 0 };
	FILE *in = fopen(path, "rb");
	struct stat st;

	ck_assert_msg(in != NULL, "%s", path);
	ck_assert_int_eq(fstat(fileno(in), &st), 0);
	file.size = (size_t)st.st_size;
	file.bytes = malloc(file.size);
	ck_assert_ptr_nonnull(file.bytes);
	ck_assert_uint_eq(fread(file.bytes, 1, file.size, in), file.size);
	fclose(in);
	return file;
}

static inline void plugin_file_write(const struct plugin_file *file, const char *path)
{
	FILE *out = fopen(path, "wb");

	ck_assert_msg(out != NULL, "%s", path);
	ck_assert_uint_eq(fwrite(file->bytes, 1, file->size, out), file->size);
	ck_assert_int_eq(fchmod(fileno(out), 0644), 0);
	fclose(out);
}

/* The numbers and names behind the note's own name. */
static inline uint8_t *plugin_file_note(const struct plugin_file *file)
{
	static const uint8_t head[] = { 6, 0, 0, 0,   56,  0,   0,   0,   1,
		                        0, 0, 0, 'S', 'p', 'o', 'r', 'e', 0 };
	uint8_t *at = memmem(file->bytes, file->size, head, sizeof head);

	ck_assert_ptr_nonnull(at);
	return at + 20;
}

/* A folder of our own that nobody else may write. */
static inline char *plugin_file_folder(char template[64])
{
	strcpy(template, "/tmp/spore-unit-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(template));
	return template;
}

#endif
