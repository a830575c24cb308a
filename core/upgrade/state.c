#include "upgrade/state.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "net/addr.h"
#include "quota/source.h"
#include "usage/usage.h"
#include "json/jsonout.h"
#include "json/reply.h"

/* Each ban is a value of a JSON text, of which the reader takes REPLY_MAX_VALUES. */
enum { FORMAT = 1, MOST_BANS = 10000, BAN_SIZE = ADDR_TEXT_SIZE + 50 };

/* ---- writing ---- */

static void write_ban(const struct source_ban *ban, struct jsonout *json)
{
	spore_addr addr = { .family = (uint8_t)ban->source.family };
	char ip[ADDR_TEXT_SIZE], text[BAN_SIZE];

	memcpy(addr.ip, ban->source.ip, sizeof addr.ip);
	snprintf(text, sizeof text, "%s %" PRId64 " %" PRIu64, addr_format_ip(&addr, ip),
	         ban->left_ms, ban->tries);
	jsonout_text(json, NULL, text);
}

static void write_bans(struct source_table *sources, struct jsonout *json)
{
	struct source_ban *bans = calloc(MOST_BANS, sizeof *bans);
	size_t n = bans ? source_list_bans(sources, clock_ms(), bans, MOST_BANS) : 0;

	jsonout_begin(json, "bans", '[');
	for (size_t i = 0; i < n && i < MOST_BANS; i++)
		write_ban(&bans[i], json);
	jsonout_end(json, ']');
	free(bans);
}

static void write_use(struct usage_table *usage, struct jsonout *json)
{
	char *text = usage ? usage_table_write(usage) : NULL;

	if (text)
		jsonout_text(json, "use", text);
	free(text);
}

int state_write(struct source_table *sources, struct usage_table *usage, struct err *err)
{
	int fd = memfd_create("spore-state", MFD_CLOEXEC);
	int copy = fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;
	struct jsonout json = { .out = copy >= 0 ? fdopen(copy, "w") : NULL };

	if (json.out) {
		jsonout_begin(&json, NULL, '{');
		jsonout_int(&json, "format", FORMAT);
		write_bans(sources, &json);
		write_use(usage, &json);
		jsonout_end(&json, '}');
		if (fclose(json.out) == 0)
			return fd;
	} else if (copy >= 0) {
		close(copy);
	}
	err_set_call(err, "memfd_create", errno);
	if (fd >= 0)
		close(fd);
	return -1;
}

/* ---- reading ---- */

static void read_ban(const char *text, struct source_table *sources)
{
	char copy[BAN_SIZE], *rest = copy;
	const char *ip, *left, *tries;
	uint64_t left_ms, n_tries;
	spore_addr addr;

	snprintf(copy, sizeof copy, "%s", text);
	ip = strsep(&rest, " ");
	left = rest ? strsep(&rest, " ") : "";
	tries = rest ? rest : "";
	if (addr_parse_ip(ip, &addr) && text_to_uint(left, strlen(left), INT64_MAX / 2, &left_ms) &&
	    text_to_uint(tries, strlen(tries), UINT64_MAX, &n_tries))
		source_ban(sources, &addr, (int64_t)left_ms, n_tries, clock_ms());
}

static bool add_state(const struct json *state, struct source_table *sources,
                      struct usage_table *usage, struct err *err)
{
	const struct json *format = json_get(state, "format"), *bans = json_get(state, "bans"),
			  *use = json_get(state, "use");
	const char *fault = NULL;
	unsigned line;

	if (!format || format->type != JSON_NUMBER || (int)format->number != FORMAT) {
		err_set(err, "it has another format");
		return false;
	}
	for (const struct json *i = bans ? bans->first : NULL; i; i = i->next) {
		if (i->type == JSON_STRING)
			read_ban(i->raw, sources);
	}
	if (use && use->type == JSON_STRING)
		fault = usage_table_read(usage, use->raw, &line);
	if (fault)
		err_set(err, "the counts of use, line %u: %s", line, fault);
	return !fault;
}

bool state_read(int fd, struct source_table *sources, struct usage_table *usage, struct err *err)
{
	char *text = malloc(REPLY_MAX_BYTES), mistake[200] = "out of memory";
	ssize_t n = text ? pread(fd, text, REPLY_MAX_BYTES, 0) : -1;
	struct json *state = NULL;
	bool good = false;

	if (text && n < 0)
		err_set_call(err, "pread", errno);
	else if (!text || reply_parse(text, (size_t)n, &state, mistake, sizeof mistake) != SPORE_OK)
		err_set(err, "%s", mistake);
	else
		good = add_state(state, sources, usage, err);
	reply_free(state);
	free(text);
	return good;
}
