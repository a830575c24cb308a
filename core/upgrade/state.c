#include "upgrade/state.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "net/addr.h"
#include "quota/source.h"
#include "usage/usage.h"
#include "json/jsonout.h"
#include "json/reply.h"

/* The state is a JSON text with the bans and the sources of tunnels. A NUL and the text of the
 * counts of use may follow, which can be larger than a JSON text may be. Each ban and each source
 * is a value, of which the reader takes REPLY_MAX_VALUES. */
enum { FORMAT = 2, MOST_BANS = 10000, MOST_SOURCES = 4000, BAN_SIZE = ADDR_TEXT_SIZE + 50 };

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

/* Without those of addresses that have tunnels. These clients are authenticated anew, and a ban
 * would keep them out because somebody else at their address has guessed. */
static void write_bans(struct source_table *sources, struct jsonout *json)
{
	struct source_ban *bans = calloc(MOST_BANS, sizeof *bans);
	size_t n = bans ? source_list_bans(sources, clock_ms(), bans, MOST_BANS) : 0;

	jsonout_begin(json, "bans", '[');
	for (size_t i = 0; i < n && i < MOST_BANS; i++)
		if (!bans[i].has_tunnel)
			write_ban(&bans[i], json);
	jsonout_end(json, ']');
	free(bans);
}

static void write_tunnels(struct source_table *sources, struct jsonout *json)
{
	spore_addr *all = calloc(MOST_SOURCES, sizeof *all);
	size_t n = all ? source_list_tunnels(sources, all, MOST_SOURCES) : 0;
	char text[ADDR_TEXT_SIZE];

	jsonout_begin(json, "tunnels", '[');
	for (size_t i = 0; i < n; i++)
		jsonout_text(json, NULL, addr_format_ip(&all[i], text));
	jsonout_end(json, ']');
	free(all);
}

/* False: out of memory. */
static bool write_use(struct usage_table *usage, FILE *file)
{
	char *text = usage_table_write(usage);

	if (text) {
		fputc('\0', file);
		fputs(text, file);
	}
	free(text);
	return text != NULL;
}

/* Closes the file. False: memory is out. */
static bool write_all(struct source_table *sources, struct usage_table *usage, FILE *file)
{
	struct jsonout json = { .out = file };
	bool good;

	jsonout_begin(&json, NULL, '{');
	jsonout_int(&json, "format", FORMAT);
	write_bans(sources, &json);
	write_tunnels(sources, &json);
	jsonout_end(&json, '}');
	good = write_use(usage, file);
	return fclose(file) == 0 && good;
}

int state_write(struct source_table *sources, struct usage_table *usage, struct err *err)
{
	int fd = memfd_create("spore-state", MFD_CLOEXEC);
	int copy = fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;
	FILE *file = copy >= 0 ? fdopen(copy, "w") : NULL;

	if (file && write_all(sources, usage, file))
		return fd;
	if (file)
		err_set(err, "the bans and the counts of use cannot be passed on: out of memory");
	else
		err_set_call(err, "memfd_create", errno);
	if (!file && copy >= 0)
		close(copy);
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

static const struct json *first_of(const struct json *state, const char *key)
{
	const struct json *list = json_get(state, key);

	return list ? list->first : NULL;
}

static bool add_sources(const struct json *state, struct source_table *sources, struct err *err)
{
	const struct json *format = json_get(state, "format");
	spore_addr addr;

	if (!format || format->type != JSON_NUMBER || (int)format->number != FORMAT) {
		err_set(err, "it has another format");
		return false;
	}
	for (const struct json *i = first_of(state, "bans"); i; i = i->next) {
		if (i->type == JSON_STRING)
			read_ban(i->raw, sources);
	}
	for (const struct json *i = first_of(state, "tunnels"); i; i = i->next) {
		if (i->type == JSON_STRING && addr_parse_ip(i->raw, &addr))
			source_set_elder(sources, &addr);
	}
	return true;
}

/* The caller frees the text, which a NUL ends. NULL: *err. */
static char *read_text(int fd, size_t *size_out, struct err *err)
{
	struct stat st;
	char *text;
	ssize_t n;

	if (fstat(fd, &st) < 0) {
		err_set_call(err, "fstat", errno);
		return NULL;
	}
	text = malloc((size_t)st.st_size + 1);
	n = text ? pread(fd, text, (size_t)st.st_size, 0) : -1;
	if (n == st.st_size) {
		text[n] = '\0';
		*size_out = (size_t)n;
		return text;
	}
	err_set(err, text ? "it cannot be read" : "out of memory");
	free(text);
	return NULL;
}

bool state_read_bans(int fd, struct source_table *sources, struct err *err)
{
	size_t size;
	char *text = read_text(fd, &size, err), mistake[200] = "out of memory";
	struct json *state = NULL;
	bool good = false;

	if (!text)
		return false;
	if (reply_parse(text, strlen(text), &state, mistake, sizeof mistake) != SPORE_OK)
		err_set(err, "%s", mistake);
	else
		good = add_sources(state, sources, err);
	reply_free(state);
	free(text);
	return good;
}

char *state_read_use(int fd, struct err *err)
{
	size_t size, len;
	char *text = read_text(fd, &size, err), *use;

	if (!text)
		return NULL;
	len = strlen(text);
	err_set(err, len == size ? "it has none" : "out of memory");
	use = len == size ? NULL : strdup(text + len + 1);
	free(text);
	return use;
}
