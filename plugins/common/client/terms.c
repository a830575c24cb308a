#include "terms.h"

#include <stdio.h>
#include <stdlib.h>

/* Reads digits without a leading zero, and moves *at behind them. */
static bool read_number(const char **at, int64_t max, int64_t *out)
{
	int64_t value = 0;
	const char *p = *at;

	if (p[0] == '0' && p[1] >= '0' && p[1] <= '9')
		return false;
	for (; *p >= '0' && *p <= '9'; p++) {
		value = value * 10 + (*p - '0');
		if (value > max)
			return false;
	}
	*out = value;
	if (p == *at)
		return false;
	*at = p;
	return true;
}

static bool read_range(const char **at, spore_port_range *out)
{
	int64_t lo, hi;

	if (!read_number(at, 65535, &lo))
		return false;
	hi = lo;
	if (**at == '-') {
		++*at;
		if (!read_number(at, 65535, &hi))
			return false;
	}
	*out = (spore_port_range){ (uint16_t)lo, (uint16_t)hi };
	return lo >= 1 && lo <= hi;
}

static bool set_ports(struct terms *terms, const char *text)
{
	terms->n_ports = 0;
	if (!*text)
		return !terms->is_positive;
	for (const char *at = text;; at++) {
		if (terms->n_ports == TERMS_PORTS_MAX ||
		    !read_range(&at, &terms->ports[terms->n_ports]))
			return false;
		terms->n_ports++;
		if (*at != ',')
			return !*at;
	}
}

static bool set_count(const struct terms *terms, int64_t *count, const char *text)
{
	return read_number(&text, POLICY_MAX_COUNT, count) && !*text &&
	       (*count > 0 || !terms->is_positive);
}

static bool set_max_tunnels(struct terms *terms, const char *text)
{
	return set_count(terms, &terms->policy.max_tunnels, text);
}

static bool set_max_conns(struct terms *terms, const char *text)
{
	return set_count(terms, &terms->policy.max_conns, text);
}

static bool set_visitors_per_second(struct terms *terms, const char *text)
{
	return set_count(terms, &terms->policy.visitors_per_second, text);
}

/* How many times a size with this unit is shifted by 10 bits; -1: there is no such unit. */
static int shifts_of(const char *unit)
{
	static const char units[] = "bkmg";
	const char *found;

	if (!*unit)
		return 0;
	found = strchr(units, *unit > 'B' && *unit <= 'Z' ? *unit - 'A' + 'a' : *unit);
	return found && !unit[1] ? (int)(found - units) : -1;
}

/* Reads a number of bytes, such as "10000000", "10m" or "5G". */
static bool set_size(int64_t *size, int64_t min, int64_t max, const char *text)
{
	int shifts;

	if (!read_number(&text, max, size))
		return false;
	for (shifts = shifts_of(text); shifts > 0 && *size <= max >> 10; shifts--)
		*size <<= 10;
	return shifts == 0 && *size >= min && *size <= max;
}

static bool set_rate_up(struct terms *terms, const char *text)
{
	return set_size(&terms->policy.rate_up, POLICY_MIN_RATE, POLICY_MAX_RATE, text);
}

static bool set_rate_down(struct terms *terms, const char *text)
{
	return set_size(&terms->policy.rate_down, POLICY_MIN_RATE, POLICY_MAX_RATE, text);
}

static bool set_bytes_per_day(struct terms *terms, const char *text)
{
	return set_size(&terms->policy.bytes_per_day, terms->is_positive, POLICY_MAX_BYTES, text);
}

static bool set_bytes_per_month(struct terms *terms, const char *text)
{
	return set_size(&terms->policy.bytes_per_month, terms->is_positive, POLICY_MAX_BYTES, text);
}

/* The milliseconds of a unit; 0: there is no such unit. */
static double unit_ms(const char *unit)
{
	static const struct {
		const char *unit;
		double ms;
	} units[] = { { "", 1e3 },   { "ms", 1 },     { "s", 1e3 },
		      { "m", 60e3 }, { "h", 3600e3 }, { "d", 86400e3 } };

	for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
		if (strcmp(unit, units[i].unit) == 0)
			return units[i].ms;
	}
	return 0;
}

static bool set_life(struct terms *terms, const char *text)
{
	size_t digits = strspn(text, "0123456789.");
	char *end;
	double ms;

	if (digits < 1 || digits >= 24 || *text == '.')
		return false;
	ms = strtod(text, &end);
	if (end != text + digits || unit_ms(end) == 0)
		return false;
	ms *= unit_ms(end);
	if (ms > (double)POLICY_MAX_LIFE_MS)
		return false;
	terms->policy.life = (int64_t)(ms + 0.5);
	return terms->policy.life > 0 || !terms->is_positive;
}

