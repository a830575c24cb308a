#include "option/value_number.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "option/value_describe.h"

static bool read_whole_number(const struct json *node, int64_t *out)
{
	char *end;

	if (node->type != JSON_NUMBER || strpbrk(node->raw, ".eE"))
		return false;
	errno = 0;
	*out = strtoll(node->raw, &end, 10);
	return errno == 0;
}

/* A string that would be a decimal number of JSON without its quotes. */
static bool is_quoted_number(const struct json *node)
{
	const char *digits = node->raw, *end;

	if (node->type != JSON_STRING)
		return false;
	digits += *digits == '-';
	end = digits + strspn(digits, "0123456789");
	if (end == digits || (*digits == '0' && end > digits + 1))
		return false;
	if (*end == '.' && end[1] >= '0' && end[1] <= '9')
		end += 1 + strspn(end + 1, "0123456789");
	return end == node->raw + node->len;
}

static bool read_quoted(const struct json *node, int64_t *out)
{
	struct json bare = *node;

	bare.type = JSON_NUMBER;
	return is_quoted_number(node) && read_whole_number(&bare, out);
}

static bool has_bounds(const spore_option *row)
{
	return row->min <= row->max;
}

static bool is_in_range(const spore_option *row, int64_t value)
{
	return !has_bounds(row) || (value >= row->min && value <= row->max);
}

bool value_read_int(const struct option_scope *scope, const spore_option *row,
                    const struct json *node, int64_t *out)
{
	spore_option port = *row;
	const char *quotes;
	char expected[96];
	int64_t value;

	if (row->type == SPORE_OPT_PORT && !has_bounds(row)) {
		port.min = 0;
		port.max = 65535;
		row = &port;
	}
	if (read_whole_number(node, &value) && is_in_range(row, value)) {
		*out = value;
		return true;
	}
	quotes = read_quoted(node, &value) && is_in_range(row, value) ? " without quotes" : "";
	if (has_bounds(row))
		snprintf(expected, sizeof expected, "%s from %lld to %lld%s",
		         row->type == SPORE_OPT_PORT ? "a port" : "a whole number",
		         (long long)row->min, (long long)row->max, quotes);
	else
		snprintf(expected, sizeof expected, "a whole number%s", quotes);
	return value_mismatch(scope, node, expected);
}

bool value_read_number(const struct option_scope *scope, const struct json *node, double *out)
{
	*out = node->number;
	return node->type == JSON_NUMBER ||
	       value_mismatch(scope, node,
	                      is_quoted_number(node) ? "a number without quotes" : "a number");
}

struct unit {
	const char *suffix;
	double factor;
};

#define DURATION_UNITS "(units: ms, s, m, h, d)"
#define SIZE_UNITS     "(units: b, k, m, g)"

static const struct unit durations[] = { { "s", 1000 },   { "ms", 1 },      { "m", 60e3 },
	                                 { "h", 3600e3 }, { "d", 86400e3 }, { NULL, 0 } };
static const struct unit sizes[] = { { "b", 1 },          { "k", 1024 },    { "K", 1024 },
	                             { "m", 1048576 },    { "M", 1048576 }, { "g", 1073741824 },
	                             { "G", 1073741824 }, { NULL, 0 } };

/* Reads a number with one of the units, such as "1.5s". A number without a unit, such as 1.5, is in
 * the first unit. */
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
		return false; /* strtod has read more than a decimal fraction: "1e3", "0x10" */
	if (*end) {
		const struct unit *unit = units;

		while (unit->suffix && strcmp(unit->suffix, end) != 0)
			unit++;
		if (!unit->suffix)
			return false;
		factor = unit->factor;
	}
	value = round(value * factor);
	if (!(value >= 0 && value < 9e15)) /* a larger double may not be exact */
		return false;
	*out = (int64_t)value;
	return true;
}

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

bool value_read_duration(const struct option_scope *scope, const spore_option *row,
                         const struct json *node, int64_t *out)
{
	char expected[128], lowest[VALUE_SCALED_SIZE], highest[VALUE_SCALED_SIZE];
	int64_t value;

	if (read_scaled(node, durations, &value) && is_in_range(row, value)) {
		*out = value;
		return true;
	}
	if (!has_bounds(row))
		return value_mismatch(
			scope, node,
			"a duration such as \"200ms\", \"1.5s\", \"5m\" " DURATION_UNITS
			", or seconds");
	snprintf(expected, sizeof expected,
	         "a duration from %s to %s, such as \"1.5s\" " DURATION_UNITS ", or seconds",
	         format_scaled(row->min, durations, lowest),
	         format_scaled(row->max, durations, highest));
	return value_mismatch(scope, node, expected);
}

/* There is no part of a byte: 5.5 is a mistake, and "1.5k" is not. */
static bool read_bytes(const struct json *node, int64_t *out)
{
	if (!read_scaled(node, sizes, out))
		return false;
	return !strchr(node->raw, '.') || strpbrk(node->raw, "kKmMgG");
}

bool value_read_size(const struct option_scope *scope, const spore_option *row,
                     const struct json *node, int64_t *out)
{
	char expected[128], lowest[VALUE_SCALED_SIZE], highest[VALUE_SCALED_SIZE];
	int64_t value;

	if (read_bytes(node, &value) && is_in_range(row, value)) {
		*out = value;
		return true;
	}
	if (!has_bounds(row))
		return value_mismatch(
			scope, node,
			"a size in bytes, such as 65536, \"64k\" or \"1m\" " SIZE_UNITS);
	snprintf(expected, sizeof expected,
	         "a size from %s to %s, such as 65536 or \"64k\" " SIZE_UNITS,
	         format_scaled(row->min, sizes, lowest), format_scaled(row->max, sizes, highest));
	return value_mismatch(scope, node, expected);
}
