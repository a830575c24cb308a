#include "files/files.h"

#include <string.h>
#include <sys/stat.h>

#include "json/json.h"

/* FNV-1a */
static const uint64_t hash_start = 14695981039346656037u, hash_prime = 1099511628211u;

static uint64_t hash(uint64_t h, uint64_t value)
{
	for (unsigned i = 0; i < 64; i += 8)
		h = (h ^ (value >> i & 0xff)) * hash_prime;
	return h;
}

static uint64_t hash_time(uint64_t h, const struct timespec *t)
{
	return hash(hash(h, (uint64_t)t->tv_sec), (uint64_t)t->tv_nsec);
}

/* Hashes what tells one state of a file from another. 0 if stat fails. */
static uint64_t take_stamp(const char *path, bool *is_file_out)
{
	uint64_t h = hash_start;
	struct stat st;

	*is_file_out = true;
	if (stat(path, &st) < 0)
		return 0;
	*is_file_out = S_ISREG(st.st_mode) || S_ISDIR(st.st_mode);
	h = hash(h, st.st_dev);
	h = hash(h, st.st_ino);
	h = hash(h, (uint64_t)st.st_size);
	h = hash_time(h, &st.st_mtim);
	return hash_time(h, &st.st_ctim);
}

static bool make_room(struct files *files, struct json_doc *doc)
{
	size_t room = files->room ? files->room * 2 : 16;
	struct noted_file *more;

	if (files->n < files->room)
		return true;
	more = json_doc_alloc(doc, room * sizeof *more);
	if (!more)
		return false;
	if (files->n)
		memcpy(more, files->items, files->n * sizeof *more);
	files->items = more;
	files->room = room;
	return true;
}

void files_note(struct files *files, struct json_doc *doc, const char *path)
{
	bool is_file;
	uint64_t stamp = files ? take_stamp(path, &is_file) : 0;
	char *copy;

	if (!files || !is_file || !make_room(files, doc))
		return;
	copy = json_doc_alloc(doc, strlen(path) + 1);
	if (copy)
		files->items[files->n++] = (struct noted_file){ strcpy(copy, path), stamp };
}

bool files_differ(const struct files *files, uint64_t *now_out)
{
	uint64_t now = hash_start;
	bool differ = false, is_file;

	for (size_t i = 0; i < files->n; i++) {
		uint64_t stamp = take_stamp(files->items[i].path, &is_file);

		differ = differ || stamp != files->items[i].stamp;
		now = hash(now, stamp);
	}
	*now_out = now;
	return differ;
}
