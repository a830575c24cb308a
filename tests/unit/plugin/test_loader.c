#include "plugin/loader.h"

#include <elf.h>
#include <fcntl.h>

#include "plugin_elf.h"
#include "suite.h"

static const void *no_extension(const char *id)
{
	(void)id;
	return NULL;
}

struct scene {
	struct loader loader;
	struct plugin_file file;
	char folder[64], path[128];
	struct err err;
};

static void set_up(struct scene *scene)
{
	*scene = (struct scene){ .loader.get_extension = no_extension };
	plugin_file_folder(scene->folder);
	snprintf(scene->path, sizeof scene->path, "%s/p.so", scene->folder);
	scene->file = plugin_file_read(PLUGIN_DIR "/transport_plain.so");
}

static void tear_down(struct scene *scene)
{
	unlink(scene->path);
	ck_assert_int_eq(rmdir(scene->folder), 0);
	free(scene->file.bytes);
	loader_fini(&scene->loader);
}

static const struct loaded *load(struct scene *scene, const char *pin)
{
	plugin_file_write(&scene->file, scene->path);
	scene->err.text[0] = '\0';
	return loader_load(&scene->loader, scene->path, pin, &scene->err);
}

START_TEST(a_good_plugin_is_loaded)
{
	struct scene scene;
	const struct loaded *loaded;

	set_up(&scene);
	loaded = load(&scene, NULL);
	ck_assert_msg(loaded != NULL, "%s", scene.err.text);
	ck_assert_str_eq(loaded->path, scene.path);
	ck_assert_str_eq(loaded->note.plugin, "transport_plain");
	ck_assert_str_eq(loaded->plugin->name, "transport_plain");
	ck_assert_str_eq(loaded->plugin->components[0]->name, "plain");
	ck_assert_ptr_null(loaded->plugin->components[1]);
	tear_down(&scene);
}
END_TEST

START_TEST(the_same_bytes_are_the_same_plugin)
{
	const struct loaded *first, *second;
	struct scene scene;
	char other[160];

	set_up(&scene);
	first = load(&scene, NULL);
	ck_assert_ptr_eq(load(&scene, NULL), first);
	snprintf(other, sizeof other, "%s/other.so", scene.folder);
	plugin_file_write(&scene.file, other);
	second = loader_load(&scene.loader, other, NULL, &scene.err);
	ck_assert_ptr_eq(second, first);
	ck_assert_ptr_null(first->next);
	unlink(other);
	tear_down(&scene);
}
END_TEST

/* The file is overwritten in place, as a careless upgrade does. */
START_TEST(a_replaced_file_is_a_new_plugin)
{
	const struct loaded *first, *second;
	struct scene scene;

	set_up(&scene);
	first = load(&scene, NULL);
	ck_assert_ptr_nonnull(first);
	memcpy(plugin_file_note(&scene.file) + 40, "9.9.9", 6);
	second = load(&scene, NULL);
	ck_assert_msg(second != NULL, "%s", scene.err.text);
	ck_assert_ptr_ne(second, first);
	ck_assert_ptr_ne(second->plugin, first->plugin);
	ck_assert_str_eq(first->note.version, "1.0.0");
	ck_assert_str_eq(second->note.version, "9.9.9");
	memset(scene.file.bytes, 0, scene.file.size);
	plugin_file_write(&scene.file, scene.path);
	ck_assert_str_eq(first->plugin->components[0]->name, "plain");
	ck_assert_str_eq(second->plugin->components[0]->name, "plain");
	tear_down(&scene);
}
END_TEST

static void check_refused(struct scene *scene, const char *pin, const char *why)
{
	char expected[256];

	snprintf(expected, sizeof expected, "plugin %s refused: ", scene->path);
	ck_assert_ptr_null(load(scene, pin));
	ck_assert_msg(strncmp(scene->err.text, expected, strlen(expected)) == 0, "%s",
	              scene->err.text);
	ck_assert_msg(strstr(scene->err.text, why) != NULL, "%s", scene->err.text);
	ck_assert_ptr_null(scene->loader.first);
}

START_TEST(another_major_is_refused_before_it_runs)
{
	struct scene scene;

	set_up(&scene);
	memcpy(plugin_file_note(&scene.file), &(uint16_t){ 2 }, 2);
	check_refused(&scene, NULL, "was built for plugin ABI 2.0, this host has 1.0");
	memcpy(plugin_file_note(&scene.file), &(uint16_t){ 1 }, 2);
	memcpy(plugin_file_note(&scene.file) + 4, &(uint16_t){ 7 }, 2);
	check_refused(&scene, NULL, "needs plugin ABI 1.7 or later, this host has 1.0");
	tear_down(&scene);
}
END_TEST

