#include "plugin/exports.h"

#include <cjson/cJSON.h>
#include <dlfcn.h>
#include <openssl/crypto.h>
#include <stdbool.h>

#include "plugin_elf.h"
#include "suite.h"

#define PATH PLUGIN_DIR "/auth_hmac.so"

static struct exports read_exports(const struct plugin_file *file)
{
	struct exports exports;

	exports_read(file->bytes, file->size, &exports);
	return exports;
}

/* The bytes of the library that defines a function which this program has linked. */
static struct plugin_file library_of(const void *function)
{
	Dl_info info;

	ck_assert_int_ne(dladdr(function, &info), 0);
	return plugin_file_read(info.dli_fname);
}

static bool has(const struct export_list *list, const char *name)
{
	for (size_t i = 0; i < list->n && i < EXPORTS_SHOWN; i++) {
		if (strcmp(list->names[i], name) == 0)
			return true;
	}
	return false;
}

static Elf64_Dyn *dynamic_entry(const struct plugin_file *file, int64_t tag)
{
	Elf64_Dyn *entry = (void *)(file->bytes + plugin_file_segment(file, PT_DYNAMIC)->p_offset);

	while (entry->d_tag != tag) {
		ck_assert_int_ne(entry->d_tag, DT_NULL);
		entry++;
	}
	return entry;
}

/* Entries that say nothing take the place of all entries of that tag. */
static void forget_entries(const struct plugin_file *file, int64_t tag)
{
	for (Elf64_Dyn *entry = dynamic_entry(file, DT_SYMTAB); entry->d_tag != DT_NULL; entry++)
		entry->d_tag = entry->d_tag == tag ? DT_DEBUG : entry->d_tag;
}

START_TEST(our_plugins_export_nothing_else)
{
	struct plugin_file file = plugin_file_read(PATH);
	struct exports exports = read_exports(&file);

	ck_assert_uint_eq(exports.taken.n, 0);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
	ck_assert_uint_eq(exports.all.n, 0);
#endif
	free(file.bytes);
}
END_TEST

START_TEST(names_of_our_libraries_are_taken)
{
	struct plugin_file file = library_of((const void *)(uintptr_t)cJSON_Parse);
	struct exports exports = read_exports(&file);

	ck_assert_uint_gt(exports.all.n, EXPORTS_SHOWN);
	ck_assert_uint_eq(exports.taken.n, exports.all.n);
	for (size_t i = 0; i < EXPORTS_SHOWN; i++) {
		ck_assert_ptr_nonnull(dlsym(RTLD_DEFAULT, exports.all.names[i]));
		ck_assert(has(&exports.taken, exports.all.names[i]));
	}
	free(file.bytes);
}
END_TEST

START_TEST(every_name_of_a_large_library_is_counted)
{
	struct plugin_file file = library_of((const void *)(uintptr_t)OPENSSL_cleanse);
	struct exports exports = read_exports(&file);
	char text[EXPORTS_TEXT_SIZE], more[64];

	ck_assert_uint_gt(exports.all.n, 1000);
	ck_assert_uint_gt(exports.taken.n, 1000);
	snprintf(more, sizeof more, " and %zu more", exports.all.n - EXPORTS_SHOWN);
	ck_assert_ptr_nonnull(strstr(exports_text(&exports.all, text), more));
	free(file.bytes);
}
END_TEST

/* Such a file finds its own names first. */
START_TEST(a_symbolic_file_takes_no_name)
{
	struct plugin_file file = library_of((const void *)(uintptr_t)cJSON_Parse);
	Elf64_Dyn *entry = dynamic_entry(&file, DT_SONAME);
	size_t n = read_exports(&file).all.n;
	struct exports exports;

	entry->d_tag = DT_SYMBOLIC;
	exports = read_exports(&file);
	ck_assert_uint_eq(exports.all.n, n);
	ck_assert_uint_eq(exports.taken.n, 0);
	forget_entries(&file, DT_FLAGS);
	*entry = (Elf64_Dyn){ .d_tag = DT_FLAGS, .d_un.d_val = DF_SYMBOLIC };
	ck_assert_uint_eq(read_exports(&file).taken.n, 0);
	entry->d_un.d_val = DF_BIND_NOW;
	ck_assert_uint_eq(read_exports(&file).taken.n, n);
	free(file.bytes);
}
END_TEST

START_TEST(texts_are_bounded)
{
	struct export_list list = { .n = 0 };
	char text[EXPORTS_TEXT_SIZE];

	ck_assert_str_eq(exports_text(&list, text), "");
	strcpy(list.names[list.n++], "log");
	ck_assert_str_eq(exports_text(&list, text), "log");
	strcpy(list.names[list.n++], "ev_run");
	ck_assert_str_eq(exports_text(&list, text), "log, ev_run");
	list.n = SIZE_MAX;
	for (size_t i = 0; i < EXPORTS_SHOWN; i++) {
		memset(list.names[i], 'x', EXPORTS_NAME_SIZE - 1);
		list.names[i][EXPORTS_NAME_SIZE - 1] = '\0';
	}
	ck_assert_ptr_nonnull(strstr(exports_text(&list, text), "x and 18446744073709551603 more"));
}
END_TEST

START_TEST(other_files_export_nothing)
{
	struct plugin_file file = { (uint8_t *)"text", 4 };

	ck_assert_uint_eq(read_exports(&file).all.n, 0);
}
END_TEST

/* With any byte of the headers, of the hash table or of the dynamic section changed, no read leaves
 * the file. */
START_TEST(every_damaged_byte_is_handled)
{
	static const uint8_t values[] = { 0x00, 0x01, 0x7F, 0x80, 0xFF };
	struct plugin_file file = plugin_file_read(PATH);
	const Elf64_Phdr dynamic = *plugin_file_segment(&file, PT_DYNAMIC);
	size_t end = dynamic.p_offset + dynamic.p_filesz;

	for (size_t at = 0; at < end; at = at == 2047 ? dynamic.p_offset : at + 1) {
		uint8_t kept = file.bytes[at];

		for (size_t i = 0; i < sizeof values; i++) {
			file.bytes[at] = values[i];
			read_exports(&file);
			file.bytes[at] = kept;
		}
	}
	ck_assert_uint_eq(read_exports(&file).taken.n, 0);
	free(file.bytes);
}
END_TEST

SUITE("exports", our_plugins_export_nothing_else, names_of_our_libraries_are_taken,
      every_name_of_a_large_library_is_counted, a_symbolic_file_takes_no_name, texts_are_bounded,
      other_files_export_nothing, every_damaged_byte_is_handled)
