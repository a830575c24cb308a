#include "json/jsonout.h"

#include <inttypes.h>
#include <string.h>

#include "base/text.h"
#include "json/scan.h"

static void put_string(struct jsonout *json, const char *text)
{
	size_t left = strlen(text), n, len;
	char out[TEXT_JSON_MAX];

	fputc('"', json->out);
	for (; left > 0; text += n, left -= n) {
		n = text_json(text, left, out, &len);
		fwrite(out, 1, len, json->out);
	}
	fputc('"', json->out);
}

/* Writes what stands before a value: a comma, a new line and the key, as far as needed. */
static void start_value(struct jsonout *json, const char *key)
{
	if (json->after_value)
		fputc(',', json->out);
	if (json->depth > 0)
		fprintf(json->out, "\n%*s", (int)(2 * json->depth), "");
	if (key) {
		put_string(json, key);
		fputs(": ", json->out);
	}
	json->after_value = true;
}

void jsonout_begin(struct jsonout *json, const char *key, char bracket)
{
	start_value(json, key);
	fputc(bracket, json->out);
	json->depth++;
	json->after_value = false;
}

void jsonout_end(struct jsonout *json, char bracket)
{
	json->depth--;
	if (json->after_value)
		fprintf(json->out, "\n%*s", (int)(2 * json->depth), "");
	fputc(bracket, json->out);
	json->after_value = true;
	if (json->depth == 0)
		fputc('\n', json->out);
}

void jsonout_text(struct jsonout *json, const char *key, const char *text)
{
	start_value(json, key);
	if (text)
		put_string(json, text);
	else
		fputs("null", json->out);
}

void jsonout_int(struct jsonout *json, const char *key, int64_t number)
{
	start_value(json, key);
	fprintf(json->out, "%" PRId64, number);
}

void jsonout_bool(struct jsonout *json, const char *key, bool value)
{
	start_value(json, key);
	fputs(value ? "true" : "false", json->out);
}

static bool is_printable(const char *text)
{
	while (*text >= 0x20 && *text < 0x7F)
		text++;
	return !*text;
}

static bool is_json(const char *text)
{
	struct scan_error unused;

	return scan_json(text, strlen(text), NULL, 0, &unused) >= 0;
}

void jsonout_value(struct jsonout *json, const char *key, const char *text)
{
	if (text && is_printable(text) && is_json(text)) {
		start_value(json, key);
		fputs(text, json->out);
	} else {
		jsonout_text(json, key, text);
	}
}
