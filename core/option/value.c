#include "option/value.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/crypto.h"
#include "base/text.h"
#include "log/log.h"
#include "net/addr.h"

const char *value_describe(const struct json *node, char *out, size_t size)
{
	char text[64];

	if (node->type == JSON_STRING) {
		text_escape(node->raw, node->len, text, sizeof text);
		snprintf(out, size, "\"%s\"%s", text,
		         text_escaped_length(node->raw, node->len) < sizeof text ? "" : "...");
	} else if (node->type == JSON_NUMBER) {
		snprintf(out, size, "%.40s", node->raw);
	} else if (node->type == JSON_BOOL) {
		snprintf(out, size, node->boolean ? "true" : "false");
	} else {
		snprintf(out, size, "%s", json_type_name(node->type));
	}
	return out;
}

static bool wrong(const struct option_scope *scope, const struct json *node, const char *expected)
{
	char found[96];

	diag_add(scope->diag, node, "expected %s, found %s", expected,
	         value_describe(node, found, sizeof found));
	return false;
}

/* ---- numbers ---- */

static bool whole_number(const struct json *node, int64_t *out)
{
	char *end;

	if (node->type != JSON_NUMBER || strpbrk(node->raw, ".eE"))
		return false;
	errno = 0;
	*out = strtoll(node->raw, &end, 10);
	return errno == 0;
}

static bool in_range(const spore_option *row, int64_t value)
{
	return row->min > row->max || (value >= row->min && value <= row->max);
}

static bool read_int(const struct option_scope *scope, const spore_option *row,
                     const struct json *node, int64_t *out)
{
	spore_option port = *row;
	char expected[96];
	int64_t value;

	if (row->type == SPORE_OPT_PORT && row->min > row->max) {
		port.min = 0;
		port.max = 65535;
		row = &port;
	}
	if (whole_number(node, &value) && in_range(row, value)) {
		*out = value;
		return true;
	}
	if (row->min > row->max)
		snprintf(expected, sizeof expected, "a whole number");
	else
		snprintf(expected, sizeof expected, "%s from %lld to %lld",
		         row->type == SPORE_OPT_PORT ? "a port" : "a whole number",
		         (long long)row->min, (long long)row->max);
	return wrong(scope, node, expected);
}

struct unit {
	const char *suffix;
	double factor;
};

static const struct unit durations[] = { { "s", 1000 },   { "ms", 1 },      { "m", 60e3 },
	                                 { "h", 3600e3 }, { "d", 86400e3 }, { NULL, 0 } };
static const struct unit sizes[] = { { "b", 1 },          { "k", 1024 },    { "K", 1024 },
	                             { "m", 1048576 },    { "M", 1048576 }, { "g", 1073741824 },
	                             { "G", 1073741824 }, { NULL, 0 } };

/* "1.5s" or 1.5: a number, then one of the units (a bare number counts in the first). */
static bool read_scaled(const struct json *node, const struct unit *units, int64_t *out)
{
	const char *text = node->raw, *start = node->raw;
	double value, factor = units[0].factor;
	char *end;

	if (node->type != JSON_NUMBER && node->type != JSON_STRING)
		return false;
	if (*start < '0' || *start > '9')
		return false;
	value = strtod(text, &end);
	if (strspn(text, "0123456789.") != (size_t)(end - text))
		return false; /* neither "1e3" nor "0x10" */
	if (*end) {
		const struct unit *unit = units;

		while (unit->suffix && strcmp(unit->suffix, end) != 0)
			unit++;
		if (!unit->suffix)
			return false;
		factor = unit->factor;
	}
	value = round(value * factor);
	if (!(value >= 0 && value < 9e15))
		return false;
	*out = (int64_t)value;
	return true;
}

/* In the largest unit that leaves no rest: "0", "10ms", "1d". */
static const char *format_scaled(int64_t value, const struct unit *units,
                                 char out[VALUE_SCALED_SIZE])
{
	const struct unit *best = NULL;

	for (const struct unit *unit = units; unit->suffix && value; unit++) {
		if (value % (int64_t)unit->factor == 0 && (!best || unit->factor > best->factor))
			best = unit;
	}
	snprintf(out, VALUE_SCALED_SIZE, "%lld%s",
	         best ? (long long)(value / (int64_t)best->factor) : (long long)value,
	         best ? best->suffix : "");
	return out;
}

