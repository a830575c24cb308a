#include "plugin/protection.h"

#include "plugin_elf.h"
#include "suite.h"

#define PATH PLUGIN_DIR "/auth_hmac.so"

static void check_kept(const struct plugin_file *file)
{
	struct err err = { "" };

	ck_assert_msg(protection_is_kept(file->bytes, file->size, &err), "%s", err.text);
}

static void check_refused(const struct plugin_file *file, const char *why)
{
	struct err err = { "" };

	ck_assert(!protection_is_kept(file->bytes, file->size, &err));
	ck_assert_msg(strstr(err.text, why) != NULL, "%s", err.text);
}

static Elf64_Dyn *dynamic_entries(const struct plugin_file *file)
{
	return (void *)(file->bytes + plugin_file_segment(file, PT_DYNAMIC)->p_offset);
}

/* An entry that the check does not look at, to be replaced. */
static Elf64_Dyn *spare_entry(const struct plugin_file *file)
{
	Elf64_Dyn *entry = dynamic_entries(file);

	while (entry->d_tag != DT_GNU_HASH && entry->d_tag != DT_HASH)
		entry++;
	return entry;
}

START_TEST(our_plugins_are_good)
{
	static const char *const paths[] = { PATH, PLUGIN_DIR "/transport_plain.so" };

	for (size_t i = 0; i < 2; i++) {
		struct plugin_file file = plugin_file_read(paths[i]);

		check_kept(&file);
		free(file.bytes);
	}
}
END_TEST

START_TEST(executable_stacks_are_refused)
{
	struct plugin_file file = plugin_file_read(PATH);
	Elf64_Phdr *stack = plugin_file_segment(&file, PT_GNU_STACK);

	stack->p_flags |= PF_X;
	check_refused(&file, "stacks of this process executable (PF_X in PT_GNU_STACK)");
	check_refused(&file, "`-Wl,-z,noexecstack`");
	check_refused(&file, "`.note.GNU-stack`");
	stack->p_flags = 0;
	check_kept(&file);
	stack->p_type = PT_NULL;
	check_refused(&file, "stacks of this process executable (no PT_GNU_STACK)");
	free(file.bytes);
}
END_TEST

/* glibc uses the last header; the check refuses whatever their order is. */
START_TEST(each_stack_header_counts)
{
	struct plugin_file file = plugin_file_read(PATH);
	Elf64_Phdr *more = plugin_file_segment(&file, PT_GNU_RELRO);

	more->p_type = PT_GNU_STACK;
	more->p_flags = PF_R | PF_W | PF_X;
	check_refused(&file, "PF_X in PT_GNU_STACK");
	more->p_flags = PF_R | PF_W;
	check_kept(&file);
	plugin_file_segment(&file, PT_GNU_STACK)->p_flags = PF_R | PF_W | PF_X;
	check_refused(&file, "PF_X in PT_GNU_STACK");
	free(file.bytes);
}
END_TEST

START_TEST(text_relocations_are_refused)
{
	struct plugin_file file = plugin_file_read(PATH);
	Elf64_Dyn *entry = spare_entry(&file);

	entry->d_tag = DT_TEXTREL;
	check_refused(&file, "its code writable (text relocations, DT_TEXTREL)");
	check_refused(&file, "`-fPIC`");
	entry->d_tag = DT_FLAGS;
	entry->d_un.d_val = DF_TEXTREL | DF_BIND_NOW;
	check_refused(&file, "its code writable (text relocations, DF_TEXTREL)");
	entry->d_un.d_val = DF_BIND_NOW;
	check_kept(&file);
	entry->d_tag = DT_NULL; /* what stands behind it is not read */
	entry[1].d_tag = DT_TEXTREL;
	check_kept(&file);
	free(file.bytes);
}
END_TEST

/* dlopen finds the entries by their address, so their offset in the file means nothing. */
START_TEST(the_dynamic_section_is_found_by_its_address)
{
	struct plugin_file file = plugin_file_read(PATH);
	Elf64_Phdr *dynamic = plugin_file_segment(&file, PT_DYNAMIC);
	uint64_t offset = dynamic->p_offset;

	spare_entry(&file)->d_tag = DT_TEXTREL;
	dynamic->p_offset = 0;
	check_refused(&file, "DT_TEXTREL");
	dynamic->p_offset = offset;
	dynamic->p_vaddr = UINT64_MAX - 8;
	check_refused(&file, "damaged: its dynamic section is outside of its segments");
	dynamic->p_vaddr = 0;
	dynamic->p_filesz = UINT64_MAX;
	check_refused(&file, "damaged: its dynamic section is outside of its segments");
	dynamic->p_type = PT_NULL;
	check_refused(&file, "damaged: it has no dynamic section");
	free(file.bytes);
}
END_TEST

START_TEST(the_dynamic_section_needs_an_end)
{
	struct plugin_file file = plugin_file_read(PATH);
	Elf64_Phdr *dynamic = plugin_file_segment(&file, PT_DYNAMIC);

	dynamic->p_filesz = 2 * sizeof(Elf64_Dyn);
	check_refused(&file, "damaged: its dynamic section has no end");
	dynamic->p_filesz = sizeof(Elf64_Dyn) - 1;
	check_refused(&file, "damaged: its dynamic section has no end");
	dynamic->p_filesz = 0;
	check_refused(&file, "damaged: its dynamic section has no end");
	free(file.bytes);
}
END_TEST

START_TEST(other_files_are_refused)
{
	struct plugin_file file = { (uint8_t *)"text", 4 };

	check_refused(&file, "not a shared object: expected an ELF file");
}
END_TEST

/* With any byte of the headers or of the dynamic section changed, no read leaves the file. */
START_TEST(every_damaged_byte_is_handled)
{
	static const uint8_t values[] = { 0x00, 0x01, 0x7F, 0x80, 0xFF };
	struct plugin_file file = plugin_file_read(PATH);
	const Elf64_Phdr dynamic = *plugin_file_segment(&file, PT_DYNAMIC);
	size_t end = dynamic.p_offset + dynamic.p_filesz;
	struct err err;

	for (size_t at = 0; at < end; at = at == 1023 ? dynamic.p_offset : at + 1) {
		uint8_t kept = file.bytes[at];

		for (size_t i = 0; i < sizeof values; i++) {
			file.bytes[at] = values[i];
			err.text[0] = '\0';
			ck_assert(protection_is_kept(file.bytes, file.size, &err) ==
			          (err.text[0] == '\0'));
			file.bytes[at] = kept;
		}
	}
	check_kept(&file);
	free(file.bytes);
}
END_TEST

SUITE("protection", our_plugins_are_good, executable_stacks_are_refused, each_stack_header_counts,
      text_relocations_are_refused, the_dynamic_section_is_found_by_its_address,
      the_dynamic_section_needs_an_end, other_files_are_refused, every_damaged_byte_is_handled)
