#include "plugin/note.h"

#include <elf.h>

#include "plugin_elf.h"
#include "suite.h"

static bool read_note(const struct plugin_file *file, size_t size, struct note *note,
                      struct err *err)
{
	uint8_t *exact = malloc(size ? size : 1);
	bool good;

	ck_assert_ptr_nonnull(exact);
	memcpy(exact, file->bytes, size);
	err->text[0] = '\0';
	good = note_read(exact, size, note, err);
	free(exact);
	ck_assert(good == (err->text[0] == '\0'));
	return good;
}

START_TEST(a_real_plugin_has_a_note)
{
	static const char *const names[] = { "auth_hmac", "transport_plain" };

	for (size_t i = 0; i < 2; i++) {
		struct plugin_file file;
		struct note note;
		struct err err;
		char path[512];

		snprintf(path, sizeof path, "%s/%s.so", PLUGIN_DIR, names[i]);
		file = plugin_file_read(path);
		ck_assert(read_note(&file, file.size, &note, &err));
		ck_assert_str_eq(note.plugin, names[i]);
		ck_assert_str_eq(note.version, "1.0.0");
		ck_assert_uint_eq(note.abi_major, 1);
		ck_assert(note_is_compatible(&note, &err));
		free(file.bytes);
	}
}
END_TEST

/* Headers and notes are at the front: tries all sizes there, and some behind. */
START_TEST(every_truncated_file_is_handled)
{
	struct plugin_file file = plugin_file_read(PLUGIN_DIR "/auth_hmac.so");
	size_t end = (size_t)(plugin_file_note(&file) - file.bytes) + 56;
	struct note note;
	struct err err;

	for (size_t size = 0; size < file.size; size += size < end + 64 ? 1 : 997)
		ck_assert_msg(!read_note(&file, size, &note, &err) || size >= end, "%zu of %zu",
		              size, end);
	ck_assert_msg(read_note(&file, file.size, &note, &err), "%s", err.text);
	free(file.bytes);
}
END_TEST

START_TEST(every_damaged_byte_is_handled)
{
	static const uint8_t values[] = { 0x00, 0x01, 0x7F, 0x80, 0xFF };
	struct plugin_file file = plugin_file_read(PLUGIN_DIR "/auth_hmac.so");
	size_t end = (size_t)(plugin_file_note(&file) - file.bytes) + 56;
	struct note note;
	struct err err;

	for (size_t at = 0; at < end; at++) {
		uint8_t kept = file.bytes[at];

		for (size_t i = 0; i < sizeof values; i++) {
			file.bytes[at] = values[i];
			if (note_read(file.bytes, file.size, &note, &err))
				ck_assert_uint_le(strlen(note.plugin), 32);
			file.bytes[at] = kept;
		}
	}
	ck_assert(read_note(&file, file.size, &note, &err));
	free(file.bytes);
}
END_TEST

START_TEST(refusals_say_why)
{
	struct plugin_file file = plugin_file_read(PLUGIN_DIR "/auth_hmac.so"),
			   text = { NULL, 100 };
	Elf64_Ehdr *header = (Elf64_Ehdr *)(void *)file.bytes;
	struct note note;
	struct err err;

	text.bytes = calloc(1, 100);
	ck_assert(!read_note(&text, 100, &note, &err));
	ck_assert_str_eq(err.text, "not a shared object: expected an ELF file");
	memcpy(text.bytes, file.bytes, 16);
	ck_assert(!read_note(&text, 100, &note, &err));
	ck_assert_str_eq(err.text, "not a 64-bit shared object for this machine (ELF machine 0)");
	plugin_file_note(&file)[-1] ^= 0xFF; /* padding of the name: ignored */
	ck_assert(read_note(&file, file.size, &note, &err));
	plugin_file_note(&file)[-8] = 's';
	ck_assert(!read_note(&file, file.size, &note, &err));
	ck_assert_int_eq(strncmp(err.text, "not a Spore plugin: ", 20), 0);
	header->e_phoff = UINT64_MAX - 10;
	ck_assert(!read_note(&file, file.size, &note, &err));
	ck_assert_str_eq(err.text, "damaged: its program headers are outside of the file");
	header->e_machine = EM_SPARC;
	ck_assert(!read_note(&file, file.size, &note, &err));
	ck_assert_str_eq(err.text, "not a 64-bit shared object for this machine (ELF machine 2)");
	free(text.bytes);
	free(file.bytes);
}
END_TEST

