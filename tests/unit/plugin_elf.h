/* plugin_elf - the program headers of a plugin that was built. Apart from plugin_file.h, since the
 * names of <elf.h> clash with those of <ev.h>. */
#ifndef UNIT_PLUGIN_ELF_H
#define UNIT_PLUGIN_ELF_H

#include <elf.h>

#include "plugin_file.h"

/* The first program header of that type; it may be changed. */
static inline Elf64_Phdr *plugin_file_segment(const struct plugin_file *file, uint32_t type)
{
	const Elf64_Ehdr *header = (const void *)file->bytes;
	Elf64_Phdr *segments = (void *)(file->bytes + header->e_phoff);

	for (size_t i = 0; i < header->e_phnum; i++) {
		if (segments[i].p_type == type)
			return &segments[i];
	}
	ck_abort_msg("no program header of type %u", type);
	return NULL;
}

#endif
