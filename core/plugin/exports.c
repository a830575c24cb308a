#include "plugin/exports.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "plugin/elf_file.h"

/* No plugin can have more: a symbol takes 24 bytes, and a plugin has at most 256 MiB. */
enum { MOST_SYMBOLS = 1 << 20 };

/* The names that today's or older linkers define in every shared object. */
static const char *const linkers_names[] = { "_init", "_fini",  "_edata", "edata",      "_end",
	                                     "end",   "_etext", "etext",  "__bss_start" };

struct symbols {
	const uint8_t *table; /* of n Elf64_Sym */
	uint32_t n;
	const char *text; /* the string table */
	uint64_t text_size;
};

/* ---- the number of symbols, which only the hash tables tell ---- */

static bool read_word(const struct elf_file *file, uint64_t address, uint32_t *word_out)
{
	const uint8_t *at = elf_file_mapped(file, address, sizeof *word_out);

	if (at)
		memcpy(word_out, at, sizeof *word_out);
	return at != NULL;
}

/* Returns the index of the first symbol of the last chain: the largest one in the buckets. */
static uint32_t last_chain(const uint8_t *buckets, uint32_t n)
{
	uint32_t last = 0, first;

	for (uint32_t i = 0; i < n; i++) {
		memcpy(&first, buckets + i * sizeof first, sizeof first);
		last = first > last ? first : last;
	}
	return last;
}

/* The table has a header of four words, a Bloom filter of n_filter 8-byte words, the buckets, and
 * the chains. A bucket has the index of the first symbol of its chain. The chains have one word for
 * each symbol, beginning with the symbol `first`. The word of a chain's last symbol is odd. So the
 * last symbol of all is at the end of the last chain. */
static uint32_t count_by_gnu_hash(const struct elf_file *file, uint64_t address)
{
	uint32_t n_buckets, first, n_filter, last, word = 0;
	const uint8_t *buckets;

	if (!read_word(file, address, &n_buckets) || !read_word(file, address + 4, &first) ||
	    !read_word(file, address + 8, &n_filter))
		return 0;
	address += 16 + UINT64_C(8) * n_filter;
	buckets = elf_file_mapped(file, address, UINT64_C(4) * n_buckets);
	last = buckets ? last_chain(buckets, n_buckets) : 0;
	if (last < first)
		return 0;
	address += UINT64_C(4) * n_buckets;
	for (; last < MOST_SYMBOLS && !(word & 1); last++) {
		if (!read_word(file, address + UINT64_C(4) * (last - first), &word))
			return 0;
	}
	return last;
}

static uint32_t count_symbols(const struct elf_file *file)
{
	uint64_t address;
	uint32_t n;

	if (elf_file_dynamic(file, DT_GNU_HASH, &address))
		return count_by_gnu_hash(file, address);
	if (elf_file_dynamic(file, DT_HASH, &address) && read_word(file, address + 4, &n))
		return n;
	return 0;
}

static bool find_symbols(const struct elf_file *file, struct symbols *symbols_out)
{
	uint64_t table, text;

	if (!elf_file_dynamic(file, DT_SYMTAB, &table) ||
	    !elf_file_dynamic(file, DT_STRTAB, &text) ||
	    !elf_file_dynamic(file, DT_STRSZ, &symbols_out->text_size))
		return false;
	symbols_out->n = count_symbols(file);
	symbols_out->table = elf_file_mapped(file, table, symbols_out->n * sizeof(Elf64_Sym));
	symbols_out->text = (const char *)elf_file_mapped(file, text, symbols_out->text_size);
	return symbols_out->n && symbols_out->table && symbols_out->text;
}

/* ---- names ---- */

static bool is_of_linker(const char *name)
{
	for (size_t i = 0; i < sizeof linkers_names / sizeof *linkers_names; i++) {
		if (strcmp(name, linkers_names[i]) == 0)
			return true;
	}
	return false;
}

static bool is_exported(const Elf64_Sym *symbol)
{
	unsigned visibility = ELF64_ST_VISIBILITY(symbol->st_other);

	if (symbol->st_shndx == SHN_UNDEF || ELF64_ST_BIND(symbol->st_info) == STB_LOCAL)
		return false;
	return visibility != STV_HIDDEN && visibility != STV_INTERNAL;
}

/* The name that the symbol exports; NULL: it exports none. */
static const char *exported_name(const struct symbols *symbols, uint32_t index)
{
	const char *name;
	Elf64_Sym symbol;

	memcpy(&symbol, symbols->table + index * sizeof symbol, sizeof symbol);
	if (!is_exported(&symbol) || symbol.st_name >= symbols->text_size)
		return NULL;
	name = symbols->text + symbol.st_name;
	if (!*name || !memchr(name, '\0', symbols->text_size - symbol.st_name) ||
	    strcmp(name, "spore_plugin_v1") == 0 || is_of_linker(name))
		return NULL;
	return name;
}

static void add_name(struct export_list *list, const char *name)
{
	if (list->n < EXPORTS_SHOWN)
		text_escape(name, strlen(name), list->names[list->n], EXPORTS_NAME_SIZE);
	list->n++;
}

/* Is the file linked with -Bsymbolic? */
static bool finds_own_names_first(const struct elf_file *file)
{
	uint64_t value;

	return elf_file_dynamic(file, DT_SYMBOLIC, &value) ||
	       (elf_file_dynamic(file, DT_FLAGS, &value) && value & DF_SYMBOLIC);
}

void exports_read(const uint8_t *bytes, size_t size, struct exports *exports_out)
{
	struct symbols symbols;
	struct elf_file file;
	struct err unused;
	bool own_first;

	memset(exports_out, 0, sizeof *exports_out);
	if (!elf_file_open(bytes, size, &file, &unused) || !find_symbols(&file, &symbols))
		return;
	own_first = finds_own_names_first(&file);
	for (uint32_t i = 0; i < symbols.n; i++) {
		const char *name = exported_name(&symbols, i);

		if (!name)
			continue;
		add_name(&exports_out->all, name);
		if (!own_first && dlsym(RTLD_DEFAULT, name))
			add_name(&exports_out->taken, name);
	}
}

const char *exports_text(const struct export_list *list, char out[EXPORTS_TEXT_SIZE])
{
	size_t shown = list->n < EXPORTS_SHOWN ? list->n : EXPORTS_SHOWN, len = 0;

	out[0] = '\0';
	for (size_t i = 0; i < shown; i++)
		len += (size_t)snprintf(out + len, EXPORTS_TEXT_SIZE - len, "%s%s", i ? ", " : "",
		                        list->names[i]);
	if (list->n > shown)
		snprintf(out + len, EXPORTS_TEXT_SIZE - len, " and %zu more", list->n - shown);
	return out;
}
