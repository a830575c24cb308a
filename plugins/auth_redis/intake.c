#include "intake.h"

static void *create_array(const redisReadTask *task, intake_count n)
{
	const struct intake *intake = task->privdata;

	return (size_t)n <= INTAKE_ELEMENTS_MAX ? intake->create_array(task, n) : NULL;
}

bool intake_init(struct intake *intake)
{
	*intake = (struct intake){ .reader = redisReaderCreate() };
	if (!intake->reader)
		return false;
	intake->functions = *intake->reader->fn;
	intake->create_array = intake->functions.createArray;
	intake->functions.createArray = create_array;
	intake->reader->fn = &intake->functions;
	intake->reader->privdata = intake;
	return true;
}

void intake_fini(struct intake *intake)
{
	if (intake->reader)
		redisReaderFree(intake->reader);
	*intake = (struct intake){ 0 };
}

bool intake_feed(struct intake *intake, const char *bytes, size_t len)
{
	intake->n_unread += len;
	return redisReaderFeed(intake->reader, bytes, len) == REDIS_OK;
}

bool intake_next(struct intake *intake, redisReply **reply_out)
{
	void *reply = NULL;
	bool good = redisReaderGetReply(intake->reader, &reply) == REDIS_OK;

	if (reply)
		intake->n_unread = 0;
	*reply_out = reply;
	return good && intake->n_unread <= INTAKE_BYTES_MAX;
}

/* Wipes no list in the list: only SCAN has one, and it holds only names. */
void intake_free(redisReply *reply)
{
	for (size_t i = 0; reply->type == REDIS_REPLY_ARRAY && i < reply->elements; i++) {
		redisReply *element = reply->element[i];

		if (element && element->type == REDIS_REPLY_STRING)
			explicit_bzero(element->str, (size_t)element->len);
	}
	freeReplyObject(reply);
}
