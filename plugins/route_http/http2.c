#include "http2.h"

#include <nghttp2/nghttp2.h>
#include <string.h>

enum { FRAME_HEAD = 9, FRAME_MAX = 16384, BLOCK_MAX = 16384 };
enum {
	DATA = 0,
	HEADERS = 1,
	PRIORITY = 2,
	RST_STREAM = 3,
	SETTINGS = 4,
	PUSH_PROMISE = 5,
	GOAWAY = 7,
	CONTINUATION = 9
};
enum { END_HEADERS = 0x04, PADDED = 0x08, HAS_PRIORITY = 0x20, ACK = 0x01 };

struct frame {
	uint32_t len, stream;
	uint8_t type, flags;
	const uint8_t *body;
};

struct request {
	const uint8_t *data;
	size_t n, at; /* at: behind the frames that were read */
	struct head *out;
	const uint8_t *block;      /* the fields of the request */
	size_t block_n;            /* bytes of it */
	uint8_t joined[BLOCK_MAX]; /* used if they come in several frames */
};

/* ---- frames ---- */

static bool may_begin_a_connection(uint8_t type)
{
	return type != DATA && type != RST_STREAM && type != PUSH_PROMISE && type != GOAWAY &&
	       type != CONTINUATION;
}

static enum head_result take_frame(struct request *rq, struct frame *frame)
{
	const uint8_t *head = rq->data + rq->at;
	size_t n = rq->n - rq->at;

	if (n < FRAME_HEAD)
		return head_more(rq->out, rq->at + FRAME_HEAD);
	frame->len = (uint32_t)head[0] << 16 | (uint32_t)head[1] << 8 | head[2];
	frame->type = head[3];
	frame->flags = head[4];
	frame->stream = ((uint32_t)head[5] << 24 | (uint32_t)head[6] << 16 |
	                 (uint32_t)head[7] << 8 | head[8]) &
	                0x7FFFFFFF;
	frame->body = head + FRAME_HEAD;
	if (frame->len > FRAME_MAX)
		return head_wrong(rq->out, "a frame is too long");
	if (n < FRAME_HEAD + frame->len)
		return head_more(rq->out, rq->at + FRAME_HEAD + frame->len);
	rq->at += FRAME_HEAD + frame->len;
	return HEAD_DONE;
}

/* The part of the frame that holds fields. */
static bool find_block(struct request *rq, const struct frame *frame)
{
	size_t begin = 0, pad = 0;

	if (frame->flags & PADDED) {
		if (frame->len == 0)
			return false;
		pad = frame->body[0];
		begin = 1;
	}
	if (frame->flags & HAS_PRIORITY)
		begin += 5;
	if (begin + pad > frame->len)
		return false;
	rq->block = frame->body + begin;
	rq->block_n = frame->len - begin - pad;
	return true;
}

/* The fields go on in further frames. */
static enum head_result join_block(struct request *rq, uint32_t stream)
{
	struct frame frame = { .flags = 0 };
	enum head_result result;

	memcpy(rq->joined, rq->block, rq->block_n);
	rq->block = rq->joined;
	while (!(frame.flags & END_HEADERS)) {
		result = take_frame(rq, &frame);
		if (result != HEAD_DONE)
			return result;
		if (frame.type != CONTINUATION || frame.stream != stream)
			return head_wrong(rq->out, "expected the rest of the request's fields");
		if (rq->block_n + frame.len > sizeof rq->joined)
			return head_wrong(rq->out, "the request's fields are too long");
		memcpy(rq->joined + rq->block_n, frame.body, frame.len);
		rq->block_n += frame.len;
	}
	return HEAD_DONE;
}

static enum head_result take_block(struct request *rq, const struct frame *frame)
{
	if (frame->stream % 2 == 0 || !find_block(rq, frame))
		return head_wrong(rq->out, "the frame HEADERS is malformed");
	return frame->flags & END_HEADERS ? HEAD_DONE : join_block(rq, frame->stream);
}

