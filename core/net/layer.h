/* layer - a transport's stream in the stack of a connection, and the check of what it returns.
 *
 *      stream ──▶ layer ──▶ transport's stream ──▶ layer ──▶ ... ──▶ the socket
 *
 * A layer is a stream of the host. It passes each call to the transport's stream, named for the log
 * (thread/guest), and checks the result. The host and the next transport call the layer only, so a
 * result that the SDK does not allow reaches neither of them: it is reported, and the call fails.
 * [worker] */
#ifndef CORE_LAYER_H
#define CORE_LAYER_H

#include <spore/transport.h>
#include <stdbool.h>

#include "net/stall.h"

struct layer;
struct pace;

/* Gets a fault of the layer's transport as one line, such as "readv() returned ...". The callee
 * must silence all layers of the stack. */
typedef void (*layer_fault_fn)(struct layer *layer, const char *call, const char *text);

/* Who made the transport's stream. */
struct layer_origin {
	const char *name;     /* of the instance; permanent */
	const void *instance; /* opaque here; its maker knows the type */
	struct pace *pace;    /* of the log lines about its faults; NULL: log all */
	bool secure;          /* the transport claims to be secure */
};

struct layer {
	spore_stream base;   /* the host's; what the layer above calls */
	spore_stream *guest; /* the transport's; owned until it is closed */
	struct layer_origin origin;
	layer_fault_fn on_fault;
	void *arg; /* of on_fault */
	struct stall stall;
	bool closed;
};

/* NULL: out of memory, and `guest` still belongs to the caller. */
struct layer *layer_new(spore_stream *guest, const struct layer_origin *origin,
                        layer_fault_fn on_fault, void *arg);
/* The transport's stream must have been closed. */
void layer_free(struct layer *layer);

/* From now on the layer fails each call, without calling the transport, until it is closed. */
void layer_silence(struct layer *layer);
/* Reports a fault that was found outside of the layer. */
__attribute__((format(printf, 3, 4))) void layer_fault(struct layer *layer, const char *call,
                                                       const char *format, ...);

/* The number of bytes that this transport and those below it hold back. */
size_t layer_pending(struct layer *layer);
/* Calls spore_stream_ops.attr of the transport. */
bool layer_attr(struct layer *layer, const char *key, size_t index, spore_str *out);
/* The transport's words for its failure; NULL: none. */
const char *layer_error(struct layer *layer);
/* The layer has both detach and attach. */
bool layer_can_move(const struct layer *layer);
/* Both call the slot of spore_stream_ops. A result that is not allowed is reported and becomes
 * SPORE_EINVAL. */
spore_status layer_detach(struct layer *layer);
spore_status layer_attach(struct layer *layer, void *state);

#endif
