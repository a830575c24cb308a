#include "plugin/elf_file.h"

#include <string.h>

#if defined(__x86_64__)
#define NATIVE_MACHINE EM_X86_64
#elif defined(__aarch64__)
#define NATIVE_MACHINE EM_AARCH64
#else
#define NATIVE_MACHINE 0 /* left to dlopen */
#endif

bool elf_file_holds(const struct elf_file *file, uint64_t offset, uint64_t len)
{
	return offset <= file->size && len <= file->size - offset;
}

static bool check_header(const struct elf_file *file, struct err *err)
{
	const Elf64_Ehdr *header = &file->header;

	if (header->e_ident[EI_CLASS] != ELFCLASS64 || header->e_type != ET_DYN ||
	    (NATIVE_MACHINE && header->e_machine != NATIVE_MACHINE)) {
		err_set(err, "not a 64-bit shared object for this machine (ELF machine %u)",
		        header->e_machine);
		return false;
	}
	if (header->e_phentsize != sizeof(Elf64_Phdr) ||
	    !elf_file_holds(file, header->e_phoff,
	                    (uint64_t)header->e_phnum * sizeof(Elf64_Phdr))) {
		err_set(err, "damaged: its program headers are outside of the file");
		return false;
	}
	return true;
}

/* False for a truncated file: a page that is mapped behind the end of the file raises a bus error
 * when it is touched. */
static bool is_whole(const struct elf_file *file)
{
	const Elf64_Ehdr *header = &file->header;
	Elf64_Phdr segment;

	for (size_t i = 0; elf_file_segment(file, i, &segment); i++) {
		if (segment.p_type == PT_LOAD &&
		    !elf_file_holds(file, segment.p_offset, segment.p_filesz))
			return false;
	}
	return header->e_shoff == 0 ||
	       elf_file_holds(file, header->e_shoff,
	                      (uint64_t)header->e_shnum * header->e_shentsize);
}

bool elf_file_open(const uint8_t *bytes, size_t size, struct elf_file *file_out, struct err *err)
{
	*file_out = (struct elf_file){ .bytes = bytes, .size = size };
	if (size < sizeof file_out->header || memcmp(bytes, ELFMAG, SELFMAG) != 0) {
		err_set(err, "not a shared object: expected an ELF file");
		return false;
	}
	memcpy(&file_out->header, bytes, sizeof file_out->header);
	if (!check_header(file_out, err))
		return false;
	if (!is_whole(file_out)) {
		err_set(err, "damaged: the file is truncated");
		return false;
	}
	return true;
}

bool elf_file_segment(const struct elf_file *file, size_t index, Elf64_Phdr *segment_out)
{
	if (index >= file->header.e_phnum)
		return false;
	memcpy(segment_out, file->bytes + file->header.e_phoff + index * sizeof *segment_out,
	       sizeof *segment_out);
	return true;
}

const uint8_t *elf_file_mapped(const struct elf_file *file, uint64_t address, uint64_t len)
{
	Elf64_Phdr segment;

	for (size_t i = 0; elf_file_segment(file, i, &segment); i++) {
		uint64_t at = address - segment.p_vaddr;

		if (segment.p_type == PT_LOAD && address >= segment.p_vaddr &&
		    at <= segment.p_filesz && len <= segment.p_filesz - at)
			return file->bytes + segment.p_offset + at;
	}
	return NULL;
}

/* Looks at the entries before DT_NULL. The last one with the tag counts. */
static bool find_entry(const uint8_t *at, uint64_t left, int64_t tag, uint64_t *value_out)
{
	bool found = false;
	Elf64_Dyn entry;

	for (; left >= sizeof entry; at += sizeof entry, left -= sizeof entry) {
		memcpy(&entry, at, sizeof entry);
		if (entry.d_tag == DT_NULL)
			break;
		if (entry.d_tag == tag) {
			*value_out = entry.d_un.d_val;
			found = true;
		}
	}
	return found;
}

bool elf_file_dynamic(const struct elf_file *file, int64_t tag, uint64_t *value_out)
{
	bool found = false;
	Elf64_Phdr segment;

	for (size_t i = 0; elf_file_segment(file, i, &segment); i++) {
		const uint8_t *entries;

		if (segment.p_type != PT_DYNAMIC)
			continue;
		entries = elf_file_mapped(file, segment.p_vaddr, segment.p_filesz);
		if (entries && find_entry(entries, segment.p_filesz, tag, value_out))
			found = true;
	}
	return found;
}
