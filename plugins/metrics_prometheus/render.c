#include "render.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { FIRST_SIZE = 16 * 1024, NUMBER_SIZE = 40 };

/* 2^53: a double cannot represent every integer above it. */
static const double exact_max = 9007199254740992.0;

/* The state of a visit to all families. */
struct page {
	struct text *text;
	enum format format;
	const spore_metric_spec *family;
	int begun; /* its head has been written */
};

/* ---- text ---- */

static int reserve(struct text *text, size_t more)
{
	size_t size = text->size ? text->size : FIRST_SIZE;
	char *bytes;

	while (size - text->len < more)
		size *= 2;
	if (text->failed || size == text->size)
		return !text->failed;
	bytes = realloc(text->bytes, size);
	if (!bytes) {
		text->failed = 1;
		return 0;
	}
	text->bytes = bytes;
	text->size = size;
	return 1;
}

static void put(struct text *text, const char *bytes, size_t len)
{
	if (len == 0 || !reserve(text, len))
		return;
	memcpy(text->bytes + text->len, bytes, len);
	text->len += len;
}

static void put_text(struct text *text, const char *bytes)
{
	put(text, bytes, strlen(bytes));
}

/* The length of the UTF-8 character that begins with this byte; 0: none does. */
static size_t utf8_len_of(unsigned char first)
{
	if (first < 0x80)
		return 1;
	if (first < 0xC0 || first > 0xF7)
		return 0;
	return first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
}

/* The length of the well-formed UTF-8 character at `bytes`; 0: not well-formed. */
static size_t utf8_len(const unsigned char *bytes, size_t left)
{
	static const unsigned least_code[] = { 0, 0, 0x80, 0x800, 0x10000 }; /* by length */
	size_t len = utf8_len_of(bytes[0]);
	unsigned code = len == 1 ? bytes[0] : bytes[0] & (0x7Fu >> len);
	int is_surrogate;

	if (len == 0 || len > left)
		return 0;
	for (size_t i = 1; i < len; i++) {
		if ((bytes[i] & 0xC0) != 0x80)
			return 0;
		code = code << 6 | (bytes[i] & 0x3F);
	}
	is_surrogate = code >= 0xD800 && code < 0xE000;
	return code < least_code[len] || code > 0x10FFFF || is_surrogate ? 0 : len;
}

/* Scrapers reject a page with a single bad byte, so bad bytes become U+FFFD. */
static void put_escaped(struct text *text, spore_str value, int quotes)
{
	for (size_t i = 0; i < value.len;) {
		const unsigned char *at = (const unsigned char *)value.ptr + i;
		size_t len = utf8_len(at, value.len - i);

		if (*at == '\\')
			put_text(text, "\\\\");
		else if (*at == '\n')
			put_text(text, "\\n");
		else if (*at == '"' && quotes)
			put_text(text, "\\\"");
		else if (len == 0 || *at < 0x20)
			put_text(text, "\xEF\xBF\xBD");
		else
			put(text, (const char *)at, len);
		i += len ? len : 1;
	}
}

/* The shortest text that reads back as the same number. Integers get no exponent. */
static const char *format_number(double value, char out[NUMBER_SIZE])
{
	if (isnan(value))
		return "NaN";
	if (isinf(value))
		return value > 0 ? "+Inf" : "-Inf";
	if (floor(value) == value && fabs(value) < exact_max) {
		/* -0 is written as 0. */
		snprintf(out, NUMBER_SIZE, "%.0f", value == 0 ? 0.0 : value);
		return out;
	}
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(out, NUMBER_SIZE, "%.*g", digits, value);
		if (strtod(out, NULL) == value)
			break;
	}
	return out;
}

/* OpenMetrics demands a point in a bound: "1.0". The other format gets the same text. */
static const char *format_bound(double bound, char out[NUMBER_SIZE])
{
	const char *text = format_number(bound, out);

	if (text == out && !strpbrk(out, ".e"))
		strcat(out, ".0");
	return text;
}

/* ---- the head of a family ---- */

static int ends_with(const char *name, size_t len, const char *suffix)
{
	size_t tail = strlen(suffix);

	return len >= tail && memcmp(name + len - tail, suffix, tail) == 0;
}

/* In OpenMetrics only the samples of a counter end in _total, not its family. */
static size_t family_len(const struct page *page)
{
	const char *name = page->family->name;
	size_t len = strlen(name);
	int omits_total = page->format == FORMAT_OPENMETRICS &&
	                  page->family->type == SPORE_METRIC_COUNTER;

	if (omits_total && ends_with(name, len, "_total"))
		len -= strlen("_total");
	return len;
}

