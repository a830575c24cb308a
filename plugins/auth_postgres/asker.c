#include "asker.h"

#include <stdio.h>

#include "verdict.h"

static const char statement[] = "spore_client";

/* ---- sending ---- */

static bool send_query(void *arg, struct ask *ask)
{
	struct asker *asker = arg;
	struct asker_shared *shared = asker->shared;
	struct query *query = (struct query *)ask;
	struct link_query sent = { NULL, query->text, query->name };

	if (asker->link.stage != LINK_READY)
		return false;
	if (!query->text && shared->prepares)
		sent.statement = statement;
	else if (!query->text)
		sent.text = shared->query;
	query->result = ASK_REFUSED; /* until the end of its rows has come */
	query->n_rows = 0;
	return link_query(&asker->link, &sent);
}

static void give_up(void *arg, const char *why)
{
	struct asker *asker = arg;

	link_give_up(&asker->link, why);
}

static const struct pipeline_ops pipeline_ops = { send_query, give_up, .max_running = 256 };

enum ask_result asker_send(struct asker *asker, struct query *query)
{
	return pipeline_send(&asker->pipeline, &query->ask);
}

bool asker_withdraw(struct asker *asker, struct query *query)
{
	return pipeline_withdraw(&asker->pipeline, &query->ask);
}

/* ---- a new connection ---- */

static void on_open(void *arg)
{
	struct asker *asker = arg;

	asker->n_described = 0;
	link_prepare(&asker->link, asker->shared->prepares ? statement : "", asker->shared->query);
}

static void give_up_with_error(struct asker *asker, const char *what, const PGresult *result)
{
	const char *text = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	char why[LINK_WHY_MAX], line[LINK_WHY_MAX];

	link_explain(text ? text : PQresultErrorMessage(result), line, sizeof line);
	snprintf(why, sizeof why, "%s%s", what, line);
	link_give_up(&asker->link, why);
}

/* Takes the result of the preparation, that of the description, and the end of both. */
static void set_up(struct asker *asker, const PGresult *result)
{
	char why[LINK_WHY_MAX];

	if (!result) {
		link_become_ready(&asker->link);
		pipeline_resume(&asker->pipeline);
	} else if (PQresultStatus(result) != PGRES_COMMAND_OK) {
		give_up_with_error(asker, "the query is refused: ", result);
	} else if (++asker->n_described == 2) {
		if (!verdict_on_form(result, why, sizeof why))
			link_give_up(&asker->link, why);
		else if (!verdict_on_columns(result, why, sizeof why))
			health_complain(&asker->shared->pipeline.health, why);
	}
}

/* ---- results ---- */

static void take_error(struct asker *asker, struct query *query, const PGresult *result)
{
	char text[LINK_WHY_MAX];

	switch (verdict_of(PQresultErrorField(result, PG_DIAG_SQLSTATE))) {
	case VERDICT_LOST:
		give_up_with_error(asker, "", result);
		break;
	case VERDICT_VALUE:
		query->result = ASK_BAD_RECORD;
		break;
	case VERDICT_REFUSED:
		link_explain(PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY), text,
		             sizeof text);
		health_complain(&asker->shared->pipeline.health, text);
		query->result = ASK_REFUSED;
		break;
	}
}

/* Takes a result of a query: a row, the end of the rows, or an error. */
static void take_result(struct asker *asker, struct query *query, const PGresult *result)
{
	switch (PQresultStatus(result)) {
	case PGRES_SINGLE_TUPLE:
		if (query->on_row)
			query->on_row(query, result, query->n_rows);
		query->n_rows++;
		break;
	case PGRES_TUPLES_OK:
		query->result = ASK_REPLIED;
		break;
	case PGRES_FATAL_ERROR:
		take_error(asker, query, result);
		break;
	case PGRES_COMMAND_OK:
	case PGRES_EMPTY_QUERY:
		health_complain(&asker->shared->pipeline.health,
		                "what it replies is not a list of rows: is the query a select?");
		break;
	default:
		link_give_up(&asker->link, "what it replies is not a list of rows");
		break;
	}
}

static void on_result(void *arg, const PGresult *result)
{
	struct asker *asker = arg;
	struct query *query = (struct query *)pipeline_oldest(&asker->pipeline);

	if (asker->link.stage == LINK_SET_UP)
		set_up(asker, result);
	else if (!query)
		link_give_up(&asker->link, "it replies without a question");
	else if (result)
		take_result(asker, query, result);
	else
		pipeline_end(&asker->pipeline, query->result, NULL);
}

static void on_lost(void *arg, const char *why, bool was_ready)
{
	struct asker *asker = arg;

	pipeline_lose(&asker->pipeline, NULL, why, was_ready);
	if (asker->on_lost)
		asker->on_lost(asker->arg);
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
	asker->link = (struct link){
		.host = shared->host,
		.worker = worker,
		.target = &shared->target,
		.connect_ms = shared->connect_ms,
		.on_open = on_open,
		.on_result = on_result,
		.on_lost = on_lost,
		.arg = asker,
	};
	if (!pipeline_start(&asker->pipeline))
		return false;
	if (link_start(&asker->link))
		return true;
	pipeline_stop(&asker->pipeline);
	return false;
}

void asker_stop(struct asker *asker)
{
	asker->on_lost = NULL;
	link_stop(&asker->link);
	pipeline_stop(&asker->pipeline);
}