const char *value_format_duration(int64_t ms, char out[VALUE_SCALED_SIZE])
{
	return format_scaled(ms, durations, out);
}

const char *value_format_size(int64_t bytes, char out[VALUE_SCALED_SIZE])
{
	return format_scaled(bytes, sizes, out);
}

static bool read_duration(const struct option_scope *scope, const spore_option *row,
                          const struct json *node, int64_t *out)
{
	char expected[128], lowest[VALUE_SCALED_SIZE], highest[VALUE_SCALED_SIZE];
	int64_t value;

	if (read_scaled(node, durations, &value) && in_range(row, value)) {
		*out = value;
		return true;
	}
	if (row->min > row->max)
		return wrong(scope, node,
		             "a duration such as \"200ms\", \"1.5s\", \"5m\", or seconds");
	snprintf(expected, sizeof expected,
	         "a duration from %s to %s, such as \"1.5s\", or seconds",
	         format_scaled(row->min, durations, lowest),
	         format_scaled(row->max, durations, highest));
	return wrong(scope, node, expected);
}

static bool read_size(const struct option_scope *scope, const spore_option *row,
                      const struct json *node, int64_t *out)
{
	char expected[128], lowest[VALUE_SCALED_SIZE], highest[VALUE_SCALED_SIZE];
	int64_t value;

	if (read_scaled(node, sizes, &value) && in_range(row, value)) {
		*out = value;
		return true;
	}
	if (row->min > row->max)
		return wrong(scope, node, "a size in bytes, such as 65536, \"64k\" or \"1m\"");
	snprintf(expected, sizeof expected, "a size from %s to %s, such as 65536 or \"64k\"",
	         format_scaled(row->min, sizes, lowest), format_scaled(row->max, sizes, highest));
	return wrong(scope, node, expected);
}

/* ---- texts ---- */

static bool read_enum(const struct option_scope *scope, const spore_option *row,
                      const struct json *node, int64_t *out)
{
	char expected[256];
	int64_t index = 0;

	for (const char *at = row->choices; node->type == JSON_STRING && at; index++) {
		const char *bar = strchr(at, '|');
		size_t len = bar ? (size_t)(bar - at) : strlen(at);

		if (len == node->len && memcmp(at, node->raw, len) == 0) {
			*out = index;
			return true;
		}
		at = bar ? bar + 1 : NULL;
	}
	/* 1.2 is not "1.2". */
	snprintf(expected, sizeof expected, "%sone of %s",
	         node->type == JSON_STRING ? "" : "a string, ", row->choices);
	return wrong(scope, node, expected);
}

const char *value_path(const struct option_scope *scope, const struct json *node)
{
	const char *path = node->raw;
	size_t size = strlen(path) + 2 + (scope->folder ? strlen(scope->folder) : 0);
	char *full;

	if (path[0] == '/' || !scope->folder || !*path || !node->source || !node->source->text)
		return path;
	full = json_doc_alloc(scope->doc, size);
	if (full)
		snprintf(full, size, "%s/%s", scope->folder, path);
	return full;
}

const char *value_path_to_read(const struct option_scope *scope, const struct json *node)
{
	const char *path = value_path(scope, node);

	if (path)
		files_note(scope->files, scope->doc, path);
	return path;
}

static bool read_string(const struct option_scope *scope, const spore_option *row,
                        const struct json *node, const char **out)
{
	if (node->type != JSON_STRING)
		return wrong(scope, node, "a string");
	if (row->flags & SPORE_OPTF_PATH)
		*out = row->flags & SPORE_OPTF_READ ? value_path_to_read(scope, node)
		                                    : value_path(scope, node);
	else
		*out = node->raw;
	return *out != NULL;
}

/* ---- secrets ---- */

enum { SECRET_MAX = 64 * 1024 };

/* One newline at the end is the editor's, not the secret's. */
static size_t without_newline(const char *text, size_t len)
{
	if (len && text[len - 1] == '\n')
		len--;
	if (len && text[len - 1] == '\r')
		len--;
	return len;
}

