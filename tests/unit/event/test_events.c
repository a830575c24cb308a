#include "event/events.h"

#include "scene/event_scene.h"
#include "suite.h"

START_TEST(nobody_listens_to_an_empty_chain)
{
	struct event_scene scene;

	event_scene_open(&scene, 0, 0);
	ck_assert(!events_are_wanted(&scene.set));
	events_tell(&scene.set, &(spore_event){ .type = SPORE_EVENT_RELOADED });
	event_scene_close(&scene);
}
END_TEST

START_TEST(an_event_is_complete_and_goes_to_all)
{
	int64_t before_ms, after_ms;
	struct event_scene scene;
	const spore_event *event;

	event_scene_open(&scene, 2, 10);
	ck_assert(events_are_wanted(&scene.set));
	before_ms = host_table()->wall_ms();
	events_tell(&scene.set,
	            &(spore_event){ .type = SPORE_EVENT_RELOADED, .reason = spore_cstr("done") });
	after_ms = host_table()->wall_ms();
	event = event_scene_get(&scene, 0);
	ck_assert_uint_eq(event->type, SPORE_EVENT_RELOADED);
	ck_assert_uint_eq(event->struct_size, sizeof *event);
	ck_assert_int_ge(event->wall_ms, before_ms);
	ck_assert_int_le(event->wall_ms, after_ms);
	ck_assert_uint_eq(event->reason.len, 4);
	while (event_scene_ear(&scene, 1)->n == 0)
		;
	event_scene_close(&scene);
}
END_TEST

/* The other listener gets what this one misses. */
START_TEST(a_listener_that_hangs_does_not_hold_up_another)
{
	struct event_scene scene;
	struct event_ear *ear;

	event_scene_open(&scene, 2, 3);
	ear = event_scene_ear(&scene, 1);
	pthread_mutex_lock(&ear->gate);
	for (uint32_t i = 0; i < 20; i++) {
		events_tell(&scene.set, &(spore_event){ .port = i });
		ck_assert_uint_eq(event_scene_get(&scene, i)->port, i);
	}
	ck_assert_uint_eq(ear->n, 0);
	pthread_mutex_unlock(&ear->gate);
	event_scene_close(&scene);
}
END_TEST

SUITE("events", nobody_listens_to_an_empty_chain, an_event_is_complete_and_goes_to_all,
      a_listener_that_hangs_does_not_hold_up_another)
