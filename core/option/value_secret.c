#include "option/value_secret.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/crypto.h"
#include "base/text.h"
#include "files/input.h"
#include "log/log.h"
#include "option/value_describe.h"
#include "option/value_path.h"
#include "secret/flaws.h"
#include "secret/output.h"
#include "json/pointer.h"

enum { SECRET_MAX = 64 * 1024, COMMAND_WORDS = 64, COMMAND_MS = 10000 };

/* The length without a newline (LF or CRLF) at the end: editors add one, and it is not part of the
 * secret. A CR alone is part of it. */
static size_t len_without_newline(const char *text, size_t len)
{
	if (len == 0 || text[len - 1] != '\n')
		return len;
	len--;
	return len && text[len - 1] == '\r' ? len - 1 : len;
}

/* ---- warnings ---- */

/* Where a secret was found. */
struct place {
	const spore_option *row;
	const struct json *node;
	struct log_field source; /* the file or the variable */
};

/* Only warns: a random secret may contain any byte, so nothing is removed from it. */
static void warn_of_flaws(const struct place *place, const char *text, size_t len)
{
	char flaws[192], option[512];

	flaws_list(text, len, flaws, sizeof flaws);
	if (!*flaws)
		return;
	json_pointer(place->node, option, sizeof option);
	log_warn("a secret contains what is often there by mistake", log_str("option", option),
	         place->source, log_str("found", flaws));
}

static void warn_if_short(const struct place *place, size_t len)
{
	char option[512];

	if (len >= FLAWS_SHORTEST || place->row->flags & SPORE_OPTF_NAME)
		return;
	json_pointer(place->node, option, sizeof option);
	log_warn("a secret is so short that it can be guessed", log_str("option", option),
	         place->source, log_int("expected_bytes", FLAWS_SHORTEST));
}

static void warn_of_doubts(const struct place *place, const char *text, size_t len)
{
	warn_of_flaws(place, text, len);
	warn_if_short(place, len);
}

/* Warns if a file's path was given in place of the secret. `path`: the secret, taken as a path. */
static void warn_if_file(const struct place *place, const char *path)
{
	char option[512];
	struct stat st;

	if (!path || stat(path, &st) < 0 || !S_ISREG(st.st_mode))
		return;
	json_pointer(place->node, option, sizeof option);
	log_warn("a secret is the name of a file: the name counts, not what the file contains (to "
	         "read it, write an object with the key file, or use --secret-file)",
	         log_str("option", option), place->source);
}

/* ---- files ---- */

/* Copies the secret into the document at its exact size, since there may be thousands. */
static bool keep_secret(const struct option_scope *scope, const char *text, size_t len,
                        spore_str *out)
{
	char *kept = json_doc_alloc(scope->doc, len + 1);

	if (kept)
		memcpy(kept, text, len);
	*out = (spore_str){ kept, kept ? len : 0 };
	return kept != NULL;
}

/* A warning about access that is most likely a mistake; NULL: there is none. A file that its group
 * may read is the operator's choice. */
static const char *find_excess_access(mode_t mode)
{
	if (mode & S_IWOTH)
		return "secret file is writable by everyone";
	if (mode & S_IROTH)
		return "secret file is readable by everyone";
	return mode & S_IWGRP ? "secret file is writable by its group" : NULL;
}

static void warn_if_public(const struct stat *st, const char *path)
{
	char remedy[PATH_MAX + 16];
	const char *warning;

	if (!S_ISREG(st->st_mode))
		return;
	warning = find_excess_access(st->st_mode);
	if (!warning)
		return;
	snprintf(remedy, sizeof remedy, "chmod %so-rwx %s", st->st_mode & S_IWGRP ? "g-w," : "",
	         path);
	log_warn(warning, log_str("path", path), log_str("run", remedy));
}

/* Bytes that a file holds or a command has printed. */
struct found {
	struct place place;
	const char *where;   /* "in PATH" */
	const char *nothing; /* what to call no bytes at all */
	const char *text;
	size_t len;
};

static bool take_found(const struct option_scope *scope, const struct found *found, spore_str *out)
{
	const struct json *node = found->place.node;
	size_t len = len_without_newline(found->text, found->len);

	if (found->len > SECRET_MAX)
		diag_add(scope->diag, node, "expected a secret of at most 64 KiB %s, found more",
		         found->where);
	else if (flaws_is_all_white(found->text, len))
		diag_add(scope->diag, node, "expected a secret %s, found %s", found->where,
		         len == 0 ? found->nothing : "only white space");
	else if (keep_secret(scope, found->text, len, out)) {
		warn_of_doubts(&found->place, found->text, len);
		return true;
	}
	return false;
}