START_TEST(names_are_bounded_and_safe_to_show)
{
	struct plugin_file file = plugin_file_read(PLUGIN_DIR "/auth_hmac.so");
	uint8_t *desc = plugin_file_note(&file);
	struct note note;
	struct err err;

	memset(desc + 8, 'n', 31);
	memset(desc + 40, 'v', 15);
	ck_assert(read_note(&file, file.size, &note, &err));
	ck_assert_uint_eq(strlen(note.plugin), 31);
	ck_assert_uint_eq(strlen(note.version), 15);
	desc[55] = 'v';
	ck_assert(!read_note(&file, file.size, &note, &err));
	ck_assert_str_eq(err.text, "damaged: the version in its ABI note has no terminating NUL");
	desc[39] = 'n';
	ck_assert(!read_note(&file, file.size, &note, &err));
	ck_assert_str_eq(err.text, "damaged: the name in its ABI note has no terminating NUL");
	desc[55] = '\0';
	memcpy(desc + 8, "a\x1b[2J\n\0hidden", 14);
	ck_assert(read_note(&file, file.size, &note, &err));
	ck_assert_str_eq(note.plugin, "a\\x1b[2J\\x0a");
	free(file.bytes);
}
END_TEST

/* Appends a segment of notes to the file: one for each of the majors. */
static struct plugin_file with_notes(const uint16_t *majors, size_t n)
{
	struct plugin_file file = plugin_file_read(PLUGIN_DIR "/auth_hmac.so"), more;
	const uint8_t *whole = plugin_file_note(&file) - 20;
	Elf64_Phdr *segments;
	size_t i = 0;

	more.size = (file.size + 3) / 4 * 4 + n * 76;
	more.bytes = calloc(1, more.size);
	ck_assert_ptr_nonnull(more.bytes);
	memcpy(more.bytes, file.bytes, file.size);
	segments = (Elf64_Phdr *)(void *)(more.bytes + ((Elf64_Ehdr *)(void *)file.bytes)->e_phoff);
	while (segments[i].p_type != PT_GNU_STACK)
		i++;
	segments[i].p_type = PT_NOTE;
	segments[i].p_offset = more.size - n * 76;
	segments[i].p_filesz = n * 76;
	for (i = 0; i < n; i++) {
		uint8_t *at = more.bytes + more.size - (n - i) * 76;

		memcpy(at, whole, 76);
		memcpy(at + 20, &majors[i], 2);
		memcpy(at + 28, i ? "second" : "first", 7 - !i);
	}
	free(file.bytes);
	return more;
}

static bool read_notes(const uint16_t *majors, size_t n, bool own_too, struct note *note,
                       struct err *err)
{
	struct plugin_file file = with_notes(majors, n);
	bool good;

	if (!own_too)
		memcpy(plugin_file_note(&file) - 8, "Other", 5);
	good = read_note(&file, file.size, note, err);
	free(file.bytes);
	return good;
}

START_TEST(of_several_notes_the_one_of_this_major_counts)
{
	struct note note;
	struct err err;

	ck_assert(read_notes((const uint16_t[]){ 2, 1 }, 2, false, &note, &err));
	ck_assert_str_eq(note.plugin, "second");
	ck_assert(read_notes((const uint16_t[]){ 1, 2 }, 2, false, &note, &err));
	ck_assert_str_eq(note.plugin, "first");
	ck_assert(read_notes((const uint16_t[]){ 2 }, 1, true, &note, &err));
	ck_assert_str_eq(note.plugin, "auth_hmac");
	ck_assert(read_notes((const uint16_t[]){ 2, 2 }, 2, false, &note, &err));
	ck_assert_uint_eq(note.abi_major, 2);
}
END_TEST

START_TEST(two_notes_of_one_major_are_refused)
{
	struct note note;
	struct err err;

	ck_assert(!read_notes((const uint16_t[]){ 1 }, 1, true, &note, &err));
	ck_assert_str_eq(
		err.text,
		"it has more than one note for Spore's ABI 1: expected one SPORE_PLUGIN(...)");
	ck_assert(!read_notes((const uint16_t[]){ 1, 2, 1 }, 3, false, &note, &err));
}
END_TEST

START_TEST(versions_are_compared)
{
	struct note note = { .abi_major = 2, .abi_minor = 3, .plugin = "acme", .version = "1.2" };
	struct err err;

	ck_assert(!note_is_compatible(&note, &err));
	ck_assert_str_eq(
		err.text,
		"plugin acme 1.2 was built for plugin ABI 2.3, this host has 1.0: build it against "
		"the SDK of ABI 1");
	note.abi_major = 1;
	ck_assert(note_is_compatible(&note, &err)); /* a later minor that needs only this host's */
	note.min_minor = 3;
	ck_assert(!note_is_compatible(&note, &err));
	ck_assert_str_eq(err.text, "plugin acme 1.2 needs plugin ABI 1.3 or later, this host has "
	                           "1.0: update Spore, or "
	                           "build the plugin with a smaller SPORE_MIN_MINOR");
}
END_TEST

SUITE("note", a_real_plugin_has_a_note, every_truncated_file_is_handled,
      every_damaged_byte_is_handled, refusals_say_why, names_are_bounded_and_safe_to_show,
      of_several_notes_the_one_of_this_major_counts, two_notes_of_one_major_are_refused,
      versions_are_compared)