/* Reads frames up to the first request. */
static enum head_result find_request(struct request *rq)
{
	struct frame frame;
	bool is_first = true;

	for (;; is_first = false) {
		enum head_result result = take_frame(rq, &frame);

		if (result != HEAD_DONE)
			return result;
		if (is_first && (frame.type != SETTINGS || frame.stream != 0 || frame.flags & ACK))
			return head_wrong(rq->out, "expected the frame SETTINGS first");
		if (!may_begin_a_connection(frame.type))
			return head_wrong(rq->out, "expected the frame HEADERS");
		if (frame.type == HEADERS)
			return take_block(rq, &frame);
	}
}

/* ---- fields ---- */

struct fields {
	bool has_authority, has_host, has_path;
	char host[HEAD_HOST_SIZE]; /* of the field "host" */
};

static bool is_named(const nghttp2_nv *field, const char *name)
{
	return field->namelen == strlen(name) && memcmp(field->name, name, field->namelen) == 0;
}

/* NULL: the field is right. */
static const char *take_field(const nghttp2_nv *field, struct fields *fields, struct head *out)
{
	if (is_named(field, ":authority")) {
		if (fields->has_authority)
			return "the field :authority comes twice";
		fields->has_authority = true;
		if (!head_take_host(field->value, field->valuelen, out->host))
			return "the field :authority is malformed";
	} else if (is_named(field, "host")) {
		if (fields->has_host)
			return "the field host comes twice";
		fields->has_host = true;
		if (!head_take_host(field->value, field->valuelen, fields->host))
			return "the field host is malformed";
	} else if (is_named(field, ":path")) {
		if (fields->has_path)
			return "the field :path comes twice";
		fields->has_path = true;
		head_take_path(field->value, field->valuelen, out->path);
	}
	return NULL;
}

static enum head_result judge_fields(const struct fields *fields, struct head *out)
{
	if (fields->has_authority && fields->has_host && strcmp(fields->host, out->host) != 0)
		return head_wrong(out, "the fields :authority and host differ");
	if (!fields->has_authority && fields->has_host)
		memcpy(out->host, fields->host, sizeof out->host);
	return HEAD_DONE;
}

static enum head_result inflate(const struct request *rq, nghttp2_hd_inflater *inflater)
{
	struct fields fields = { .has_host = false };
	size_t at = 0;
	int flags = 0;

	while (!(flags & NGHTTP2_HD_INFLATE_FINAL)) {
		nghttp2_nv field;
		ssize_t n = nghttp2_hd_inflate_hd2(inflater, &field, &flags, rq->block + at,
		                                   rq->block_n - at, 1);
		const char *why = NULL;

		if (n < 0)
			return head_wrong(rq->out, "the compressed fields are malformed");
		at += (size_t)n;
		if (flags & NGHTTP2_HD_INFLATE_EMIT)
			why = take_field(&field, &fields, rq->out);
		if (why)
			return head_wrong(rq->out, why);
	}
	nghttp2_hd_inflate_end_headers(inflater);
	return judge_fields(&fields, rq->out);
}

static enum head_result read_fields(const struct request *rq)
{
	nghttp2_hd_inflater *inflater;
	enum head_result result;

	if (nghttp2_hd_inflate_new(&inflater) != 0)
		return head_wrong(rq->out, "out of memory");
	result = inflate(rq, inflater);
	nghttp2_hd_inflate_del(inflater);
	return result;
}

enum head_result http2_read(const uint8_t *data, size_t n, struct head *out)
{
	struct request rq;
	enum head_result result;

	rq.data = data;
	rq.n = n;
	rq.at = HTTP2_PREFACE_SIZE;
	rq.out = out;
	result = find_request(&rq);
	return result == HEAD_DONE ? read_fields(&rq) : result;
}