START_TEST(a_file_that_weakens_the_process_is_refused_before_it_runs)
{
	struct inspection seen;
	struct scene scene;

	set_up(&scene);
	plugin_file_segment(&scene.file, PT_GNU_STACK)->p_flags |= PF_X;
	check_refused(&scene, NULL, "would make the stacks of this process executable");
	ck_assert(!loader_inspect(scene.path, NULL, &seen, &scene.err));
	ck_assert(seen.has_note);
	ck_assert_ptr_nonnull(strstr(scene.err.text, "stacks of this process executable"));
	tear_down(&scene);
}
END_TEST

START_TEST(a_pin_must_match)
{
	static const char zeroes[] =
		"0000000000000000000000000000000000000000000000000000000000000000";
	const struct loaded *loaded;
	uint8_t digest[CRYPTO_SHA256_SIZE];
	struct scene scene;
	char hex[65];

	set_up(&scene);
	ck_assert(crypto_sha256(scene.file.bytes, scene.file.size, digest));
	for (size_t i = 0; i < sizeof digest; i++)
		snprintf(hex + 2 * i, 3, "%02X", digest[i]);
	check_refused(&scene, zeroes, "expected the pinned 00000000");
	loaded = load(&scene, hex);
	ck_assert_msg(loaded != NULL, "%s", scene.err.text);
	ck_assert_mem_eq(loaded->digest, digest, sizeof digest);
	ck_assert_ptr_null(load(&scene, zeroes)); /* the pin holds for a loaded plugin, too */
	tear_down(&scene);
}
END_TEST

START_TEST(other_files_are_refused)
{
	struct scene scene;
	size_t whole;

	set_up(&scene);
	whole = scene.file.size;
	scene.file.size = 3;
	check_refused(&scene, NULL, "not a shared object: expected an ELF file");
	scene.file.size = 0;
	check_refused(&scene, NULL, "has 0 bytes: expected a plugin of 1 byte to 256 MiB");
	scene.file.size = whole;
	plugin_file_note(&scene.file)[-8] = 'X';
	check_refused(&scene, NULL, "not a Spore plugin: it has no Spore ABI note");
	unlink(scene.path);
	ck_assert_ptr_null(loader_load(&scene.loader, scene.path, NULL, &scene.err));
	ck_assert_ptr_nonnull(strstr(scene.err.text, "No such file or directory"));
	tear_down(&scene);
}
END_TEST

/* The size that the segments of the file need. */
static size_t mapped_size(const struct plugin_file *file)
{
	const Elf64_Ehdr *header = (const void *)file->bytes;
	const Elf64_Phdr *segments = (const void *)(file->bytes + header->e_phoff);
	size_t end = 0;

	for (size_t i = 0; i < header->e_phnum; i++) {
		if (segments[i].p_type == PT_LOAD &&
		    segments[i].p_offset + segments[i].p_filesz > end)
			end = segments[i].p_offset + segments[i].p_filesz;
	}
	ck_assert_uint_le(end, file->size);
	return end;
}

/* The file of an interrupted copy has its note, but not all bytes that would be mapped. */
START_TEST(a_truncated_file_is_refused)
{
	struct scene scene;

	set_up(&scene);
	for (scene.file.size = mapped_size(&scene.file) - 1; scene.file.size > 2048;
	     scene.file.size -= 2048)
		check_refused(&scene, NULL, "");
	tear_down(&scene);
}
END_TEST

