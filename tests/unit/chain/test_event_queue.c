#include "chain/event_queue.h"

#include "capture.h"
#include "scene/event_scene.h"
#include "suite.h"

static void offer(struct event_scene *scene, uint32_t port)
{
	struct event_record *record = event_record_new(&(spore_event){ .port = port });

	event_queue_offer(scene->chain->items[0], record);
	event_record_unref(record);
}

static void wait_until_inside(struct event_ear *ear)
{
	int64_t until_ms = clock_ms() + HOST_SCENE_MS;

	while (!ear->is_inside && clock_ms() < until_ms)
		nanosleep(&(struct timespec){ 0, 1000000L }, NULL);
	ck_assert(ear->is_inside);
}

struct sum {
	const char *name;
	double value;
	bool is_ours;
};

static void on_family(void *arg, const spore_metric_spec *family)
{
	struct sum *sum = arg;

	sum->is_ours = strcmp(family->name, sum->name) == 0;
}

static void on_value(void *arg, const spore_kv *labels, size_t n, double value)
{
	struct sum *sum = arg;

	(void)labels, (void)n;
	if (sum->is_ours)
		sum->value += value;
}

static void on_histogram(void *arg, const spore_kv *labels, size_t n, const double *bounds,
                         const uint64_t *cumulative, size_t n_bounds, uint64_t count, double value)
{
	(void)arg, (void)labels, (void)n, (void)bounds, (void)cumulative, (void)n_bounds;
	(void)count, (void)value;
}

static void on_end(void *arg)
{
	(void)arg;
}

static double read_metric(struct event_scene *scene, const char *name)
{
	static const spore_metric_visitor visitor = { sizeof visitor, 0,     on_family, on_value,
		                                      on_histogram,   on_end };
	struct sum sum = { .name = name };

	metrics_visit(scene->host.services.metrics, &visitor, &sum);
	return sum.value;
}

START_TEST(events_arrive_in_order_and_are_counted)
{
	struct event_scene scene;

	event_scene_open(&scene, 1, 100);
	for (uint32_t i = 0; i < 50; i++)
		offer(&scene, i);
	for (uint32_t i = 0; i < 50; i++)
		ck_assert_uint_eq(event_scene_get(&scene, i)->port, i);
	while (event_scene_ear(&scene, 0)->is_inside)
		;
	event_scene_close(&scene);
}
END_TEST

/* The listener hangs with the first event; two more wait. */
START_TEST(a_listener_that_hangs_costs_a_counter_and_a_line)
{
	static struct capture capture;
	struct event_scene scene;
	struct event_ear *ear;

	event_scene_open(&scene, 1, 2);
	ear = event_scene_ear(&scene, 0);
	pthread_mutex_lock(&ear->gate);
	offer(&scene, 0);
	wait_until_inside(ear);
	capture_begin(&capture);
	for (uint32_t i = 1; i < 10; i++)
		offer(&scene, i);
	event_queue_offer(scene.chain->items[0], NULL); /* out of memory */
	capture_end(&capture);
	ck_assert_ptr_nonnull(strstr(capture_err(&capture), "event dropped"));
	ck_assert_ptr_null(strstr(strstr(capture_err(&capture), "dropped") + 1, "dropped"));
	ck_assert_double_eq(read_metric(&scene, "spore_events_dropped_total"), 8);
	ck_assert_uint_eq(ear->n, 0);
	pthread_mutex_unlock(&ear->gate);
	ck_assert_uint_eq(event_scene_get(&scene, 2)->port, 2);
	offer(&scene, 10);
	ck_assert_uint_eq(event_scene_get(&scene, 3)->port, 10);
	ck_assert_uint_eq(ear->dropped, 7); /* the record that was never made has no place */
	event_scene_close(&scene);
}
END_TEST

START_TEST(an_instance_stops_after_its_last_event)
{
	struct event_scene scene;
	struct event_ear *ear;

	event_scene_open(&scene, 1, 10);
	ear = event_scene_ear(&scene, 0);
	pthread_mutex_lock(&ear->gate);
	for (uint32_t i = 0; i < 5; i++)
		offer(&scene, i);
	instance_unref(scene.chain->items[0]);
	ck_assert(!retirer_finish(scene.host.retirer, 20)); /* its events are still delivered */
	scene.chain->n = 0;
	pthread_mutex_unlock(&ear->gate);
	event_scene_close(&scene);
}
END_TEST

START_TEST(other_kinds_have_no_queue)
{
	const spore_component component = { .kind = SPORE_KIND_METRICS };
	struct instance instance = { .component = &component };

	ck_assert(event_queue_attach(&instance, 10));
	ck_assert_ptr_null(instance.feed);
}
END_TEST

SUITE("event_queue", events_arrive_in_order_and_are_counted,
      a_listener_that_hangs_costs_a_counter_and_a_line, an_instance_stops_after_its_last_event,
      other_kinds_have_no_queue)
