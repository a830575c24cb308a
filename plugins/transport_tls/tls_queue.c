#include "tls_queue.h"

void tls_queue_add(struct tls_stream *stream)
{
	struct tls_worker *worker = stream->worker;
	struct tls_stream *oldest = worker->oldest;

	if (worker->n_shaking == worker->max_shaking) {
		tls_queue_remove(oldest);
		oldest->evicted = true;
		worker->tls->host->conn_wake(oldest->conn);
	}
	stream->shaking = true;
	stream->older = worker->newest;
	if (stream->older)
		stream->older->newer = stream;
	else
		worker->oldest = stream;
	worker->newest = stream;
	worker->n_shaking++;
}

void tls_queue_remove(struct tls_stream *stream)
{
	struct tls_worker *worker = stream->worker;

	if (!stream->shaking)
		return;
	stream->shaking = false;
	if (stream->older)
		stream->older->newer = stream->newer;
	else
		worker->oldest = stream->newer;
	if (stream->newer)
		stream->newer->older = stream->older;
	else
		worker->newest = stream->older;
	stream->older = stream->newer = NULL;
	worker->n_shaking--;
}
