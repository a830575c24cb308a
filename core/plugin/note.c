#include "plugin/note.h"

#include <spore/plugin.h>
#include <string.h>

#include "base/text.h"
#include "plugin/elf_file.h"

static uint64_t align4(uint64_t n)
{
	return (n + 3) & ~UINT64_C(3);
}

/* The descriptions of the notes that were found. A file may serve several majors, with one note for
 * each. */
struct found {
	const uint8_t *ours, *other; /* for this host's major; for another major */
	bool twice;                  /* two different notes are for this host's major */
};

static void add_note(const uint8_t *desc, struct found *found)
{
	uint16_t major;

	memcpy(&major, desc, sizeof major);
	if (major != SPORE_ABI_MAJOR) {
		found->other = desc;
		return;
	}
	if (found->ours && found->ours != desc)
		found->twice = true;
	found->ours = desc;
}

/* Reads one PT_NOTE segment. Each note in it is a header, a name and a description. */
static void find_notes(const uint8_t *at, uint64_t left, struct found *found)
{
	while (left >= sizeof(Elf64_Nhdr)) {
		Elf64_Nhdr note;
		uint64_t name_size, desc_size;

		memcpy(&note, at, sizeof note);
		at += sizeof note;
		left -= sizeof note;
		name_size = align4(note.n_namesz);
		desc_size = align4(note.n_descsz);
		if (name_size > left || desc_size > left - name_size)
			return;
		if (note.n_type == SPORE_NOTE_TYPE && note.n_namesz == 6 &&
		    memcmp(at, "Spore", 6) == 0 && note.n_descsz >= SPORE_NOTE_DESC_SIZE)
			add_note(at + name_size, found);
		at += name_size + desc_size;
		left -= name_size + desc_size;
	}
}

/* Copies a text of the note, escaped for showing it and truncated to out_size. */
static bool take_text(const uint8_t *text, size_t size, const char *what, char *out,
                      size_t out_size, struct err *err)
{
	size_t len = strnlen((const char *)text, size);

	text_escape(text, len, out, out_size);
	if (len < size)
		return true;
	err_set(err, "damaged: the %s in its ABI note has no terminating NUL", what);
	return false;
}

static bool take_note(const uint8_t *desc, struct note *note_out, struct err *err)
{
	uint16_t numbers[3];

	*note_out = (struct note){ 0 };
	memcpy(numbers, desc, sizeof numbers);
	note_out->abi_major = numbers[0];
	note_out->abi_minor = numbers[1];
	note_out->min_minor = numbers[2];
	return take_text(desc + 8, 32, "name", note_out->plugin, sizeof note_out->plugin, err) &&
	       take_text(desc + 40, 16, "version", note_out->version, sizeof note_out->version,
	                 err);
}

bool note_read(const uint8_t *bytes, size_t size, struct note *note_out, struct err *err)
{
	struct found found = { NULL, NULL, false };
	struct elf_file file;
	Elf64_Phdr segment;

	if (!elf_file_open(bytes, size, &file, err))
		return false;
	for (size_t i = 0; elf_file_segment(&file, i, &segment); i++) {
		if (segment.p_type == PT_NOTE &&
		    elf_file_holds(&file, segment.p_offset, segment.p_filesz))
			find_notes(bytes + segment.p_offset, segment.p_filesz, &found);
	}
	if (!found.ours && !found.other) {
		err_set(err,
		        "not a Spore plugin: it has no Spore ABI note (is SPORE_PLUGIN missing, or "
		        "was the note stripped?)");
		return false;
	}
	if (found.twice) {
		err_set(err,
		        "it has more than one note for Spore's ABI %u: expected one "
		        "SPORE_PLUGIN(...)",
		        SPORE_ABI_MAJOR);
		return false;
	}
	return take_note(found.ours ? found.ours : found.other, note_out, err);
}

bool note_is_compatible(const struct note *note, struct err *err)
{
	if (note->abi_major != SPORE_ABI_MAJOR) {
		err_set(err,
		        "plugin %s %s was built for plugin ABI %u.%u, this host has %u.%u: build "
		        "it "
		        "against the SDK of ABI %u",
		        note->plugin, note->version, note->abi_major, note->abi_minor,
		        SPORE_ABI_MAJOR, SPORE_ABI_MINOR, SPORE_ABI_MAJOR);
		return false;
	}
	if (note->min_minor > SPORE_ABI_MINOR) {
		err_set(err,
		        "plugin %s %s needs plugin ABI %u.%u or later, this host has %u.%u: update "
		        "Spore, or build the plugin with a smaller SPORE_MIN_MINOR",
		        note->plugin, note->version, note->abi_major, note->min_minor,
		        SPORE_ABI_MAJOR, SPORE_ABI_MINOR);
		return false;
	}
	return true;
}
