#include "http1.h"

#include <string.h>
#include <strings.h>

enum { METHOD_MAX = 32 };

/* A line without its CR LF. */
struct line {
	const uint8_t *text;
	size_t n;
};

struct request {
	const uint8_t *data;
	size_t n, at; /* at: behind the lines that were read */
	struct head *out;
	bool has_host;
	bool has_target_host; /* the target is a whole URL, or that of CONNECT */
	char target_host[HEAD_HOST_SIZE];
};

static bool is_token(uint8_t c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') ||
	       (c != '\0' && strchr("!#$%&'*+-.^_`|~", c));
}

static size_t token_length(const struct line *line)
{
	size_t n = 0;

	while (n < line->n && is_token(line->text[n]))
		n++;
	return n;
}

/* The next line. HEAD_MORE: its end has not come. */
static enum head_result take_line(struct request *rq, struct line *out)
{
	const uint8_t *begin = rq->data + rq->at;
	size_t n = rq->n - rq->at;
	const uint8_t *end = memchr(begin, '\n', n);
	const uint8_t *cr = memchr(begin, '\r', end ? (size_t)(end - begin) : n);

	if (memchr(begin, '\0', end ? (size_t)(end - begin) : n))
		return head_wrong(rq->out, "a line contains a zero byte");
	if (end && !cr)
		return head_wrong(rq->out, "a line ends without CR");
	if (cr && cr + 1 < begin + n && cr + 1 != end)
		return head_wrong(rq->out, "a line contains CR");
	if (!end)
		return head_more(rq->out, rq->n + 1);
	*out = (struct line){ begin, (size_t)(cr - begin) };
	rq->at += out->n + 2;
	return HEAD_DONE;
}

/* ---- the first line ---- */

/* "http://HOST/PATH" or "https://..." */
static bool take_url(struct request *rq, const uint8_t *target, size_t n)
{
	size_t scheme = n >= 8 && strncasecmp((const char *)target, "https://", 8) == 0  ? 8
	                : n >= 7 && strncasecmp((const char *)target, "http://", 7) == 0 ? 7
	                                                                                 : 0;
	size_t end = scheme;

	while (end < n && target[end] != '/' && target[end] != '?' && target[end] != '#')
		end++;
	rq->has_target_host = true;
	if (scheme == 0 || end == scheme ||
	    !head_take_host(target + scheme, end - scheme, rq->target_host))
		return false;
	head_take_path(target + end, n - end, rq->out->path);
	return true;
}

static bool take_target(struct request *rq, bool is_connect, const uint8_t *target, size_t n)
{
	if (is_connect) {
		rq->has_target_host = true;
		return head_take_host(target, n, rq->target_host) && rq->target_host[0];
	}
	head_take_path(target, n, rq->out->path);
	return target[0] == '/' || (n == 1 && target[0] == '*') || take_url(rq, target, n);
}

static bool is_version(const uint8_t *text, size_t n)
{
	return n == 8 && memcmp(text, "HTTP/1.", 7) == 0 && text[7] >= '0' && text[7] <= '9';
}

/* METHOD SP TARGET SP VERSION */
static enum head_result read_request_line(struct request *rq, const struct line *line)
{
	size_t method = token_length(line), n;
	const uint8_t *target = line->text + method + 1, *end = line->text + line->n, *space;

	space = target < end ? memchr(target, ' ', (size_t)(end - target)) : NULL;
	if (method == 0 || !space || !is_version(space + 1, (size_t)(end - space - 1)))
		return HEAD_OTHER;
	n = (size_t)(space - target);
	if (n == 0 ||
	    !take_target(rq, method == 7 && memcmp(line->text, "CONNECT", 7) == 0, target, n))
		return head_wrong(rq->out, "the target of the request is malformed");
	return HEAD_DONE;
}

/* Is what has come of the first line the begin of another protocol? */
static bool is_other(const struct request *rq)
{
	struct line begin = { rq->data + rq->at, rq->n - rq->at };
	size_t n = token_length(&begin);

	return n > METHOD_MAX || (n < begin.n && (n == 0 || begin.text[n] != ' '));
}

/* Empty lines in front of the first one are skipped, as RFC 9112 2.2 tells servers to do. */
static void skip_empty_lines(struct request *rq)
{
	while (rq->n - rq->at >= 2 && memcmp(rq->data + rq->at, "\r\n", 2) == 0)
		rq->at += 2;
}

/* ---- the fields ---- */

static enum head_result take_host_field(struct request *rq, const uint8_t *value, size_t n)
{
	if (rq->has_host)
		return head_wrong(rq->out, "the field Host comes twice");
	rq->has_host = true;
	if (!head_take_host(value, n, rq->out->host))
		return head_wrong(rq->out, "the field Host is malformed");
	return HEAD_DONE;
}

static bool is_blank(uint8_t c)
{
	return c == ' ' || c == '\t';
}

static enum head_result read_field(struct request *rq, const struct line *line)
{
	size_t name = token_length(line), begin = name + 1, end = line->n;

	if (is_blank(line->text[0]))
		return head_wrong(rq->out, "a field goes on in the next line");
	if (name == 0 || name == line->n || line->text[name] != ':')
		return head_wrong(rq->out, "a field is malformed");
	if (name != 4 || strncasecmp((const char *)line->text, "Host", 4) != 0)
		return HEAD_DONE;
	while (begin < end && is_blank(line->text[begin]))
		begin++;
	while (end > begin && is_blank(line->text[end - 1]))
		end--;
	return take_host_field(rq, line->text + begin, end - begin);
}

static enum head_result read_fields(struct request *rq)
{
	for (;;) {
		struct line line;
		enum head_result result = take_line(rq, &line);

		if (result != HEAD_DONE || line.n == 0)
			return result;
		result = read_field(rq, &line);
		if (result != HEAD_DONE)
			return result;
	}
}

/* The host of a whole URL counts. A service that looks at Host must see the same one. */
static enum head_result judge_target_host(const struct request *rq)
{
	struct head *out = rq->out;

	if (!rq->has_target_host)
		return HEAD_DONE;
	if (rq->has_host && strcmp(out->host, rq->target_host) != 0)
		return head_wrong(out, "the field Host differs from the target of the request");
	memcpy(out->host, rq->target_host, sizeof out->host);
	return HEAD_DONE;
}

enum head_result http1_read(const uint8_t *data, size_t n, struct head *out)
{
	struct request rq = { .data = data, .n = n, .out = out };
	struct line line;
	enum head_result result;

	skip_empty_lines(&rq);
	if (rq.at == n || (n - rq.at == 1 && data[rq.at] == '\r'))
		return head_more(out, n + 1);
	if (is_other(&rq))
		return HEAD_OTHER;
	result = take_line(&rq, &line);
	if (result == HEAD_DONE)
		result = read_request_line(&rq, &line);
	if (result == HEAD_DONE)
		result = read_fields(&rq);
	return result == HEAD_DONE ? judge_target_host(&rq) : result;
}