/* As many bytes as there are, up to the end or `size`; -1 and errno. */
static ssize_t read_all(int fd, char *out, size_t size)
{
	size_t len = 0;
	ssize_t n = 0;

	while (len < size && (n = read(fd, out + len, size - len)) > 0)
		len += (size_t)n;
	return n < 0 ? n : (ssize_t)len;
}

/* Keeps as much as there is of it: there may be thousands. */
static bool keep_secret(const struct option_scope *scope, const char *text, size_t len,
                        spore_str *out)
{
	char *kept = json_doc_alloc(scope->doc, len + 1);

	if (kept)
		memcpy(kept, text, len);
	*out = (spore_str){ kept, kept ? len : 0 };
	return kept != NULL;
}

/* A group that may read it is the operator's choice; everyone is most likely an accident. */
static void warn_if_open(int fd, const char *path)
{
	char remedy[PATH_MAX + 16];
	struct stat st;

	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || !(st.st_mode & (S_IROTH | S_IWOTH)))
		return;
	snprintf(remedy, sizeof remedy, "chmod o-rwx %s", path);
	log_warn(st.st_mode & S_IWOTH ? "everyone may write a secret's file"
	                              : "everyone may read a secret's file",
	         log_str("path", path), log_str("run", remedy));
}

static bool secret_from_file(const struct option_scope *scope, const struct json *node,
                             spore_str *out)
{
	const char *path = value_path_to_read(scope, node);
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	char text[SECRET_MAX + 1];
	ssize_t n = fd < 0 ? -1 : read_all(fd, text, sizeof text);
	size_t len = n > 0 ? without_newline(text, (size_t)n) : 0;
	bool good = false;

	if (n < 0)
		diag_add(scope->diag, node, "cannot %s the secret's file %s: %s",
		         fd < 0 ? "open" : "read", path ? path : "", strerror(errno));
	else if (n > SECRET_MAX)
		diag_add(scope->diag, node, "expected a secret of at most 64 KiB in %s, found more",
		         path);
	else if (len == 0)
		diag_add(scope->diag, node, "expected a secret in %s, found an empty file", path);
	else
		good = keep_secret(scope, text, len, out);
	if (good)
		warn_if_open(fd, path);
	if (fd >= 0)
		close(fd);
	if (n > 0)
		crypto_wipe(text, (size_t)n);
	return good;
}

static bool secret_from_variable(const struct option_scope *scope, const struct json *node,
                                 spore_str *out)
{
	const char *value = getenv(node->raw);

	if (!value || !*value) {
		diag_add(scope->diag, node,
		         "expected a secret in the environment variable %s, which is %s", node->raw,
		         value ? "empty" : "not set");
		return false;
	}
	*out = spore_cstr(value);
	return true;
}

static bool read_secret(const struct option_scope *scope, const struct json *node, spore_str *out)
{
	const struct json *from = node->type == JSON_OBJECT && node->count == 1 ? node->first
	                                                                        : NULL;
	bool named = from && (strcmp(from->key, "file") == 0 || strcmp(from->key, "env") == 0);

	if (named && from->unknown)
		return false;
	if (named && (from->type != JSON_STRING || from->len == 0))
		return wrong(scope, from,
		             *from->key == 'f' ? "a file's path" : "a variable's name");
	if (named)
		return *from->key == 'f' ? secret_from_file(scope, from, out)
		                         : secret_from_variable(scope, from, out);
	json_mark_secret(scope->doc, node);
	if (node->type == JSON_STRING && node->len > 0) {
		*out = (spore_str){ node->raw, node->len };
		return true;
	}
	/* Whatever it is, it may be the secret: only its type is shown. */
	diag_add(scope->diag, node, "expected a secret%s, found %s",
	         node->type == JSON_STRING ? "" : ": \"text\", {\"file\": PATH} or {\"env\": NAME}",
	         node->type == JSON_STRING ? "an empty string" : json_type_name(node->type));
	return false;
}

/* ---- addresses and ports ---- */