static int count_fds(void)
{
	int n = 0;

	for (int fd = 0; fd < 200; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

START_TEST(refusals_and_repeats_leave_no_descriptor)
{
	struct scene scene;
	int before;

	set_up(&scene);
	ck_assert_ptr_nonnull(load(&scene, NULL));
	before = count_fds();
	for (int i = 0; i < 5; i++)
		ck_assert_ptr_nonnull(load(&scene, NULL));
	memcpy(plugin_file_note(&scene.file), &(uint16_t){ 2 }, 2);
	for (int i = 0; i < 5; i++)
		ck_assert_ptr_null(load(&scene, NULL));
	ck_assert_int_eq(count_fds(), before);
	tear_down(&scene);
}
END_TEST

/* Each copy gets the descriptor of the one before, and with it the same path in /proc. */
START_TEST(many_versions_leave_no_descriptor)
{
	const struct loaded *loaded, *before = NULL;
	struct scene scene;
	char version[8];
	int n_fds;

	set_up(&scene);
	n_fds = count_fds();
	for (int i = 0; i < 40; i++) {
		snprintf(version, sizeof version, "9.9.%d", i);
		memcpy(plugin_file_note(&scene.file) + 40, version, strlen(version) + 1);
		loaded = load(&scene, NULL);
		ck_assert_msg(loaded != NULL, "%s", scene.err.text);
		ck_assert_str_eq(loaded->note.version, version);
		ck_assert(!before || loaded->handle != before->handle);
		ck_assert_ptr_ne(loaded->plugin, before ? before->plugin : NULL);
		ck_assert_int_eq(count_fds(), n_fds);
		before = loaded;
	}
	tear_down(&scene);
}
END_TEST

static void inspect(struct scene *scene, const char *pin, struct inspection *seen)
{
	struct err loading;
	bool good;

	plugin_file_write(&scene->file, scene->path);
	scene->err.text[0] = '\0';
	good = loader_inspect(scene->path, pin, seen, &scene->err);
	if (good)
		return;
	ck_assert_ptr_null(loader_load(&scene->loader, scene->path, pin, &loading));
	ck_assert_str_eq(scene->err.text, loading.text);
}

START_TEST(inspecting_refuses_with_the_same_text)
{
	static const char zeroes[] =
		"0000000000000000000000000000000000000000000000000000000000000000";
	char text[LOADER_DIGEST_TEXT_SIZE];
	struct inspection seen;
	struct scene scene;

	set_up(&scene);
	inspect(&scene, NULL, &seen);
	ck_assert_str_eq(scene.err.text, "");
	ck_assert(seen.is_read && seen.has_note);
	ck_assert_str_eq(seen.note.plugin, "transport_plain");
	ck_assert_str_eq(seen.access.forbidden.text, "");
	loader_digest_text(seen.digest, text);
	ck_assert_uint_eq(strlen(text), 71);
	inspect(&scene, text + 7, &seen);
	ck_assert_str_eq(scene.err.text, "");
	inspect(&scene, zeroes, &seen); /* the note is read all the same */
	ck_assert(seen.is_read && seen.has_note);
	memcpy(plugin_file_note(&scene.file), &(uint16_t){ 2 }, 2);
	inspect(&scene, NULL, &seen);
	ck_assert_uint_eq(seen.note.abi_major, 2);
	ck_assert_ptr_nonnull(strstr(scene.err.text, "was built for plugin ABI 2.0"));
	scene.file.bytes[0] = 'x';
	inspect(&scene, NULL, &seen);
	ck_assert(seen.is_read && !seen.has_note);
	scene.file.size = 0;
	inspect(&scene, NULL, &seen);
	ck_assert(!seen.is_read && !seen.has_note);
	ck_assert(!loader_inspect("/nonexistent", NULL, &seen, &scene.err));
	ck_assert_str_eq(
		scene.err.text,
		"plugin /nonexistent refused: cannot open /nonexistent: No such file or directory");
	tear_down(&scene);
}
END_TEST

START_TEST(inspecting_reads_forbidden_files)
{
	struct inspection seen;
	struct scene scene;

	set_up(&scene);
	plugin_file_write(&scene.file, scene.path);
	chmod(scene.folder, 0777);
	inspect(&scene, NULL, &seen);
	ck_assert(seen.is_read && seen.has_note);
	ck_assert_ptr_nonnull(strstr(seen.access.forbidden.text, "is writable by everyone"));
	ck_assert_ptr_nonnull(strstr(scene.err.text, seen.access.forbidden.text));
	scene.file.size = 0; /* the folder is checked first */
	inspect(&scene, NULL, &seen);
	ck_assert(!seen.is_read);
	ck_assert_ptr_nonnull(strstr(scene.err.text, seen.access.forbidden.text));
	tear_down(&scene);
}
END_TEST

SUITE("loader", a_good_plugin_is_loaded, the_same_bytes_are_the_same_plugin,
      a_replaced_file_is_a_new_plugin, another_major_is_refused_before_it_runs,
      a_file_that_weakens_the_process_is_refused_before_it_runs, a_pin_must_match,
      other_files_are_refused, a_truncated_file_is_refused,
      refusals_and_repeats_leave_no_descriptor, many_versions_leave_no_descriptor,
      inspecting_refuses_with_the_same_text, inspecting_reads_forbidden_files)
