#include "files/files.h"

#include <stdio.h>
#include <stdlib.h>
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

/* Hashes what changes when a file does. 0 if stat fails. *is_file_out is false for what files_note
 * does not note, such as a pipe. */
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

void files_add(struct files *files, struct json_doc *doc, const struct noted_file *file)
{
	char *copy;

	if (!make_room(files, doc))
		return;
	copy = json_doc_text(doc, file->path, strlen(file->path));
	if (copy)
		files->items[files->n++] = (struct noted_file){ copy, file->stamp,
			                                        file->of_instance };
}

void files_update(struct files *files, const struct files *newer)
{
	for (size_t i = 0; i < files->n; i++) {
		for (size_t k = 0; k < newer->n; k++) {
			if (strcmp(files->items[i].path, newer->items[k].path) == 0)
				files->items[i].stamp = newer->items[k].stamp;
		}
	}
}

void files_note(struct files *files, struct json_doc *doc, const char *path)
{
	bool is_file;
	uint64_t stamp = files ? take_stamp(path, &is_file) : 0;

	if (files && is_file)
		files_add(files, doc, &(struct noted_file){ path, stamp, false });
}

uint64_t files_noted(const struct files *files)
{
	uint64_t noted = hash_start;

	for (size_t i = 0; i < files->n; i++)
		noted = hash(noted, files->items[i].stamp);
	return noted;
}

bool files_differ(const struct files *files, uint64_t *now_out)
{
	uint64_t now = hash_start;
	bool changed = false, is_file;

	for (size_t i = 0; i < files->n; i++) {
		uint64_t stamp = take_stamp(files->items[i].path, &is_file);

		changed = changed || stamp != files->items[i].stamp;
		now = hash(now, stamp);
	}
	*now_out = now;
	return changed;
}

/* True if an earlier item has the same path as this one. */
static bool is_repeated(const struct files *files, size_t at)
{
	size_t i = 0;

	while (strcmp(files->items[i].path, files->items[at].path) != 0)
		i++;
	return i < at;
}

char *files_name_changed(const struct files *files)
{
	char *names = NULL;
	size_t size;
	FILE *out = open_memstream(&names, &size);
	const char *between = "";
	bool is_file;

	if (!out)
		return NULL;
	for (size_t i = 0; i < files->n; i++) {
		const struct noted_file *file = &files->items[i];

		if (is_repeated(files, i) || take_stamp(file->path, &is_file) == file->stamp)
			continue;
		fprintf(out, "%s%s", between, file->path);
		between = ", ";
	}
	if (fclose(out) == 0)
		return names;
	free(names);
	return NULL;
}

static int compare_paths(const void *a, const void *b)
{
	return strcmp(((const struct noted_file *)a)->path, ((const struct noted_file *)b)->path);
}

/* The items, sorted by their paths; the caller frees them. NULL: out of memory. */
static struct noted_file *sort_items(const struct files *files)
{
	struct noted_file *sorted = calloc(files->n + 1, sizeof *sorted);

	if (sorted && files->n)
		memcpy(sorted, files->items, files->n * sizeof *sorted);
	if (sorted)
		qsort(sorted, files->n, sizeof *sorted, compare_paths);
	return sorted;
}

void files_compare(const struct files *from, const struct files *to,
                   void (*on_file)(const char *path, void *arg), void *arg)
{
	struct noted_file *old = sort_items(from), *new = sort_items(to);
	const char *last = NULL; /* the last file that on_file was run for */

	for (size_t i = 0; old && new &&i < to->n; i++) {
		const struct noted_file *before = bsearch(&new[i], old, from->n, sizeof *old,
		                                          compare_paths);
		bool is_changed = before && before->stamp != new[i].stamp;
		bool is_same_again = last && strcmp(last, new[i].path) == 0;

		if (!is_changed || is_same_again)
			continue;
		last = new[i].path;
		on_file(last, arg);
	}
	free(old);
	free(new);
}
