#include "restrictions.h"

#include <stdio.h>
#include <strings.h>
#include <time.h>

#include "../client/identity.h"

enum { VALUE_MAX = 1024 };

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static bool is_escaped_quote(const char *text, size_t len, size_t at)
{
	return text[at] == '\\' && at + 1 < len && text[at + 1] == '"';
}

size_t restrictions_span(const char *line, size_t len)
{
	bool quoted = false;
	size_t i;

	for (i = 0; i < len && (quoted || !is_blank(line[i])); i++) {
		if (is_escaped_quote(line, len, i))
			i++;
		else if (line[i] == '"')
			quoted = !quoted;
	}
	return i;
}

/* ---- values ---- */

static bool read_ports(const char *value, struct restrictions *out)
{
	return !terms_set(&out->terms, "ports", value);
}

static bool read_max_tunnels(const char *value, struct restrictions *out)
{
	return !terms_set(&out->terms, "max_tunnels", value);
}

static bool read_max_conns(const char *value, struct restrictions *out)
{
	return !terms_set(&out->terms, "max_conns", value);
}

static bool read_life(const char *value, struct restrictions *out)
{
	return !terms_set(&out->terms, "life", value);
}

static bool read_rate_up(const char *value, struct restrictions *out)
{
	return !terms_set(&out->terms, "rate_up", value);
}

static bool read_rate_down(const char *value, struct restrictions *out)
{
	return !terms_set(&out->terms, "rate_down", value);
}

static bool read_bytes_per_day(const char *value, struct restrictions *out)
{
	return !terms_set(&out->terms, "bytes_per_day", value);
}

static bool read_bytes_per_month(const char *value, struct restrictions *out)
{
	return !terms_set(&out->terms, "bytes_per_month", value);
}

static bool read_visitors_per_second(const char *value, struct restrictions *out)
{
	return !terms_set(&out->terms, "visitors_per_second", value);
}

static int two_digits(const char *text)
{
	return (text[0] - '0') * 10 + text[1] - '0';
}

/* False: there is no such day or time. mktime() would take the 31st of February as a day in March.
 * It may change the hour, too, if daylight saving time skips that hour, which is no mistake. */
static bool to_seconds(struct tm wanted, bool is_utc, int64_t *out)
{
	struct tm found = wanted;
	time_t seconds;

	found.tm_isdst = -1;
	seconds = is_utc ? timegm(&found) : mktime(&found);
	*out = seconds;
	return seconds > 0 && found.tm_mday == wanted.tm_mday && found.tm_mon == wanted.tm_mon &&
	       found.tm_min == wanted.tm_min && found.tm_sec == wanted.tm_sec &&
	       wanted.tm_hour < 24;
}

/* Reads YYYYMMDD[HHMM[SS]][Z], in UTC with Z and in local time without it. */
static bool read_expiry(const char *value, struct restrictions *out)
{
	char digits[15] = "00000000000000"; /* what is left out is 0 */
	size_t n = strspn(value, "0123456789");
	struct tm tm = { 0 };
	int64_t seconds;

	if ((n != 8 && n != 12 && n != 14) || (value[n] && strcasecmp(value + n, "Z") != 0))
		return false;
	memcpy(digits, value, n);
	tm.tm_year = two_digits(digits) * 100 + two_digits(digits + 2) - 1900;
	tm.tm_mon = two_digits(digits + 4) - 1;
	tm.tm_mday = two_digits(digits + 6);
	tm.tm_hour = two_digits(digits + 8);
	tm.tm_min = two_digits(digits + 10);
	tm.tm_sec = two_digits(digits + 12);
	if (!to_seconds(tm, value[n] != '\0', &seconds))
		return false;
	out->expires_ms = seconds * 1000;
	return true;
}

/* ---- identities ---- */

static bool read_identity(const char *value, struct restrictions *out)
{
	if (!identity_is_good(spore_cstr(value)))
		return false;
	memcpy(out->identity, value, strlen(value) + 1);
	return true;
}

/* ---- options ---- */

