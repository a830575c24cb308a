#include "model.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void copy_text(const cJSON *object, const char *key, char out[MODEL_TEXT])
{
	const cJSON *value = cJSON_GetObjectItemCaseSensitive(object, key);

	snprintf(out, MODEL_TEXT, "%s", cJSON_IsString(value) ? value->valuestring : "");
}

static double number_of(const cJSON *object, const char *key)
{
	const cJSON *value = cJSON_GetObjectItemCaseSensitive(object, key);

	return cJSON_IsNumber(value) ? value->valuedouble : 0;
}

/* ---- rows ---- */

static void read_client_row(const cJSON *item, struct model_row *row)
{
	const cJSON *lost = cJSON_GetObjectItemCaseSensitive(item, "last_error");

	copy_text(item, "name", row->name);
	copy_text(item, "public", row->public_at);
	copy_text(item, "local", row->local);
	copy_text(item, "state", row->state);
	copy_text(lost, "error", row->error);
	row->error_age_ms = number_of(lost, "age_ms");
	row->retry_in_ms = number_of(item, "retry_in_ms");
	memcpy(row->key, row->name, sizeof row->key);
}

static void read_server_row(const cJSON *item, struct model_row *row)
{
	snprintf(row->public_at, sizeof row->public_at, "port %.0f", number_of(item, "port"));
	snprintf(row->key, sizeof row->key, "%.0f", number_of(item, "id"));
	copy_text(item, "name", row->name);
	copy_text(item, "client", row->local);
	snprintf(row->state, sizeof row->state, "open");
}

static const struct model_row *find_row(const struct model *model, const char *key)
{
	for (size_t i = 0; i < model->n; i++) {
		if (strcmp(model->rows[i].key, key) == 0)
			return &model->rows[i];
	}
	return NULL;
}

/* Compares with the row that was there before. */
static void find_rate(const struct model *model, struct model_row *row, int64_t now_ms)
{
	const struct model_row *before = find_row(model, row->key);
	double passed_s = (double)(now_ms - model->rows_ms) / 1000.0;

	row->rate = -1;
	if (before && passed_s > 0.05 && row->bytes >= before->bytes)
		row->rate = (row->bytes - before->bytes) / passed_s;
}

static void take_rows(struct model *model, const cJSON *list, int64_t now_ms)
{
	size_t room = (size_t)cJSON_GetArraySize(list), n = 0;
	struct model_row *rows = calloc(room + 1, sizeof *rows);
	const cJSON *item;

	if (!rows)
		return;
	model->rate = 0;
	cJSON_ArrayForEach(item, list)
	{
		struct model_row *row = &rows[n++];

		(model->is_client ? read_client_row : read_server_row)(item, row);
		row->visitors = number_of(item, "visitors");
		row->visitors_all = number_of(item, "visitors_all");
		row->bytes = number_of(item, "bytes_up") + number_of(item, "bytes_down");
		find_rate(model, row, now_ms);
		model->rate += row->rate > 0 ? row->rate : 0;
	}
	free(model->rows);
	model->rows = rows;
	model->n = n;
	model->rows_ms = now_ms;
}

/* ---- answers ---- */

void model_take_status(struct model *model, const cJSON *status, int64_t now_ms)
{
	char role[MODEL_TEXT];

	copy_text(status, "role", role);
	copy_text(status, "version", model->version);
	copy_text(status, "state", model->state);
	copy_text(status, "not_ready", model->not_ready);
	model->is_client = strcmp(role, "client") == 0;
	copy_text(status, model->is_client ? "server" : "control_port", model->server);
	model->up_ms = number_of(status, "up_ms");
	model->visitors = number_of(status, "visitors");
	model->losses = number_of(status, "losses");
	model->refusals = number_of(status, "refusals");
	model->is_known = true;
	if (!model->is_client)
		return;
	model->n_all = number_of(status, "all");
	take_rows(model, cJSON_GetObjectItemCaseSensitive(status, "each_tunnel"), now_ms);
}

void model_take_tunnels(struct model *model, const cJSON *tunnels, int64_t now_ms)
{
	model->n_all = number_of(tunnels, "all");
	take_rows(model, cJSON_GetObjectItemCaseSensitive(tunnels, "tunnels"), now_ms);
}

/* ---- order ---- */

static int by_number(double a, double b)
{
	return (a < b) - (a > b);
}

static int by_rate(const void *a, const void *b)
{
	const struct model_row *one = a, *other = b;
	int order = by_number(one->rate, other->rate);

	return order ? order : by_number(one->bytes, other->bytes);
}

static int by_visitors(const void *a, const void *b)
{
	return by_number(((const struct model_row *)a)->visitors,
	                 ((const struct model_row *)b)->visitors);
}

static int by_bytes(const void *a, const void *b)
{
	return by_number(((const struct model_row *)a)->bytes,
	                 ((const struct model_row *)b)->bytes);
}

static int by_name(const void *a, const void *b)
{
	const struct model_row *one = a, *other = b;
	int order = strcmp(one->name, other->name);

	return order ? order : strcmp(one->public_at, other->public_at);
}

void model_sort(struct model *model, enum model_sort by)
{
	static int (*const orders[SORT_WAYS])(const void *, const void *) = {
		[SORT_RATE] = by_rate,
		[SORT_VISITORS] = by_visitors,
		[SORT_BYTES] = by_bytes,
		[SORT_NAME] = by_name,
	};

	if (model->n > 1)
		qsort(model->rows, model->n, sizeof *model->rows, orders[by]);
}

void model_fini(struct model *model)
{
	free(model->rows);
	*model = (struct model){ .rows = NULL };
}
