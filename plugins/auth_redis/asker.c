#include "asker.h"

/* ---- the connection ---- */

static bool send_command(void *arg, struct ask *ask)
{
	struct asker *asker = arg;
	const struct command *command = (const struct command *)ask;

	return primary_send(&asker->primary, command->n_words, command->words);
}

static void give_up(void *arg, const char *why)
{
	struct asker *asker = arg;

	primary_give_up(&asker->primary, why);
}

static const struct pipeline_ops pipeline_ops = { send_command, give_up, .max_running = 1000 };

static void on_ready(void *arg)
{
	struct asker *asker = arg;

	pipeline_resume(&asker->pipeline);
}

static void on_reply(void *arg, const redisReply *reply)
{
	struct asker *asker = arg;

	if (pipeline_oldest(&asker->pipeline))
		pipeline_end(&asker->pipeline, ASK_REPLIED, reply);
	else
		primary_give_up(&asker->primary, "it replies without a question");
}

static void on_lost(void *arg, const char *why, bool was_ready)
{
	struct asker *asker = arg;
	char place[PLACE_HOST_MAX + 16];

	primary_print(&asker->primary, place, sizeof place);
	pipeline_lose(&asker->pipeline, place, why, was_ready);
	if (asker->on_lost)
		asker->on_lost(asker->arg);
}

/* ---- questions ---- */

enum ask_result asker_send(struct asker *asker, struct command *command)
{
	return pipeline_send(&asker->pipeline, &command->ask);
}

bool asker_withdraw(struct asker *asker, struct command *command)
{
	return pipeline_withdraw(&asker->pipeline, &command->ask);
}

/* ---- the primary moves ---- */

static void on_move(void *arg)
{
	struct asker *asker = arg;
	struct place place;

	pthread_mutex_lock(&asker->shared->lock);
	place = asker->shared->primary_at;
	pthread_mutex_unlock(&asker->shared->lock);
	primary_move(&asker->primary, &place);
}

/* The host refuses a post to a worker that stops, and runs an accepted one before the worker stops.
 * So the asker is there when on_move() runs. */
void asker_move_all(struct asker_shared *shared, const struct place *place)
{
	pthread_mutex_lock(&shared->lock);
	shared->primary_at = *place;
	for (struct asker *asker = shared->askers; asker; asker = asker->next)
		shared->host->post(asker->worker, on_move, asker);
	pthread_mutex_unlock(&shared->lock);
}

static void enlist(struct asker *asker)
{
	pthread_mutex_lock(&asker->shared->lock);
	asker->next = asker->shared->askers;
	asker->shared->askers = asker;
	pthread_mutex_unlock(&asker->shared->lock);
}

static void strike_off(struct asker *asker)
{
	struct asker **at = &asker->shared->askers;

	pthread_mutex_lock(&asker->shared->lock);
	while (*at != asker)
		at = &(*at)->next;
	*at = asker->next;
	pthread_mutex_unlock(&asker->shared->lock);
}

/* ---- start and stop ---- */

bool asker_start(struct asker *asker, struct asker_shared *shared, spore_worker *worker)
{
	*asker = (struct asker){ .shared = shared, .worker = worker };
	asker->pipeline = (struct pipeline){
		.shared = &shared->pipeline,
		.worker = worker,
		.ops = &pipeline_ops,
		.arg = asker,
	};
	asker->primary = (struct primary){
		.conf = &shared->primary,
		.worker = worker,
		.on_ready = on_ready,
		.on_reply = on_reply,
		.on_lost = on_lost,
		.arg = asker,
	};
	if (!pipeline_start(&asker->pipeline))
		return false;
	if (primary_start(&asker->primary)) {
		enlist(asker);
		return true;
	}
	pipeline_stop(&asker->pipeline);
	return false;
}

void asker_stop(struct asker *asker)
{
	asker->on_lost = NULL;
	strike_off(asker);
	primary_stop(&asker->primary);
	pipeline_stop(&asker->pipeline);
}