/* Returns the number of bytes, up to `size`; -1 after adding the mistake to the diag. */
static ssize_t read_bytes(const struct option_scope *scope, const struct json *node,
                          const char *path, struct input *input, char *out, size_t size)
{
	const char *failed = "open";
	char option[512];
	struct err err;
	ssize_t n = -1;

	json_pointer(node, option, sizeof option);
	if (input_open(input, path, option, &err)) {
		failed = "read";
		n = input_read(input, out, size, &err);
	}
	if (n < 0)
		diag_add(scope->diag, node, "cannot %s the secret file %s: %s", failed, path,
		         err.text);
	return n;
}

static bool read_file(const struct option_scope *scope, const spore_option *row,
                      const struct json *node, const char *path, spore_str *out)
{
	char text[SECRET_MAX + 1], where[PATH_MAX + 4];
	struct input input;
	ssize_t n;
	bool good;

	if (!path)
		return false;
	snprintf(where, sizeof where, "in %s", path);
	n = read_bytes(scope, node, path, &input, text, sizeof text);
	good = n >= 0 && take_found(scope,
	                            &(struct found){ { row, node, log_str("path", path) },
	                                             where,
	                                             "an empty file",
	                                             text,
	                                             (size_t)n },
	                            out);
	if (good)
		warn_if_public(&input.st, path);
	input_close(&input);
	if (n > 0)
		crypto_wipe(text, (size_t)n);
	return good;
}

static bool secret_from_file(const struct option_scope *scope, const spore_option *row,
                             const struct json *node, spore_str *out)
{
	return read_file(scope, row, node, value_path_to_read(scope, node), out);
}

/* ---- credentials of systemd ---- */

static bool secret_from_credential(const struct option_scope *scope, const spore_option *row,
                                   const struct json *node, spore_str *out)
{
	const char *folder = getenv("CREDENTIALS_DIRECTORY"), *name = node->raw;
	char path[PATH_MAX];
	char *kept;

	if (strchr(name, '/') || *name == '.')
		return value_mismatch(scope, node, "a credential's name, without a path");
	if (!folder || !*folder) {
		diag_add(scope->diag, node,
		         "CREDENTIALS_DIRECTORY is not set: systemd sets it for a unit that has "
		         "LoadCredential= or LoadCredentialEncrypted=%s:PATH",
		         name);
		return false;
	}
	if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path)
		return value_mismatch(scope, node, "a credential's name");
	kept = json_doc_alloc(scope->doc, strlen(path) + 1);
	if (!kept)
		return false;
	value_path_note(scope, node, strcpy(kept, path));
	return read_file(scope, row, node, kept, out);
}

/* ---- commands ---- */

/* Stores the words of the command, and a NULL at their end, in `argv`. */
static bool read_command(const struct option_scope *scope, const struct json *node,
                         const char *argv[])
{
	size_t n = 0;

	for (const struct json *word = node->first; word; word = word->next) {
		if (word->unknown)
			return false;
		if (word->type != JSON_STRING || strlen(word->raw) != word->len)
			return value_mismatch(scope, word, "a word of the command");
		if (n == COMMAND_WORDS) {
			diag_add(scope->diag, node, "expected a command of at most %d words",
			         COMMAND_WORDS);
			return false;
		}
		/* A path starts at the file's folder, a name is looked up in PATH. */
		argv[n] = n == 0 && strchr(word->raw, '/') ? value_path(scope, word) : word->raw;
		if (!argv[n++])
			return false;
	}
	argv[n] = NULL;
	if (n > 0 && *argv[0])
		return true;
	diag_add(scope->diag, node, "expected a program and its arguments, found %s",
	         n == 0 ? "an empty list" : "a program without a name");
	return false;
}

static bool secret_from_command(const struct option_scope *scope, const spore_option *row,
                                const struct json *node, spore_str *out)
{
	const char *argv[COMMAND_WORDS + 1];
	char text[SECRET_MAX], where[PATH_MAX + 32];
	struct err err = { "" };
	bool good = false;
	ssize_t n;

	if (!read_command(scope, node, argv))
		return false;
	n = output_read((char *const *)argv, COMMAND_MS, text, sizeof text, &err);
	snprintf(where, sizeof where, "from the command %s", argv[0]);
	if (n < 0)
		diag_add(scope->diag, node, "expected a secret %s: %s", where, err.text);
	else
		good = take_found(scope,
		                  &(struct found){ { row, node, log_str("command", argv[0]) },
		                                   where,
		                                   "nothing",
		                                   text,
		                                   (size_t)n },
		                  out);
	crypto_wipe(text, sizeof text);
	return good;
}

