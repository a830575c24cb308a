#include "reply.h"

#include <stdio.h>

static bool set_wrong(char wrong[REPLY_WRONG_MAX], spore_str field, const char *text)
{
	snprintf(wrong, REPLY_WRONG_MAX, "the field %.*s: %s",
	         (int)(field.len < 40 ? field.len : 40), field.ptr, text);
	return false;
}

static bool is_string(const redisReply *reply)
{
	return reply->type == REDIS_REPLY_STRING;
}

static spore_str text_of(const redisReply *reply)
{
	return (spore_str){ reply->str, (size_t)reply->len };
}

static bool read_fields(const redisReply *reply, const spore_host *host, struct record *record,
                        char wrong[REPLY_WRONG_MAX])
{
	const char *text;

	for (size_t i = 0; i + 1 < reply->elements; i += 2) {
		const redisReply *field = reply->element[i], *value = reply->element[i + 1];

		if (!is_string(field) || !is_string(value))
			return set_wrong(wrong, (spore_str){ "", 0 }, "expected a text");
		text = record_set(record, host, text_of(field), text_of(value));
		if (text)
			return set_wrong(wrong, text_of(field), text);
	}
	text = record_fault(record);
	if (text)
		snprintf(wrong, REPLY_WRONG_MAX, "%s", text);
	return !text;
}

enum store_reply reply_read(const redisReply *reply, const spore_host *host, struct record *record,
                            char wrong[REPLY_WRONG_MAX])
{
	*record = (struct record){ 0 };
	if (reply->type == REDIS_REPLY_ERROR) {
		bool is_type = strncmp(reply->str, "WRONGTYPE", 9) == 0;
		const char *text = *reply->str ? reply->str : "an error without a text";

		snprintf(wrong, REPLY_WRONG_MAX, "%s", is_type ? "its key is not a hash" : text);
		return is_type ? STORE_WRONG : STORE_FAILED;
	}
	if (reply->type != REDIS_REPLY_ARRAY || reply->elements % 2) {
		snprintf(wrong, REPLY_WRONG_MAX, "the reply is not one to HGETALL");
		return STORE_FAILED;
	}
	if (reply->elements == 0)
		return STORE_UNKNOWN;
	return read_fields(reply, host, record, wrong) ? STORE_FOUND : STORE_WRONG;
}
