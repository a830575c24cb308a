#include "event_json.h"

#include "suite.h"

static void expect(const spore_event *event, const char *text)
{
	struct json_writer json = { 0 };

	event_json_write(&json, event);
	ck_assert(json_writer_is_good(&json));
	ck_assert_uint_eq(json.len, strlen(text));
	ck_assert_mem_eq(json.bytes, text, json.len);
	json_writer_fini(&json);
}

START_TEST(members_are_what_the_event_has)
{
	expect(&(spore_event){ .type = SPORE_EVENT_RELOADED, .reason = { "done", 4 } },
	       "{\"time\":\"1970-01-01T00:00:00.000Z\",\"event\":\"reloaded\",\"reason\":"
	       "\"done\"}");
	expect(&(spore_event){ .type = SPORE_EVENT_VISITOR_ENDED,
	                       .peer = { .family = 6, .port = 5, .ip = { [15] = 1 } },
	                       .tunnel = 1,
	                       .port = 2,
	                       .bytes_up = 3,
	                       .duration_ms = 4 },
	       "{\"time\":\"1970-01-01T00:00:00.000Z\",\"event\":\"visitor_ended\",\"ip\":\"::1\","
	       "\"ip_port\":5,\"port\":2,\"tunnel\":1,\"bytes_up\":3,\"bytes_down\":0,"
	       "\"duration_ms\":4}");
}
END_TEST

START_TEST(untrusted_bytes_are_escaped)
{
	expect(&(spore_event){ .type = SPORE_EVENT_CLIENT_REFUSED, .name = { "\"\n\xff", 3 } },
	       "{\"time\":\"1970-01-01T00:00:00.000Z\",\"event\":\"client_refused\","
	       "\"name\":\"\\\"\\u000a\\ufffd\"}");
}
END_TEST

SUITE("event_json", members_are_what_the_event_has, untrusted_bytes_are_escaped)
