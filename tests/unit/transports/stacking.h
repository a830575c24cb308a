/* stacking - puts streams of tests on a connection, as chain/transport does with those of plugins.
 * */
#ifndef UNIT_STACKING_H
#define UNIT_STACKING_H

#include <check.h>

#include "net/conn.h"
#include "net/layer.h"
#include "net/stream.h"

/* `secure`: its transport claims to be secure. */
static inline void stacking_push(struct stream *stream, spore_stream *upper, bool secure)
{
	const struct layer_origin origin = { .name = "test", .secure = secure };

	ck_assert(stream_push(stream, upper, &origin));
}

/* The topmost of those streams. */
static inline spore_stream *stacking_top(struct stream *stream)
{
	const struct spore_conn *conn = stream_conn(stream);

	ck_assert_uint_gt(conn->n_layers, 0);
	return conn->layers[conn->n_layers - 1]->guest;
}

#endif