#define EXPECTED_RATE                                                                              \
	"expected a number of bytes per second from 1024 to 1099511627776, such as 10000000 or "   \
	"\"10m\""
#define EXPECTED_BYTES(least)                                                                      \
	"expected a number of bytes from " least " to 1125899906842624, such as \"50g\""

static const struct row {
	const char *name;
	uint32_t field;
	bool (*set)(struct terms *terms, const char *text);
	const char *expected, *expected_positive;
} rows[] = {
	{ "ports", SPORE_AUTH_F_PORTS, set_ports,
	  "expected a text of at most 64 ports and ranges such as \"20000-20099,20500\"",
	  "expected a text of 1 to 64 ports and ranges such as \"20000-20099,20500\"" },
	{ "max_tunnels", SPORE_AUTH_F_MAX_TUNNELS, set_max_tunnels,
	  "expected a whole number from 0 to 1000000",
	  "expected a whole number from 1 to 1000000" },
	{ "max_conns", SPORE_AUTH_F_MAX_CONNS, set_max_conns,
	  "expected a whole number from 0 to 1000000",
	  "expected a whole number from 1 to 1000000" },
	{ "life", SPORE_AUTH_F_LIFE, set_life,
	  "expected at most 365 days, such as \"90s\" or \"1h\", or a number of seconds",
	  "expected 1 ms to 365 days, such as \"90s\" or \"1h\", or a number of seconds" },
	{ "rate_up", SPORE_AUTH_F_RATE_UP, set_rate_up, EXPECTED_RATE, EXPECTED_RATE },
	{ "rate_down", SPORE_AUTH_F_RATE_DOWN, set_rate_down, EXPECTED_RATE, EXPECTED_RATE },
	{ "bytes_per_day", SPORE_AUTH_F_BYTES_PER_DAY, set_bytes_per_day, EXPECTED_BYTES("0"),
	  EXPECTED_BYTES("1") },
	{ "bytes_per_month", SPORE_AUTH_F_BYTES_PER_MONTH, set_bytes_per_month, EXPECTED_BYTES("0"),
	  EXPECTED_BYTES("1") },
	{ "visitors_per_second", SPORE_AUTH_F_VISITORS_PER_SECOND, set_visitors_per_second,
	  "expected a whole number from 0 to 1000000",
	  "expected a whole number from 1 to 1000000" },
};

/* NULL: no limit has this name. */
static const struct row *find_row(const char *name)
{
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (strcmp(rows[i].name, name) == 0)
			return &rows[i];
	}
	return NULL;
}

const char *terms_set(struct terms *terms, const char *name, const char *text)
{
	const struct row *row = find_row(name);

	if (!row)
		return "unknown: expected only ports, max_tunnels, max_conns, life, rate_up, "
		       "rate_down, bytes_per_day, bytes_per_month and visitors_per_second";
	if (!text || !row->set(terms, text))
		return terms->is_positive ? row->expected_positive : row->expected;
	terms->policy.stated |= row->field;
	return NULL;
}

/* The text of a value, or the digits of a number. NULL: the value has another type, or the number
 * is negative or too large. */
static const char *text_of(const spore_host *host, const spore_cfg *value, char room[32])
{
	double number = host->cfg_number(value);

	if (host->cfg_type(value) != SPORE_CFG_NUMBER)
		return host->cfg_string(value);
	if (!(number >= 0 && number <= 9e15))
		return NULL;
	snprintf(room, 32, number == (double)(int64_t)number ? "%.0f" : "%.6f", number);
	return room;
}

const char *terms_set_value(struct terms *terms, const char *name, const spore_host *host,
                            const spore_cfg *value)
{
	char room[32];

	return terms_set(terms, name, text_of(host, value, room));
}

bool terms_read(struct terms *terms, const spore_host *host, const spore_cfg *object, char *error,
                size_t error_size)
{
	*terms = (struct terms){ 0 };
	if (host->cfg_type(object) != SPORE_CFG_OBJECT) {
		snprintf(error, error_size, ": expected an object of limits");
		return false;
	}
	for (size_t i = 0; i < host->cfg_count(object); i++) {
		const char *name;
		const spore_cfg *value = host->cfg_at(object, i, &name);
		const char *wrong = terms_set_value(terms, name, host, value);

		if (!wrong)
			continue;
		snprintf(error, error_size, "/%.40s: %s", name, wrong);
		return false;
	}
	return true;
}

struct policy terms_policy(const struct terms *terms)
{
	struct policy policy = terms->policy;

	policy.ports = (spore_list){ terms->ports, terms->n_ports, sizeof *terms->ports };
	return policy;
}
