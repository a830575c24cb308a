/* model - what is known of a server or client: the last answers of its admin socket, and what has
 * moved between them. */
#ifndef SCREEN_MODEL_H
#define SCREEN_MODEL_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MODEL_TEXT = 256 };

/* The texts are as they came: clean them before they are shown. */
struct model_row {
	char key[MODEL_TEXT]; /* tells rows apart */
	char public_at[MODEL_TEXT], name[MODEL_TEXT], local[MODEL_TEXT], state[MODEL_TEXT];
	char error[MODEL_TEXT]; /* the last one; "": none */
	double error_age_ms, retry_in_ms;
	double visitors, visitors_all, bytes;
	double rate; /* bytes per second, both directions; -1: not known yet */
};

enum model_sort { SORT_RATE, SORT_VISITORS, SORT_BYTES, SORT_NAME, SORT_WAYS };

struct model {
	bool is_known, is_client;
	char version[MODEL_TEXT], state[MODEL_TEXT], server[MODEL_TEXT], not_ready[MODEL_TEXT];
	double up_ms, visitors, losses, refusals;
	double rate;            /* of all rows */
	struct model_row *rows; /* owned */
	size_t n;
	double n_all;    /* counts rows that were not listed, too */
	int64_t rows_ms; /* when they came */
};

/* Takes the answer to "status". */
void model_take_status(struct model *model, const cJSON *status, int64_t now_ms);
/* Takes a server's answer to "tunnels". */
void model_take_tunnels(struct model *model, const cJSON *tunnels, int64_t now_ms);
void model_sort(struct model *model, enum model_sort by);
void model_fini(struct model *model);

#endif