/* clang-format off */
static const struct {
	const char *name;
	bool (*read)(const char *value, struct restrictions *out);
	const char *expected;
} rows[] = {
	{ "ports", read_ports, "expected at most 64 ports or ranges from 1 to 65535, lowest first, such as ports=20000-20099 or, with commas in double quotes, 20000-20099,20500" },
	{ "max-tunnels", read_max_tunnels, "expected a whole number from 1 to 1000000, such as max-tunnels=5" },
	{ "max-conns", read_max_conns, "expected a whole number from 1 to 1000000, such as max-conns=500" },
	{ "life", read_life, "expected a number of ms, s, m, h or d, at most 365d, such as life=1h" },
	{ "rate-up", read_rate_up, "expected a number of bytes per second from 1024 to 1099511627776, such as rate-up=10m" },
	{ "rate-down", read_rate_down, "expected a number of bytes per second from 1024 to 1099511627776, such as rate-down=10m" },
	{ "bytes-per-day", read_bytes_per_day, "expected a number of bytes from 1 to 1125899906842624, such as bytes-per-day=50g" },
	{ "bytes-per-month", read_bytes_per_month, "expected a number of bytes from 1 to 1125899906842624, such as bytes-per-month=50g" },
	{ "visitors-per-second", read_visitors_per_second, "expected a whole number from 1 to 1000000, such as visitors-per-second=50" },
	{ "expiry-time", read_expiry, "expected a time such as expiry-time=20271231 or 202712312359Z: YYYYMMDD[HHMM[SS]], with Z in UTC" },
	{ "identity", read_identity, "expected an identity of 1 to 255 bytes of UTF-8 without control characters" },
};
/* clang-format on */
enum { N_ROWS = sizeof rows / sizeof *rows };

/* N_ROWS: there is no such option. */
static size_t find_row(const char *name, size_t len)
{
	size_t i = 0;

	while (i < N_ROWS &&
	       !(strlen(rows[i].name) == len && strncasecmp(rows[i].name, name, len) == 0))
		i++;
	return i;
}

/* Reads the value at `at`, which may be in quotes. Returns its length in the text, with its quotes.
 * 0: it is too long, empty, contains NUL or a stray quote, or its quotes are not closed. */
static size_t read_value(spore_str text, size_t at, char out[VALUE_MAX])
{
	bool quoted = at < text.len && text.ptr[at] == '"';
	char end = quoted ? '"' : ',';
	size_t i = at + quoted, n = 0;

	for (; i < text.len && text.ptr[i] != end; i++) {
		bool is_stray_quote = !quoted && text.ptr[i] == '"';

		if (quoted && is_escaped_quote(text.ptr, text.len, i))
			i++;
		if (n == VALUE_MAX - 1 || text.ptr[i] == '\0' || is_stray_quote)
			return 0;
		out[n++] = text.ptr[i];
	}
	out[n] = '\0';
	if (quoted && i == text.len)
		return 0;
	return n ? i + quoted - at : 0;
}

static bool set_fault(struct restrictions_fault *fault, size_t offset, const char *text)
{
	*fault = (struct restrictions_fault){ offset, text };
	return false;
}

/* Reads the option at *at and moves *at behind it. `seen` has a bit for each row. */
static bool read_option(spore_str text, size_t *at, unsigned *seen, struct restrictions *out,
                        struct restrictions_fault *fault)
{
	char value[VALUE_MAX];
	size_t start = *at, len, row;

	for (len = 0; start + len < text.len && !strchr("=,\" ", text.ptr[start + len]); len++)
		;
	row = find_row(text.ptr + start, len);
	if (row == N_ROWS)
		return set_fault(fault, start,
		                 "expected a type of key, or an option: ports, max-tunnels, "
		                 "max-conns, life, expiry-time or identity");
	if (*seen & 1u << row)
		return set_fault(fault, start, "expected each option once, found it again");
	*seen |= 1u << row;
	*at += len;
	if (*at == text.len || text.ptr[*at] != '=')
		return set_fault(fault, *at, rows[row].expected);
	++*at;
	len = read_value(text, *at, value);
	if (len == 0 || !rows[row].read(value, out))
		return set_fault(fault, *at, rows[row].expected);
	*at += len;
	return true;
}

bool restrictions_parse(spore_str text, struct restrictions *out, struct restrictions_fault *fault)
{
	unsigned seen = 0;
	size_t at = 0;

	*out = (struct restrictions){ .terms.is_positive = true };
	for (;;) {
		if (!read_option(text, &at, &seen, out, fault))
			return false;
		if (at == text.len)
			return true;
		if (text.ptr[at] != ',')
			return set_fault(fault, at,
			                 "expected a comma or a blank behind the option");
		at++;
	}
}
