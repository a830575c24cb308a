/* elf_file - reads a shared object from its bytes, without running any code.
 * Every offset is checked. Pure. [any] */
#ifndef CORE_ELF_FILE_H
#define CORE_ELF_FILE_H

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct elf_file {
	const uint8_t *bytes; /* borrowed */
	size_t size;
	Elf64_Ehdr header;
};

/* False and *err: the file is not a shared object for this machine, or it is damaged or truncated.
 * If true, all program headers and the contents of all PT_LOAD segments lie in the file. */
bool elf_file_open(const uint8_t *bytes, size_t size, struct elf_file *file_out, struct err *err);
/* Copies the program header of that index. False: the file has fewer headers. */
bool elf_file_segment(const struct elf_file *file, size_t index, Elf64_Phdr *segment_out);
/* The file holds `len` bytes from `offset` on. */
bool elf_file_holds(const struct elf_file *file, uint64_t offset, uint64_t len);
/* The file's bytes for a range of addresses, as dlopen maps them. NULL: they are not in the file.
 */
const uint8_t *elf_file_mapped(const struct elf_file *file, uint64_t address, uint64_t len);
/* Sets the value of that tag in the dynamic section. If there are several, the last one counts, as
 * for dlopen. False: the file has none. */
bool elf_file_dynamic(const struct elf_file *file, int64_t tag, uint64_t *value_out);

#endif