static bool read_cidr(const struct option_scope *scope, const struct json *node, spore_cidr *out)
{
	char prefix[ADDR_TEXT_SIZE], expected[128];

	if (node->type == JSON_STRING && addr_parse_cidr(node->raw, out))
		return true;
	if (node->type != JSON_STRING || out->family == 0)
		return wrong(scope, node,
		             "an IP prefix such as \"10.0.0.0/8\" or \"2001:db8::/32\"");
	snprintf(expected, sizeof expected, "\"%s\" (no bits behind the prefix)",
	         addr_format_cidr(out, prefix));
	return wrong(scope, node, expected);
}

static bool read_address(const struct option_scope *scope, const spore_option *row,
                         const struct json *node, void *out)
{
	bool text = node->type == JSON_STRING;

	if (row->type == SPORE_OPT_IP)
		return (text && addr_parse_ip(node->raw, out)) ||
		       wrong(scope, node, "an IP address such as \"127.0.0.1\" or \"::1\"");
	return (text && addr_parse(node->raw, out)) ||
	       wrong(scope, node,
	             "an address with a port such as \"127.0.0.1:80\" or \"[::1]:80\"");
}

static bool read_one_range(const char *text, size_t len, spore_port_range *out)
{
	const char *dash = memchr(text, '-', len);
	size_t first = dash ? (size_t)(dash - text) : len;
	uint64_t lo, hi;

	if (!text_to_uint(text, first, 65535, &lo) || lo == 0)
		return false;
	hi = lo;
	if (dash && !text_to_uint(dash + 1, len - first - 1, 65535, &hi))
		return false;
	*out = (spore_port_range){ (uint16_t)lo, (uint16_t)hi };
	return lo <= hi;
}

static bool read_ports(const struct option_scope *scope, const struct json *node, spore_list *out)
{
	static const char expected[] = "ports from 1 to 65535, lowest first, such as "
				       "\"20000-21000\" or \"8000,9000-9100\"";
	spore_port_range *ranges;
	size_t n = 1;

	if (node->type != JSON_STRING && node->type != JSON_NUMBER)
		return wrong(scope, node, expected);
	for (const char *c = node->raw; *c; c++)
		n += *c == ',';
	ranges = json_doc_alloc(scope->doc, n * sizeof *ranges);
	if (!ranges)
		return wrong(scope, node, expected);
	n = 0;
	for (const char *at = node->raw; at;) {
		const char *comma = strchr(at, ',');

		if (!read_one_range(at, comma ? (size_t)(comma - at) : strlen(at), &ranges[n++]))
			return wrong(scope, node, expected);
		at = comma ? comma + 1 : NULL;
	}
	*out = (spore_list){ ranges, n, sizeof *ranges };
	return true;
}

bool value_read(const struct option_scope *scope, const spore_option *row, const struct json *node,
                void *out)
{
	switch (row->type) {
	case SPORE_OPT_BOOL:
		*(uint32_t *)out = node->boolean;
		return node->type == JSON_BOOL || wrong(scope, node, "true or false");
	case SPORE_OPT_INT:
	case SPORE_OPT_PORT:
		return read_int(scope, row, node, out);
	case SPORE_OPT_NUMBER:
		*(double *)out = node->number;
		return node->type == JSON_NUMBER || wrong(scope, node, "a number");
	case SPORE_OPT_STRING:
		return read_string(scope, row, node, out);
	case SPORE_OPT_SECRET:
		return read_secret(scope, node, out);
	case SPORE_OPT_DURATION:
		return read_duration(scope, row, node, out);
	case SPORE_OPT_SIZE:
		return read_size(scope, row, node, out);
	case SPORE_OPT_ENUM:
		return read_enum(scope, row, node, out);
	case SPORE_OPT_ADDR:
	case SPORE_OPT_IP:
		return read_address(scope, row, node, out);
	case SPORE_OPT_CIDR:
		return read_cidr(scope, node, out);
	case SPORE_OPT_PORTS:
		return read_ports(scope, node, out);
	case SPORE_OPT_NODE:
		*(const spore_cfg **)out = (const spore_cfg *)(const void *)node;
		return true;
	default:
		diag_add(scope->diag, node,
		         "this option's type (%u) is newer than this host: update Spore",
		         row->type);
		return false;
	}
}
