#include "plugin/protection.h"

#include <string.h>

#include "plugin/elf_file.h"

/* dlopen makes the stacks of all threads executable, for good, if the file's PT_GNU_STACK has PF_X.
 * Without a PT_GNU_STACK, glibc takes the machine's default, which is executable on x86-64. Linkers
 * write the header on every machine, so its absence is refused on every machine. */
static bool check_stack(const struct elf_file *file, struct err *err)
{
	bool is_declared = false, is_executable = false;
	Elf64_Phdr segment;

	for (size_t i = 0; elf_file_segment(file, i, &segment); i++) {
		if (segment.p_type != PT_GNU_STACK)
			continue;
		is_declared = true;
		is_executable = is_executable || segment.p_flags & PF_X;
	}
	if (is_declared && !is_executable)
		return true;
	err_set(err,
	        "loading it would make the stacks of this process executable (%s): link it with "
	        "`-Wl,-z,noexecstack`; assembler files need a section `.note.GNU-stack`",
	        is_declared ? "PF_X in PT_GNU_STACK" : "no PT_GNU_STACK");
	return false;
}

static bool is_text_relocation(const Elf64_Dyn *entry)
{
	return entry->d_tag == DT_TEXTREL ||
	       (entry->d_tag == DT_FLAGS && entry->d_un.d_val & DF_TEXTREL);
}

/* Reads the entries up to DT_NULL, where dlopen stops, too. */
static bool check_entries(const uint8_t *at, uint64_t left, struct err *err)
{
	Elf64_Dyn entry;

	for (; left >= sizeof entry; at += sizeof entry, left -= sizeof entry) {
		memcpy(&entry, at, sizeof entry);
		if (entry.d_tag == DT_NULL)
			return true;
		if (is_text_relocation(&entry)) {
			err_set(err,
			        "loading it would make its code writable (text relocations, %s): "
			        "compile all of it with `-fPIC`, also its static libraries",
			        entry.d_tag == DT_TEXTREL ? "DT_TEXTREL" : "DF_TEXTREL");
			return false;
		}
	}
	err_set(err, "damaged: its dynamic section has no end");
	return false;
}

static bool check_relocations(const struct elf_file *file, struct err *err)
{
	bool is_dynamic = false;
	Elf64_Phdr segment;

	for (size_t i = 0; elf_file_segment(file, i, &segment); i++) {
		const uint8_t *entries;

		if (segment.p_type != PT_DYNAMIC)
			continue;
		is_dynamic = true;
		entries = elf_file_mapped(file, segment.p_vaddr, segment.p_filesz);
		if (!entries) {
			err_set(err, "damaged: its dynamic section is outside of its segments");
			return false;
		}
		if (!check_entries(entries, segment.p_filesz, err))
			return false;
	}
	if (!is_dynamic)
		err_set(err, "damaged: it has no dynamic section");
	return is_dynamic;
}

bool protection_is_kept(const uint8_t *bytes, size_t size, struct err *err)
{
	struct elf_file file;

	return elf_file_open(bytes, size, &file, err) && check_stack(&file, err) &&
	       check_relocations(&file, err);
}