/* ---- variables ---- */

static bool secret_from_variable(const struct option_scope *scope, const spore_option *row,
                                 const struct json *node, spore_str *out)
{
	const char *value = getenv(node->raw);
	struct place place = { row, node, log_str("variable", node->raw) };
	size_t len = value ? strlen(value) : 0;

	if (flaws_is_all_white(value, len)) {
		diag_add(scope->diag, node,
		         "expected a secret in the environment variable %s, which %s", node->raw,
		         !value     ? "is not set"
		         : len == 0 ? "is empty"
		                    : "has only white space");
		return false;
	}
	warn_of_doubts(&place, value, len);
	warn_if_file(&place, value);
	*out = spore_cstr(value);
	return true;
}

static bool secret_in_place(const struct option_scope *scope, const spore_option *row,
                            const struct json *node, spore_str *out)
{
	struct place place = { row, node,
		               log_str("source", node->source ? node->source->name : "") };

	if (flaws_is_all_white(node->raw, node->len)) {
		diag_add(scope->diag, node, "expected a secret, found %s",
		         node->len == 0 ? "an empty string" : "only white space");
		return false;
	}
	warn_of_doubts(&place, node->raw, node->len);
	warn_if_file(&place, value_path(scope, node));
	*out = (spore_str){ node->raw, node->len };
	return true;
}

/* ---- where a secret comes from ---- */

static const struct source {
	const char *key;
	enum json_type type;
	const char *expected;
	bool (*read)(const struct option_scope *scope, const spore_option *row,
	             const struct json *node, spore_str *out);
} sources[] = {
	{ "file", JSON_STRING, "a file's path", secret_from_file },
	{ "env", JSON_STRING, "a variable's name", secret_from_variable },
	{ "credential", JSON_STRING, "a credential's name", secret_from_credential },
	{ "command", JSON_ARRAY,
	  "a list of a program and its arguments, such as [\"pass\", \"show\", \"x\"]",
	  secret_from_command },
};
enum { N_SOURCES = sizeof sources / sizeof *sources };

static const struct source *source_of_key(const char *key)
{
	for (size_t i = 0; i < N_SOURCES; i++) {
		if (strcmp(key, sources[i].key) == 0)
			return &sources[i];
	}
	return NULL;
}

static const struct source *find_source(const struct json *node)
{
	bool has_key = node->type == JSON_OBJECT && node->count == 1;

	return has_key ? source_of_key(node->first->key) : NULL;
}

static void refuse_key(const struct option_scope *scope, const struct json *member)
{
	const char *names[N_SOURCES], *meant;

	for (size_t i = 0; i < N_SOURCES; i++)
		names[i] = sources[i].key;
	meant = text_suggest(member->key, names, N_SOURCES);
	if (meant)
		diag_add_key(scope->diag, member, "unknown key \"%s\": did you mean \"%s\"?",
		             member->key, meant);
	else
		diag_add_key(scope->diag, member,
		             "unknown key \"%s\": expected file, env, credential or command",
		             member->key);
}

/* For an object that does not have exactly one key that is known. */
static void refuse_object(const struct option_scope *scope, const struct json *object)
{
	const char *first = NULL;

	if (!object->first)
		diag_add(scope->diag, object,
		         "expected the key file, env, credential or command, found none");
	for (const struct json *i = object->first; i; i = i->next) {
		if (!source_of_key(i->key))
			refuse_key(scope, i);
		else if (first)
			diag_add_key(scope->diag, i,
			             "expected only one of the keys \"%s\" and \"%s\", found both",
			             first, i->key);
		else
			first = i->key;
	}
}

bool value_read_secret(const struct option_scope *scope, const spore_option *row,
                       const struct json *node, spore_str *out)
{
	const struct source *source = find_source(node);
	const struct json *from = source ? node->first : NULL;

	if (from && from->unknown)
		return false;
	if (from && (from->type != source->type || (from->type == JSON_STRING && !from->len)))
		return value_mismatch(scope, from, source->expected);
	if (from)
		return source->read(scope, row, from, out);
	json_mark_secret(scope->doc, node);
	if (node->type == JSON_STRING)
		return secret_in_place(scope, row, node, out);
	if (node->type == JSON_OBJECT) {
		refuse_object(scope, node);
		return false;
	}
	/* The value may be the secret: the message shows only its type. */
	diag_add(scope->diag, node,
	         "expected a secret: \"text\" or an object with the key file, env, credential or "
	         "command, found %s",
	         json_type_name(node->type));
	return false;
}
