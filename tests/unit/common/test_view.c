#include "view.h"

#include "suite.h"

static struct event_value look(const spore_event *event, enum event_field field)
{
	static struct event_value value;

	event_look(event, field, &value);
	return value;
}

static void expect_text(const spore_event *event, enum event_field field, const char *expected)
{
	struct event_value value;

	event_look(event, field, &value);
	ck_assert_int_eq(value.kind, EVENT_TEXT);
	ck_assert_uint_eq(value.text.len, strlen(expected));
	ck_assert_mem_eq(value.text.ptr, expected, value.text.len);
}

START_TEST(names_are_found)
{
	for (unsigned i = 0; i < EVENT_FIELDS; i++) {
		const char *name = event_field_name((enum event_field)i);

		ck_assert_uint_eq(event_field_find(spore_cstr(name)), i);
	}
	ck_assert_uint_eq(event_field_find(spore_cstr("tim")), EVENT_FIELDS);
	for (uint32_t type = SPORE_EVENT_TUNNEL_OPENED; type <= SPORE_EVENT_RELOADED; type++)
		ck_assert_uint_eq(event_type_find(spore_cstr(event_type_name(type))), type);
	ck_assert_uint_eq(event_type_find(spore_cstr("")), 0);
	ck_assert_ptr_null(event_type_name(0));
	ck_assert_ptr_null(event_type_name(SPORE_EVENT_RELOADED + 1));
}
END_TEST

START_TEST(addresses)
{
	spore_event event = { .peer = { .family = 4,
		                        .port = 80,
		                        .ip = { [10] = 0xff, [11] = 0xff, 192, 0, 2, 1 } } };

	expect_text(&event, EVENT_PEER, "192.0.2.1:80");
	expect_text(&event, EVENT_IP, "192.0.2.1");
	event.peer = (spore_addr){ .family = 6, .port = 65535, .ip = { [15] = 1 } };
	expect_text(&event, EVENT_PEER, "[::1]:65535");
	expect_text(&event, EVENT_IP, "::1");
	memset(event.peer.ip, 0xfd, 16);
	event.peer.scope_id = UINT32_MAX;
	expect_text(&event, EVENT_PEER,
	            "[fdfd:fdfd:fdfd:fdfd:fdfd:fdfd:fdfd:fdfd%4294967295]:65535");
	event.peer = (spore_addr){ .family = 0 };
	ck_assert_int_eq(look(&event, EVENT_PEER).kind, EVENT_NONE);
	ck_assert_int_eq(look(&event, EVENT_IP).kind, EVENT_NONE);
}
END_TEST

START_TEST(a_number_that_is_0_is_there_if_it_means_something)
{
	spore_event event = { .type = SPORE_EVENT_VISITOR_ENDED };

	ck_assert_int_eq(look(&event, EVENT_BYTES_UP).kind, EVENT_NUMBER);
	ck_assert_int_eq(look(&event, EVENT_VISITORS).kind, EVENT_NONE);
	event.type = SPORE_EVENT_CLIENT_REFUSED;
	ck_assert_int_eq(look(&event, EVENT_BYTES_UP).kind, EVENT_NONE);
	ck_assert_int_eq(look(&event, EVENT_PORT).kind, EVENT_NONE);
	event.port = 9;
	ck_assert_int_eq(look(&event, EVENT_PORT).number, 9);
	event.type = SPORE_EVENT_TUNNEL_CLOSED;
	ck_assert_int_eq(look(&event, EVENT_VISITORS).kind, EVENT_NUMBER);
}
END_TEST

START_TEST(texts_and_times)
{
	spore_event event = { .type = SPORE_EVENT_RELOADED,
		              .wall_ms = 1767225600007,
		              .identity = { "i", 1 },
		              .name = { "n", 1 },
		              .visitor = { "v", 1 },
		              .reason = { "r", 1 },
		              .plugin = { "p", 1 },
		              .detail = { "d", 1 } };

	expect_text(&event, EVENT_TIME, "2026-01-01T00:00:00.007Z");
	expect_text(&event, EVENT_TYPE, "reloaded");
	expect_text(&event, EVENT_IDENTITY, "i");
	expect_text(&event, EVENT_NAME, "n");
	expect_text(&event, EVENT_VISITOR, "v");
	expect_text(&event, EVENT_REASON, "r");
	expect_text(&event, EVENT_PLUGIN, "p");
	expect_text(&event, EVENT_DETAIL, "d");
}
END_TEST

SUITE("view", names_are_found, addresses, a_number_that_is_0_is_there_if_it_means_something,
      texts_and_times)