static void put_head(const struct page *page, const char *keyword)
{
	put_text(page->text, "# ");
	put_text(page->text, keyword);
	put_text(page->text, " ");
	put(page->text, page->family->name, family_len(page));
	put_text(page->text, " ");
}

/* OpenMetrics allows a unit only if the name ends with it. */
static int shows_unit(const struct page *page)
{
	const char *unit = page->family->unit, *name = page->family->name;
	size_t len = family_len(page), tail = unit ? strlen(unit) : 0;

	return page->format == FORMAT_OPENMETRICS && tail && ends_with(name, len, unit) &&
	       len > tail && name[len - tail - 1] == '_';
}

/* Called with the first series: a family without series is left out. */
static void begin_family(struct page *page)
{
	static const char *const types[] = { "untyped", "counter", "gauge", "histogram",
		                             "summary" };
	uint32_t type = page->family->type;

	if (page->begun)
		return;
	page->begun = 1;
	put_head(page, "HELP");
	put_escaped(page->text, spore_cstr(page->family->help), page->format == FORMAT_OPENMETRICS);
	put_text(page->text, "\n");
	put_head(page, "TYPE");
	put_text(page->text, types[type]);
	put_text(page->text, "\n");
	if (!shows_unit(page))
		return;
	put_head(page, "UNIT");
	put_text(page->text, page->family->unit);
	put_text(page->text, "\n");
}

/* ---- samples ---- */

static void put_label(struct text *text, int *n_written, spore_str key, spore_str value)
{
	put_text(text, (*n_written)++ ? "," : "{");
	put(text, key.ptr, key.len);
	put_text(text, "=\"");
	put_escaped(text, value, 1);
	put_text(text, "\"");
}

/* `bound` is the value of the label `le`; NULL: no such label. */
static void put_sample(const struct page *page, const char *suffix, const spore_kv *labels,
                       size_t n_labels, const char *bound, const char *value)
{
	struct text *text = page->text;
	int n_written = 0;

	put_text(text, page->family->name);
	put_text(text, suffix);
	for (size_t i = 0; i < n_labels; i++)
		put_label(text, &n_written, labels[i].key, labels[i].value);
	if (bound)
		put_label(text, &n_written, spore_cstr("le"), spore_cstr(bound));
	put_text(text, n_written ? "} " : " ");
	put_text(text, value);
	put_text(text, "\n");
}

static void on_begin(void *arg, const spore_metric_spec *family)
{
	struct page *page = arg;

	page->family = family;
	page->begun = 0;
}

/* Types of a later minor version of the SDK are left out. */
static int is_known(const struct page *page)
{
	return page->family->type >= SPORE_METRIC_COUNTER &&
	       page->family->type <= SPORE_METRIC_SUMMARY;
}

static void on_value(void *arg, const spore_kv *labels, size_t n, double value)
{
	char number[NUMBER_SIZE];

	if (!is_known(arg))
		return;
	begin_family(arg);
	put_sample(arg, "", labels, n, NULL, format_number(value, number));
}

static void on_histogram(void *arg, const spore_kv *labels, size_t n, const double *bounds,
                         const uint64_t *cumulative, size_t n_bounds, uint64_t count, double sum)
{
	const struct page *page = arg;
	char number[NUMBER_SIZE], bound[NUMBER_SIZE];

	if (!is_known(page))
		return;
	begin_family(arg);
	for (size_t i = 0; i < n_bounds; i++) {
		snprintf(number, sizeof number, "%llu", (unsigned long long)cumulative[i]);
		put_sample(page, "_bucket", labels, n, format_bound(bounds[i], bound), number);
	}
	snprintf(number, sizeof number, "%llu", (unsigned long long)count);
	if (page->family->type == SPORE_METRIC_HISTOGRAM)
		put_sample(page, "_bucket", labels, n, "+Inf", number);
	put_sample(page, "_count", labels, n, NULL, number);
	put_sample(page, "_sum", labels, n, NULL, format_number(sum, number));
}

static void on_end(void *arg)
{
	((struct page *)arg)->family = NULL;
}

static const spore_metric_visitor visitor = {
	.struct_size = sizeof visitor,
	.begin = on_begin,
	.value = on_value,
	.histogram = on_histogram,
	.end = on_end,
};

void render(const spore_ext_metrics *metrics, enum format format, struct text *text)
{
	struct page page = { .text = text, .format = format };

	metrics->visit(&visitor, &page);
	if (format == FORMAT_OPENMETRICS)
		put_text(text, "# EOF\n");
}

const char *render_type(enum format format)
{
	return format == FORMAT_OPENMETRICS
	               ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
	               : "text/plain; version=0.0.4; charset=utf-8";
}
