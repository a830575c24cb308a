#include "chain/event_record.h"

#include <stdio.h>

#include "suite.h"

static void expect_text(spore_str text, const char *expected)
{
	ck_assert_uint_eq(text.len, strlen(expected));
	ck_assert_mem_eq(text.ptr, expected, text.len);
}

START_TEST(the_texts_are_copied)
{
	char texts[6][8];
	spore_event event = { .struct_size = sizeof event,
		              .type = SPORE_EVENT_RELOADED,
		              .port = 7 };
	spore_str *fields[6] = { &event.identity, &event.name,   &event.visitor,
		                 &event.reason,   &event.plugin, &event.detail };
	struct event_record *record;
	const spore_event *copy;

	for (int i = 0; i < 6; i++) {
		snprintf(texts[i], sizeof texts[i], "text %d", i);
		*fields[i] = (spore_str){ texts[i], (size_t)i + 1 };
	}
	record = event_record_new(&event);
	ck_assert_ptr_nonnull(record);
	memset(texts, 'x', sizeof texts);
	copy = event_record_event(record);
	ck_assert_uint_eq(copy->type, SPORE_EVENT_RELOADED);
	ck_assert_uint_eq(copy->port, 7);
	expect_text(copy->identity, "t");
	expect_text(copy->name, "te");
	expect_text(copy->visitor, "tex");
	expect_text(copy->reason, "text");
	expect_text(copy->plugin, "text ");
	expect_text(copy->detail, "text 5");
	event_record_unref(record);
}
END_TEST

START_TEST(a_record_lives_as_long_as_its_references)
{
	struct event_record *record = event_record_new(&(spore_event){ .port = 9 });

	ck_assert_ptr_eq(event_record_ref(record), record);
	event_record_unref(record);
	ck_assert_uint_eq(event_record_event(record)->port, 9);
	ck_assert_uint_eq(event_record_event(record)->name.len, 0);
	event_record_unref(record);
}
END_TEST

SUITE("event_record", the_texts_are_copied, a_record_lives_as_long_as_its_references)
