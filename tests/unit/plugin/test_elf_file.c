#include "plugin/elf_file.h"

#include "plugin_elf.h"
#include "suite.h"

#define PATH PLUGIN_DIR "/auth_hmac.so"

START_TEST(program_headers_are_read)
{
	struct plugin_file file = plugin_file_read(PATH);
	struct elf_file elf;
	Elf64_Phdr segment;
	struct err err;
	size_t n = 0, loads = 0;

	ck_assert(elf_file_open(file.bytes, file.size, &elf, &err));
	for (; elf_file_segment(&elf, n, &segment); n++)
		loads += segment.p_type == PT_LOAD;
	ck_assert_uint_eq(n, elf.header.e_phnum);
	ck_assert_uint_ge(loads, 2);
	ck_assert(!elf_file_segment(&elf, n + 1, &segment));
	ck_assert(!elf_file_segment(&elf, SIZE_MAX, &segment));
	free(file.bytes);
}
END_TEST

START_TEST(ranges_are_bounded)
{
	struct elf_file elf = { .size = 100 };

	ck_assert(elf_file_holds(&elf, 0, 100));
	ck_assert(elf_file_holds(&elf, 100, 0));
	ck_assert(elf_file_holds(&elf, 40, 60));
	ck_assert(!elf_file_holds(&elf, 40, 61));
	ck_assert(!elf_file_holds(&elf, 101, 0));
	ck_assert(!elf_file_holds(&elf, UINT64_MAX, 2));
	ck_assert(!elf_file_holds(&elf, 2, UINT64_MAX));
}
END_TEST

/* Opens a copy of exactly `size` bytes, so that a sanitizer sees a read past the end. */
static bool open_exact(const struct plugin_file *file, size_t size, struct err *err)
{
	uint8_t *exact = malloc(size ? size : 1);
	struct elf_file elf;
	bool good;

	ck_assert_ptr_nonnull(exact);
	memcpy(exact, file->bytes, size);
	good = elf_file_open(exact, size, &elf, err);
	free(exact);
	return good;
}

static void check_refused(const struct plugin_file *file, const char *why)
{
	struct err err = { "" };

	ck_assert(!open_exact(file, file->size, &err));
	ck_assert_str_eq(err.text, why);
}

START_TEST(other_files_are_refused)
{
	static const char other[] = "not a 64-bit shared object for this machine (ELF machine %u)";
	struct plugin_file file = plugin_file_read(PATH);
	Elf64_Ehdr *header = (void *)file.bytes;
	Elf64_Ehdr kept = *header;
	char text[96];

	snprintf(text, sizeof text, other, kept.e_machine);
	header->e_type = ET_REL;
	check_refused(&file, text);
	*header = kept;
	header->e_ident[EI_CLASS] = ELFCLASS32;
	check_refused(&file, text);
	*header = kept;
	header->e_machine = EM_SPARC;
	snprintf(text, sizeof text, other, EM_SPARC);
	check_refused(&file, text);
	*header = kept;
	header->e_ident[0] = 0;
	check_refused(&file, "not a shared object: expected an ELF file");
	free(file.bytes);
}
END_TEST

START_TEST(headers_outside_of_the_file_are_refused)
{
	static const char outside[] = "damaged: its program headers are outside of the file";
	struct plugin_file file = plugin_file_read(PATH);
	Elf64_Ehdr *header = (void *)file.bytes;
	Elf64_Ehdr kept = *header;

	header->e_phoff = UINT64_MAX - 10;
	check_refused(&file, outside);
	header->e_phoff = file.size - 1;
	check_refused(&file, outside);
	*header = kept;
	header->e_phentsize--;
	check_refused(&file, outside);
	*header = kept;
	header->e_shoff = file.size + 1;
	check_refused(&file, "damaged: the file is truncated");
	*header = kept;
	plugin_file_segment(&file, PT_LOAD)->p_filesz = UINT64_MAX;
	check_refused(&file, "damaged: the file is truncated");
	free(file.bytes);
}
END_TEST

START_TEST(every_truncated_file_is_refused)
{
	struct plugin_file file = plugin_file_read(PATH);
	struct err err;

	for (size_t size = 0; size < file.size; size += size < 1024 ? 1 : 997)
		ck_assert_msg(!open_exact(&file, size, &err), "%zu", size);
	ck_assert(open_exact(&file, file.size, &err));
	free(file.bytes);
}
END_TEST

SUITE("elf_file", program_headers_are_read, ranges_are_bounded, other_files_are_refused,
      headers_outside_of_the_file_are_refused, every_truncated_file_is_refused)
