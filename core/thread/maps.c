#include "thread/maps.h"

#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

enum { LINE = 320, CHUNK = 1024 };

/* Reads a file line by line. What exceeds LINE is left out. */
struct reader {
	int fd;
	char chunk[CHUNK];
	size_t at, len;
};

static bool next_byte(struct reader *reader, char *byte_out)
{
	ssize_t n;

	if (reader->at == reader->len) {
		n = read(reader->fd, reader->chunk, sizeof reader->chunk);
		reader->at = 0;
		reader->len = n > 0 ? (size_t)n : 0;
	}
	if (reader->at == reader->len)
		return false;
	*byte_out = reader->chunk[reader->at++];
	return true;
}

static bool next_line(struct reader *reader, char line[LINE])
{
	size_t len = 0;
	bool has_bytes = false;
	char byte;

	while (next_byte(reader, &byte) && byte != '\n') {
		has_bytes = true;
		if (len < LINE - 1)
			line[len++] = byte;
	}
	line[len] = '\0';
	return has_bytes;
}

static uintptr_t take_hex(const char **text)
{
	uintptr_t value = 0;

	for (;; ++*text) {
		char c = **text;

		if (c >= '0' && c <= '9')
			value = value << 4 | (uintptr_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			value = value << 4 | (uintptr_t)(c - 'a' + 10);
		else
			return value;
	}
}

static const char *skip_word(const char *text)
{
	text += strcspn(text, " ");
	return text + strspn(text, " ");
}

struct mapping {
	uintptr_t begin, end, offset;
	const char *path; /* "": no file */
};

/* Parses "BEGIN-END MODE OFFSET DEVICE INODE PATH". */
static struct mapping parse_line(const char *line)
{
	struct mapping mapping;

	mapping.begin = take_hex(&line);
	line += *line == '-';
	mapping.end = take_hex(&line);
	line = skip_word(line);
	line = skip_word(line);
	mapping.offset = take_hex(&line);
	line = skip_word(line);
	line = skip_word(line);
	mapping.path = skip_word(line);
	return mapping;
}

/* Copies the name without its folders, and without the mark of a file that was deleted. */
static void copy_name(const char *path, char out[MAPS_FILE])
{
	static const char deleted[] = " (deleted)";
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path,
		   *end = strstr(name, deleted);
	size_t len = end ? (size_t)(end - name) : strlen(name);

	if (len > MAPS_FILE - 1)
		len = MAPS_FILE - 1;
	memcpy(out, name, len);
	out[len] = '\0';
}

bool maps_find(uintptr_t address, struct maps_place *place_out)
{
	struct reader reader = { .fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC) };
	char line[LINE], path[LINE] = "";
	uintptr_t base = 0; /* where the file at `path` begins in memory */
	bool found = false;

	while (reader.fd >= 0 && !found && next_line(&reader, line)) {
		struct mapping mapping = parse_line(line);
		bool is_first_segment = mapping.offset == 0 || strcmp(path, mapping.path) != 0;

		if (is_first_segment) {
			base = mapping.begin - mapping.offset;
			strcpy(path, mapping.path);
		}
		found = address >= mapping.begin && address < mapping.end && *mapping.path;
		if (found) {
			copy_name(mapping.path, place_out->file);
			place_out->offset = address - base;
		}
	}
	if (reader.fd >= 0)
		close(reader.fd);
	return found;
}
